"""`RefusedCall`: the simulator refuses a request."""


class RefusedCall(Exception):
    """Answered as `success: false` with these messages; `status` is 200 for refusals by a rule of the API.

    `fields` are additional fields that the answer is documented to have then.
    """

    def __init__(self, *messages: str, status: int = 200, **fields: object) -> None:
        super().__init__(*messages)
        self.messages = list(messages)
        self.status = status
        self.fields = fields
