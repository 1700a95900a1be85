"""Who is at the other end of a call or a socket, and whether they may still be."""

from collections.abc import Collection, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Session:
    """What the credentials of a call say, before anybody has asked whether they still count."""

    actor: Any
    expires_at: datetime | None = None
    markers: tuple[str, ...] = ()
    """Keys of Redis; which of them exist tells whether the session has been ended."""


class Authentication(Protocol):
    """Two steps, so that the limiter's round trip between them can fetch the markers."""

    def identify(self, authorization: str) -> Session:
        """Whoever the value of an `Authorization` header names; nobody where it is empty.

        Raises:
            Unauthenticated: it is not ours, has run out or makes no sense.
        """
        ...

    async def admit(self, session: Session, marked: frozenset[str] | None) -> None:
        """Let the session in, or refuse it.

        Args:
            marked: those of its markers that exist; None where nobody knows.

        Raises:
            Unauthenticated: it has been ended.
        """
        ...

    async def ended(self, sessions: Collection[Session]) -> Sequence[Session]:
        """Those of the sessions that have been ended."""
        ...


_admitted: ContextVar[Session | None] = ContextVar("admitted", default=None)


def admitted_session() -> Session | None:
    """The session of the request at work, where something in front has admitted it already."""
    return _admitted.get()


def remember_admitted(session: Session | None) -> None:
    """Spare what runs within this request a second look."""
    _admitted.set(session)
