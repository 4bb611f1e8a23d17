"""How the simulator says no."""


class RefusedCall(Exception):
    """Answered as `success: false` with these messages; `status` is 200 for all that is about the business.

    `fields` are what else the answer is documented to have then.
    """

    def __init__(self, *messages: str, status: int = 200, **fields: object) -> None:
        super().__init__(*messages)
        self.messages = list(messages)
        self.status = status
        self.fields = fields
