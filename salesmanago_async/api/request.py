"""What a request is: a frozen value of one class per documented path, and what its answer is read into."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args

from attrs import field, frozen

from .fields import JsonPath, ShortText

AnswerT_co = TypeVar("AnswerT_co", covariant=True)

Owner = Annotated[ShortText | None, JsonPath("owner")]
"""The SALESmanago user account the call is made for; None is filled with the client's default."""

User = Annotated[ShortText | None, JsonPath("user")]
"""As Owner, for the calls that name the field `user`."""

DEFAULTED = frozenset({"owner", "user"})
"""The wire names that the client fills with its default owner where a request leaves them out."""


_SECRETS = frozenset({"clientid", "apikey", "apisecret", "secret", "sha", "token", "password", "fileurl"})
"""What an answer may echo of its request, or tell, and no representation shows; in lower case, without separators."""


def shown_without_secrets(extra: object) -> str:
    """Return the representation of what an answer has beside its fields, with secrets left out at any depth."""
    return repr(_without_secrets(extra))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        entries: Mapping[Any, Any] = value
        return {key: "…" if _is_secret(key) else _without_secrets(inner) for key, inner in entries.items()}
    if isinstance(value, list | tuple):
        values: Sequence[Any] = value
        return [_without_secrets(inner) for inner in values]
    return value


def _is_secret(key: object) -> bool:
    return str(key).replace("_", "").replace("-", "").lower() in _SECRETS


@frozen
class Request(Generic[AnswerT_co]):
    """A call as a value: it can be queued, compared, retried, carried by errors and read by a server.

    A subclass names its documented `path` and says whether it is `repeatable`: True where sending it twice does what
    sending it once does (reads, upserts, deletes), False where twice means two events, messages or points. One that is
    not `signed` carries a secret of its own in place of the credentials. One that `may_answer_nothing` is known to be
    answered 200 without a body when it is done: of others that is no answer. `effect` is what it does to every contact
    that `contacts` picks, where that cannot be taken back: a command line says it before it does it to many.

    `changes_nothing` is True where a call leaves the account as it is, tokens and links aside. `needs_owner` is False
    where the reference asks for no owner: the simulator refuses the others without one.
    """

    path: ClassVar[str]
    repeatable: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    may_answer_nothing: ClassVar[bool] = False
    effect: ClassVar[str | None] = None
    changes_nothing: ClassVar[bool] = False
    needs_owner: ClassVar[bool] = True


@frozen(kw_only=True)
class Answer:
    """What the server said. Fields it sent that have no name here, or a type not ours, are in `extra` as they came."""

    success: bool | None = None
    message: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(factory=dict, repr=shown_without_secrets)


@frozen(kw_only=True)
class Part:
    """A piece of an answer or of a file; what it does not name, or cannot read, is in `extra` as it came."""

    extra: Mapping[str, Any] = field(factory=dict, repr=shown_without_secrets)


@frozen(kw_only=True)
class JobStarted(Answer):
    """A server job was started; `request_id` is what job/status asks for."""

    request_id: int | None = None


@cache
def answer_type(request_class: type) -> type[Any]:
    """Return the class that answers to this class of request are read into."""
    for base in getattr(request_class, "__orig_bases__", ()):
        arguments = get_args(base)
        if arguments:
            return arguments[0]  # type: ignore[no-any-return]
    raise TypeError(f"{request_class.__name__} must derive from Request[...]")
