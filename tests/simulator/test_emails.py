"""E-mails: created, sent and counted, tested through the client."""

import json
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import anyio
import httpx
import pytest

from salesmanago_async import Contact, Email, Invalid, Refused, SalesManago, Selector, Tag
from salesmanago_async.api.contact_details import SentEmail
from salesmanago_async.api.email_addressees import Personalized
from salesmanago_async.api.email_statistics import ConversationStatistics, MassConversations
from salesmanago_async.api.emails import Attachment, SendEmailWithAttachment
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator
from tests.conftest import EPOCH

pytestmark = pytest.mark.anyio

NOW = datetime.fromtimestamp(EPOCH, UTC)
HOUR = timedelta(hours=1)
VIP = Tag("VIP")
GIF = Attachment("poster.gif", bytes(range(256)) + b"\r\n--boundary\r\n\r\n", "image/x-poster")


async def customers(sm: SalesManago) -> None:
    """Ann and Bob are VIP and opted in, Cyd is VIP and opted out, Dan is neither."""
    await sm.contacts.upsert(Contact(email="ann@example.com", tags=["VIP"], external_id="A1"))
    await sm.contacts.upsert(Contact(email="bob@example.com", tags=["VIP"]))
    await sm.contacts.upsert(Contact(email="cyd@example.com", tags=["VIP"], force_opt_out=True))
    await sm.contacts.upsert(Contact(email="dan@example.com"))


async def made(sm: SalesManago, **changes: Any) -> str:
    fields: dict[str, Any] = {"subject": "A prize", "content": "<p>$cst.x$</p>", "sender_account_id": "s1"}
    answer = await sm.emails.upsert("Discount", email_owner=DEMO_OWNER, **{**fields, **changes})
    assert answer.email_id
    return answer.email_id


async def sent(sm: SalesManago, *, to: Selector = VIP, date: datetime = NOW) -> str:
    answer = await sm.emails.send(await made(sm), [to], date=date)
    assert answer.conversation_id
    return answer.conversation_id


async def emails_of(sm: SalesManago, name: str) -> tuple[SentEmail, ...]:
    (contact,) = await sm.contacts.get([f"{name}@example.com"])
    return contact.email_messages


async def statistics(
    sm: SalesManago, conversation_id: str | None = None, **options: Any
) -> list[ConversationStatistics]:
    job = await sm.emails.conversation_statistics(conversation_id, **options)
    async with job.records() as records:
        return [record async for record in records]


async def test_an_email_is_created_and_changed_and_keeps_its_owner(make_client: Any) -> None:
    simulator = Simulator(owners=[DEMO_OWNER, "other@vendor.pl"], clock=lambda: EPOCH)
    async with make_client(simulator) as sm:
        await customers(sm)
        email_id = await made(sm)
        assert await made(sm) != email_id
        assert await made(sm, email_id=email_id, subject="A better prize") == email_id
        with pytest.raises(Refused, match="owner"):
            await sm.emails.upsert(
                "Discount", subject="s", content="c", sender_account_id="s1", email_owner="other@vendor.pl",
                email_id=email_id,
            )  # fmt: skip
        await sm.emails.send(email_id, [Email("ann@example.com")], date=NOW)
        assert [(email.name, email.subject) for email in await emails_of(sm, "ann")] == [("Discount", "A better prize")]


async def test_an_email_owner_who_is_not_a_user_is_refused(sm: SalesManago) -> None:
    with pytest.raises(Refused, match="owner"):
        await sm.emails.upsert("n", subject="s", content="c", sender_account_id="s1", email_owner="nobody@vendor.pl")


async def test_an_email_goes_to_selected_contacts_that_are_opted_in(sm: SalesManago) -> None:
    await customers(sm)
    await sent(sm)
    assert {name: len(await emails_of(sm, name)) for name in ("ann", "bob", "cyd", "dan")} == {
        "ann": 1, "bob": 1, "cyd": 0, "dan": 0,
    }  # fmt: skip
    (email,) = await emails_of(sm, "ann")
    assert (email.name, email.subject, email.sent, email.date_sent, email.opened) == (
        "Discount", "A prize", True, NOW, False,
    )  # fmt: skip


