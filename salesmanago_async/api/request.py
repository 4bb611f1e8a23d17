"""The base classes of requests and answers: a request is a frozen value, with one class per documented path."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args

from attrs import field, frozen

from .fields import JsonPath, ShortText

__all__ = ["Answer", "JobStarted", "Part", "Request"]

AnswerT_co = TypeVar("AnswerT_co", covariant=True)

Owner = Annotated[ShortText | None, JsonPath("owner")]
"""The SALESmanago user account that the call is made for; None is replaced by the client's default."""

User = Annotated[ShortText | None, JsonPath("user")]
"""Like Owner, for the calls that name the field `user`."""

DEFAULTED = frozenset({"owner", "user"})
"""The wire names that the client fills with its default owner if a request leaves them out."""


_SECRETS = frozenset(
    {"clientid", "apikey", "apisecret", "secret", "sha", "sha1", "token", "password", "fileurl", "webhookurl"}
)
"""Fields that an answer may echo or return, and that no repr may show; in lower case, without separators."""


def shown_without_secrets(extra: object) -> str:
    """Return the repr of the extra content of an answer, with secrets removed at any depth."""
    return repr(without_secrets(extra))


def without_secrets(value: Any) -> Any:
    """Return a JSON value with "…" in place of every secret, at any depth."""
    if isinstance(value, Mapping):
        entries: Mapping[Any, Any] = value
        return {key: "…" if _is_secret(key) else without_secrets(inner) for key, inner in entries.items()}
    if isinstance(value, list | tuple):
        values: Sequence[Any] = value
        return [without_secrets(inner) for inner in values]
    return value


def _is_secret(key: object) -> bool:
    return str(key).replace("_", "").replace("-", "").lower() in _SECRETS


@frozen
class Request(Generic[AnswerT_co]):
    """A call as a value: it can be queued, compared, retried, carried by errors and read by a server.

    A subclass defines its documented `path`, and these properties:

        repeatable          sending it twice has the same effect as once (reads, upserts, deletes); if False, twice
                            means two events, messages or points
        signed              if False, the request carries a secret of its own in place of the credentials
        may_answer_nothing  success is known to be answered with 200 and no body; for other calls that is an error
        effect              what the call does to every contact in `contacts` if it cannot be undone: the command
                            line shows this before it affects many contacts
        changes_nothing     the call leaves the account unchanged, except for tokens and links
        needs_owner         if False, the reference asks for no owner; the simulator refuses other calls without one
        needs_request_time  if False, the reference asks for no requestTime; the simulator refuses other calls without
    """

    path: ClassVar[str]
    repeatable: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    may_answer_nothing: ClassVar[bool] = False
    effect: ClassVar[str | None] = None
    changes_nothing: ClassVar[bool] = False
    needs_owner: ClassVar[bool] = True
    needs_request_time: ClassVar[bool] = True

    @property
    def is_repeatable(self) -> bool:
        """Whether this very request is repeatable; for most classes all requests are, or none."""
        return self.repeatable


@frozen
class ProductRequest(Request[AnswerT_co]):
    """A call of API v3, which is about products: another host, and a key in a header instead of a signature.

    method          GET or POST
    needs_key       if False, the call needs no key
    carries_secret  its fields hold a secret, so errors carry its path only
    """

    signed: ClassVar[bool] = False
    needs_owner: ClassVar[bool] = False
    method: ClassVar[str] = "POST"
    needs_key: ClassVar[bool] = True
    carries_secret: ClassVar[bool] = False


@frozen(kw_only=True)
class Answer:
    """The server's answer. Fields that are unknown or have an unexpected type are in `extra`, unchanged."""

    success: bool | None = None
    message: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(factory=dict, repr=shown_without_secrets)


@frozen(kw_only=True)
class Part:
    """A part of an answer or of a file. Fields that are unknown or unreadable are in `extra`, unchanged."""

    extra: Mapping[str, Any] = field(factory=dict, repr=shown_without_secrets)


@frozen(kw_only=True)
class JobStarted(Answer):
    """A server job was started; `request_id` is its number for job/status."""

    request_id: int | None = None


@cache
def answer_type(request_class: type) -> type[Any]:
    """Return the class into which the answers to this request class are read."""
    for base in getattr(request_class, "__orig_bases__", ()):
        arguments = get_args(base)
        if arguments:
            return arguments[0]  # type: ignore[no-any-return]
    raise TypeError(f"{request_class.__name__} must derive from Request[...]")
