"""Who asks. Every service and selector takes an actor first."""

from dataclasses import dataclass, field, replace
from enum import Enum
from uuid import UUID

from accounts.models import User


class ActorKind(Enum):
    ANONYMOUS = "anonymous"
    ACCOUNT = "account"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller: nobody in particular, a logged-in account, or the system itself.

    What an account may do as staff is not part of it: `accounts.selectors`
    reads the membership at the moment when it matters.
    """

    kind: ActorKind
    user_id: UUID | None = None
    manage_token: str | None = None
    """The secret of one booking, which stands for the guest who made it."""
    login_id: UUID | None = field(default=None, compare=False)
    """The login that the token belongs to: the same person whichever it is."""

    def with_manage_token(self, token: str | None) -> "Actor":
        return replace(self, manage_token=token) if token else self

    @property
    def is_system(self) -> bool:
        return self.kind is ActorKind.SYSTEM

    @property
    def public_name(self) -> str:
        """Who it was, for the event log: an account's id, or a kind."""
        return self.account_name or self.kind.value

    @property
    def account_name(self) -> str:
        """The account's id, or an empty string."""
        return User.format_id(self.user_id) if self.user_id else ""


ANONYMOUS = Actor(ActorKind.ANONYMOUS)
SYSTEM = Actor(ActorKind.SYSTEM)


def account(user_id: UUID, login_id: UUID | None = None) -> Actor:
    return Actor(ActorKind.ACCOUNT, user_id, login_id=login_id)