async def test_a_contact_selected_twice_gets_one_email_and_excluded_ones_none(sm: SalesManago) -> None:
    await customers(sm)
    chosen: list[Selector | Personalized] = [
        Tag("VIP"),
        Personalized(Email("ann@example.com", "dan@example.com"), {"x": "1"}),
    ]
    await sm.emails.send(await made(sm), chosen, date=NOW, exclude_contacts=[Email("bob@example.com")])
    assert {name: len(await emails_of(sm, name)) for name in ("ann", "bob", "dan")} == {"ann": 1, "bob": 0, "dan": 1}


async def test_an_email_waits_for_its_date(sm: SalesManago) -> None:
    await customers(sm)
    conversation_id = await sent(sm, date=NOW + HOUR)
    await anyio.sleep(3599)
    assert await emails_of(sm, "ann") == ()
    await sm.contacts.upsert(Contact(email="bob@example.com", force_opt_out=True))
    await anyio.sleep(1)
    (email,) = await emails_of(sm, "ann")
    assert email.date_sent == NOW + HOUR
    assert await emails_of(sm, "bob") == (), "a contact that opts out before the date gets nothing"
    (found,) = await statistics(sm, conversation_id)
    assert (found.date_sent, found.sent_message) == (NOW + HOUR, 1)


async def test_an_unknown_address_becomes_a_contact_that_is_opted_in(sm: SalesManago) -> None:
    conversation_id = await sent(sm, to=Email("new@example.com", "no address"))
    (contact,) = await sm.contacts.get(["new@example.com"])
    assert contact.opted_out is False
    assert len(contact.email_messages) == 1
    (found,) = await statistics(sm, conversation_id, export_type="SHORT")
    assert found.contacts == ("new@example.com",)


async def test_an_export_has_the_emails_too(sm: SalesManago) -> None:
    await customers(sm)
    await sent(sm)
    job = await sm.contacts.export([Email("ann@example.com")], ["EMAILS"])
    async with job.records() as records:
        (record,) = [record async for record in records]
    assert [(email.name, email.date_sent) for email in record.emails_data] == [("Discount", NOW)]
    assert record.emails_data == await emails_of(sm, "ann")


async def test_a_user_that_is_missing_or_unknown_is_refused(sm: SalesManago, make_client: Any) -> None:
    with pytest.raises(Refused, match="User not authenticated"):
        await sm.emails.message_statistics("c1", user="nobody@vendor.pl")
    async with make_client(Simulator(), owner=None) as without_owner:
        with pytest.raises(Refused, match="User cannot be empty"):
            await without_owner.emails.send("e1", [Tag("VIP")], date=NOW)


@pytest.mark.parametrize(
    ("tag", "email", "message", "sent_emails"),
    [
        (None, "cyd", "Contact exists - confirmation email sent", 1),
        ("VIP", "cyd", "Contact exists - confirmation email sent", 1),
        ("OTHER", "cyd", "Contact exists - not marked with the tag", 0),
        (None, "ann", "Contact exists - already opted in", 0),
    ],
)
async def test_only_the_opted_out_are_asked_to_confirm(
    tag: str | None, email: str, message: str, sent_emails: int, sm: SalesManago
) -> None:
    await customers(sm)
    answer = await sm.emails.send_confirmation(f"{email}@example.com", tag=tag)
    assert (answer.contact_exists, answer.message) == (True, (message,))
    assert answer.contact_id == (await sm.contacts.has(f"{email}@example.com")).contact_id
    assert len(await emails_of(sm, email)) == sent_emails


async def test_a_confirmation_creates_no_contact(sm: SalesManago) -> None:
    answer = await sm.emails.send_confirmation("nobody@example.com")
    assert (answer.contact_exists, answer.contact_id) == (False, None)
    assert (await sm.contacts.has("nobody@example.com")).result is False


# Statistics


async def test_the_three_scopes_have_increasing_detail(sm: SalesManago, simulator: Simulator) -> None:
    await customers(sm)
    conversation_id = await sent(sm)
    basic, short, full = [
        (await statistics(sm, conversation_id, export_type=kind))[0] for kind in ("BASIC", "SHORT", None)
    ]
    for found in (basic, short, full):
        assert (found.conversation_id, found.name, found.subject) == (conversation_id, "Discount", "A prize")
        assert (found.date_sent, found.sent_by, found.sent_message, found.unique_opens) == (NOW, DEMO_OWNER, 2, 0)
    assert short.contacts == ("ann@example.com", "bob@example.com")
    assert (basic.contacts, full.contacts, full.opened_by) == ((), (), ())


