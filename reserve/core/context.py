"""What a request carries through web, task and WebSocket: its id, and where it came from."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from reserve.core.entropy import entropy

REQUEST_ID_HEADER = "X-Request-ID"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_client_address: ContextVar[str] = ContextVar("client_address", default="")
_user_agent: ContextVar[str] = ContextVar("user_agent", default="")


def request_id() -> str:
    """The id of the request or task at work, or an empty string."""
    return _request_id.get()


def client_address() -> str:
    """The address that the request at work came from, or an empty string. Never for a log."""
    return _client_address.get()


def user_agent() -> str:
    """What the client of the request at work calls itself, or an empty string."""
    return _user_agent.get()


def random_id() -> str:
    """128 random bits in 32 hexadecimal digits."""
    return entropy.randbytes(16).hex()


def begin_request(offered: str = "", *, address: str = "", user_agent: str = "") -> str:
    """Set the id of the work that starts here; take the caller's where it is acceptable."""
    value = offered if _ACCEPTABLE.fullmatch(offered) else random_id()
    _request_id.set(value)
    _client_address.set(address)
    _user_agent.set(user_agent)
    return value


@contextmanager
def on_behalf_of(cause: str) -> Iterator[None]:
    """Let what is done within carry the id of the request that caused it.

    Where whoever works for several requests says so, each log line and event has the
    id of its own. The request that is being served meanwhile keeps its id and address.
    """
    token = _request_id.set(cause)
    try:
        yield
    finally:
        _request_id.reset(token)
