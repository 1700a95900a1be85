"""What one call of an API is charged, and to whom."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from reserve.core.addresses import network_of
from reserve.core.context import client_address
from reserve.core.errors import RateLimited
from reserve.core.ratelimit.buckets import acheck
from reserve.core.ratelimit.verdict import Verdict, fingerprint


class Caller(Protocol):
    """Whoever asks; an account where a token names one."""

    @property
    def user_id(self) -> UUID | None: ...


def bucket_of(caller: Caller | None) -> str:
    """The account's bucket or, without one, that of the address of the request at work."""
    if caller is not None and caller.user_id is not None:
        return f"user.{caller.user_id.hex}"
    return f"address.{fingerprint(network_of(client_address()))}"


class Meter:
    """Charges a call once it is known what it costs, and any call at least once."""

    def __init__(self) -> None:
        self.caller: Caller | None = None
        self.verdict: Verdict | None = None

    async def charge(self, cost: int = 1, *, markers: Sequence[str] = ()) -> Verdict:
        """
        Raises:
            RateLimited: the bucket holds less. It keeps what it has.
        """
        verdict = await acheck(bucket=bucket_of(self.caller), cost=cost, markers=markers)
        self.verdict = verdict
        if verdict.retry_after is not None:
            raise RateLimited(retry_after=verdict.retry_after)
        return verdict

    async def settle(self) -> None:
        """Charge what was refused before its cost was known: one token.

        Raises:
            RateLimited: as `charge`.
        """
        if self.verdict is None:
            await self.charge()

    def headers(self) -> list[tuple[bytes, bytes]]:
        if self.verdict is None:
            return []
        return [(name.lower().encode(), value.encode()) for name, value in self.verdict.headers()]