async def test_opens_and_clicks_are_counted(sm: SalesManago, simulator: Simulator) -> None:
    await customers(sm)
    conversation_id = await sent(sm)
    ann = (await sm.contacts.has("ann@example.com")).contact_id
    entry = simulator._store.contacts[str(ann)].emails[0]  # pyright: ignore[reportPrivateUsage]
    entry.update(opened=True, dateOpened=int(EPOCH + 5) * 1000)  # no call opens an e-mail
    (found,) = await statistics(sm, conversation_id)
    assert (found.opened_message, found.unique_opens, found.clicked_message, found.clicked_by) == (1, 1, 0, ())
    (opened,) = found.opened_by
    assert (opened.email, opened.contact_id, opened.external_id) == ("ann@example.com", ann, "A1")
    assert opened.date_opened == NOW + timedelta(seconds=5)
    total = await sm.emails.global_conversation_statistics(NOW, NOW + HOUR)
    assert (total.sent, total.opened, total.opened_unique, total.clicked) == (2, 1, 1, 0)


async def test_the_file_has_the_documented_shape(sm: SalesManago, catalogue: dict[str, dict[str, Any]]) -> None:
    await customers(sm)
    conversation_id = await sent(sm)
    documented = catalogue["email/conversationStatistics"]["files"]
    for kind, sample in zip(("BASIC", "SHORT", "FULL"), documented[:3], strict=True):
        (of_one,) = await raw_statistics(sm, conversation_id, export_type=kind)
        assert of_one.keys() == sample.keys() | {"message"}
    (of_span,) = await raw_statistics(sm, from_=NOW, to=NOW, export_type="BASIC")
    assert of_span.keys() == documented[3][0].keys()


async def raw_statistics(sm: SalesManago, conversation_id: str | None = None, **options: Any) -> list[dict[str, Any]]:
    job = await sm.emails.conversation_statistics(conversation_id, **options)
    async with job.records(raw=True) as records:
        return [record async for record in records]


async def test_a_span_includes_the_mailings_sent_in_it(sm: SalesManago) -> None:
    await customers(sm)
    first, second = await sent(sm), await sent(sm, date=NOW + 2 * HOUR)
    await anyio.sleep(3 * 3600)

    async def sent_in(start: int, end: int, **options: Any) -> list[str | None]:
        found = await statistics(sm, from_=NOW + start * HOUR, to=NOW + end * HOUR, **options)
        return [mailing.conversation_id for mailing in found]

    assert await sent_in(0, 0) == [first]
    assert await sent_in(1, 2) == [second]
    assert await sent_in(0, 2) == [first, second]
    assert await sent_in(3, 4) == []
    assert await sent_in(0, 2, conversation_type="MAILING") == [first, second]
    assert await sent_in(0, 2, conversation_type="BIRTHDAY") == []
    totals = await sm.emails.global_conversation_statistics(NOW, NOW + HOUR)
    assert (totals.from_, totals.to, totals.sent) == (NOW, NOW + HOUR, 2)
    assert (await sm.emails.global_conversation_statistics(NOW, NOW + 2 * HOUR)).sent == 4


async def test_a_mailing_is_listed_from_its_creation(sm: SalesManago) -> None:
    await customers(sm)
    first = await sent(sm, date=NOW + HOUR)
    await anyio.sleep(60)
    second = await sent(sm)
    minute = timedelta(seconds=60)

    async def listed(start: datetime, end: datetime) -> tuple[str, ...]:
        found: MassConversations = await sm.emails.mass_conversation_list(start, end)
        return found.conversation_list

    assert await listed(NOW, NOW + minute) == (first, second)
    assert await listed(NOW, NOW + minute / 2) == (first,)
    assert await listed(NOW + minute / 2, NOW + HOUR) == (second,)


async def test_recipients_are_listed_by_address_and_id(sm: SalesManago) -> None:
    await customers(sm)
    job = await sm.emails.message_statistics(await sent(sm))
    async with job.records() as records:
        (found,) = [record async for record in records]
    assert (found.name, found.subject, found.sent_message) == ("Discount", "A prize", 2)
    ids = [(await sm.contacts.has(f"{name}@example.com")).contact_id for name in ("ann", "bob")]
    assert [(one.email, one.contact_id) for one in found.sent_to] == [("ann@example.com", ids[0]), ("bob@example.com", ids[1])]  # fmt: skip  # noqa: E501


async def test_mailings_of_other_users_are_not_listed(make_client: Any) -> None:
    simulator = Simulator(owners=[DEMO_OWNER, "other@vendor.pl"], clock=lambda: EPOCH + anyio.current_time())
    async with make_client(simulator) as sm:
        await customers(sm)
        conversation_id = await sent(sm)
        (found,) = await statistics(sm, conversation_id, user="other@vendor.pl")
        assert (found.conversation_id, found.message) == (None, ("Conversation not found",))
        assert await statistics(sm, from_=NOW, to=NOW + HOUR, user="other@vendor.pl") == []
        theirs = await sm.emails.global_conversation_statistics(NOW, NOW + HOUR, user="other@vendor.pl")
        ours = await sm.emails.global_conversation_statistics(NOW, NOW + HOUR)
        assert (theirs.sent, ours.sent) == (0, 2)


# An attached file


@pytest.mark.parametrize("name", ["poster.gif", 'żółw "7".gif', "no-extension"])
async def test_an_email_is_sent_with_a_file(name: str, sm: SalesManago) -> None:
    await customers(sm)
    file = Attachment(name, GIF.content)
    answer = await sm.emails.send_with_attachment(
        await made(sm), [Email("ann@example.com"), Tag("VIP")], file, date=NOW
    )
    assert answer.message == ("Emails are scheduled to send.",)
    assert (len(await emails_of(sm, "ann")), len(await emails_of(sm, "cyd"))) == (1, 0)
    (found,) = await statistics(sm, answer.conversation_id)
    assert found.sent_message == 2


async def test_immediate_means_now_whatever_the_date(sm: SalesManago) -> None:
    await customers(sm)
    email_id = await made(sm)
    for immediate, rule in ((True, True), (None, None)):
        await sm.emails.send_with_attachment(
            email_id, [Email("ann@example.com")], GIF, date=NOW + HOUR, immediate=immediate, rule=rule
        )
    assert [email.date_sent for email in await emails_of(sm, "ann")] == [NOW]
    listed = await sm.emails.mass_conversation_list(NOW, NOW + HOUR)
    assert len(listed.conversation_list) == 1, "an e-mail of a rule is not a mass e-mail"
    assert (await sm.emails.global_conversation_statistics(NOW, NOW, conversation_type="RULE")).sent == 1


async def test_a_file_may_be_passed_by_its_path(sm: SalesManago, tmp_path: Path) -> None:
    await customers(sm)
    (tmp_path / "offer.pdf").write_bytes(b"%PDF-1.7")
    await sm.emails.send_with_attachment("e1", [Email("dan@example.com")], tmp_path / "offer.pdf", date=NOW)
    assert len(await emails_of(sm, "dan")) == 1


async def test_a_file_must_not_be_missing(sm: SalesManago) -> None:
    with pytest.raises(Invalid, match="attachment"):
        await sm.send(SendEmailWithAttachment("e1", [Tag("VIP")], date=NOW))
    with pytest.raises(Invalid, match="SendEmailWithAttachment"):
        await sm.call("email/sendWithAttachment", {"emailId": "e1"})


@pytest.mark.parametrize(
    ("sending", "status", "message"),
    [
        ({"json": {}}, 415, "multipart/form-data"),
        ({"content": b"", "headers": {"content-type": "multipart/form-data"}}, 400, "malformed form"),
        (
            {"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data; boundary=y"}},
            400,
            "malformed form",
        ),
        ({"files": {"attachment": b"GIF"}}, 200, "emailSendRequest: is missing"),
        ({"files": {"emailSendRequest": b"{}"}}, 200, "attachment: is missing"),
        ({"files": {"emailSendRequest": b"{", "attachment": b"GIF"}}, 400, "malformed JSON"),
        ({"files": {"emailSendRequest": b"{}", "attachment": b"GIF"}}, 200, "Api key not specified"),
    ],
)
async def test_a_malformed_form_is_refused(
    sending: dict[str, Any], status: int, message: str, simulator: Simulator
) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=simulator), base_url="http://simulator") as browser:
        answer = await browser.post("/api/email/sendWithAttachment", **sending)
    assert answer.status_code == status
    assert message in answer.json()["message"][0]


async def test_the_documented_form_gets_the_documented_answer(
    simulator: Simulator, catalogue: dict[str, dict[str, Any]]
) -> None:
    """The form is written manually, as in the reference: the file first, then the JSON without a type."""
    entry = catalogue["email/sendWithAttachment"]
    mine = {"clientId": "demo-client", "apiKey": "demo-key", "sha": DEMO_CREDENTIALS.signature(), "user": DEMO_OWNER}
    lines = [
        "------WebKitFormBoundary1aTYxdL1yD9GkrBw",
        'Content-Disposition: form-data; name="attachment"; filename="poster.gif"',
        "Content-Type: image/gif",
        "",
        "GIF89a",
        "------WebKitFormBoundary1aTYxdL1yD9GkrBw",
        'Content-Disposition: form-data; name="emailSendRequest"',
        "",
        json.dumps({**entry["requests"][0], **mine}),
        "------WebKitFormBoundary1aTYxdL1yD9GkrBw--",
        "",
    ]
    kind = {"content-type": "multipart/form-data; boundary=----WebKitFormBoundary1aTYxdL1yD9GkrBw"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=simulator), base_url="http://simulator") as browser:
        answer = await browser.post("/api/email/sendWithAttachment", content="\r\n".join(lines).encode(), headers=kind)
    body = answer.json()
    assert body.pop("conversationId")
    assert body == {"success": True, "message": ["Emails are scheduled to send."]}


class Keeper(BaseHTTPRequestHandler):
    """An independent server: it records its requests, refuses the first and accepts the second."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        server = cast("Any", self.server)
        server.kept.append((self.path, str(self.headers["Content-Type"]), content))
        answer = b'{"success": true, "message": [], "conversationId": "c1"}'
        self.send_response(429 if len(server.kept) == 1 else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the name in the base class
        """Log nothing."""


def parts_of(kept: tuple[str, str, bytes]) -> list[Any]:
    path, kind, content = kept
    assert path == "/api/email/sendWithAttachment"
    form = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + content)
    assert form.get_content_type() == "multipart/form-data"
    return list(form.iter_parts())


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_form_sent_over_a_socket_is_signed_for_every_try() -> None:
    times = iter([100.0, 100.0, 200.0, 200.0])
    with HTTPServer(("127.0.0.1", 0), Keeper) as server:
        cast("Any", server).kept = []
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            async with SalesManago(
                DEMO_CREDENTIALS, owner=DEMO_OWNER, base_url=address, clock=lambda: next(times)
            ) as sm:
                answer = await sm.emails.send_with_attachment("e1", [Email("ann@example.com")], GIF, date=NOW)
        finally:
            server.shutdown()
        kept = cast("Any", server).kept
    assert answer.conversation_id == "c1"
    signed_at: list[int] = []
    for attachment, request in map(parts_of, kept):
        assert (attachment.get_filename(), attachment.get_content_type()) == ("poster.gif", "image/x-poster")
        assert attachment.get_param("name", header="content-disposition") == "attachment"
        assert attachment.get_payload(decode=True) == GIF.content
        assert request.get_param("name", header="content-disposition") == "emailSendRequest"
        assert (request.get_filename(), request["content-type"]) == (None, None)
        body = json.loads(request.get_payload(decode=True))
        signed_at.append(body.pop("requestTime"))
        assert body == {
            "clientId": DEMO_CREDENTIALS.client_id,
            "apiKey": DEMO_CREDENTIALS.api_key,
            "sha": DEMO_CREDENTIALS.signature(),
            "user": DEMO_OWNER,
            "emailId": "e1",
            "date": int(EPOCH * 1000),
            "contacts": [{"addresseeType": "EMAIL", "email": "ann@example.com"}],
        }
    assert signed_at == [100_000, 200_000]
