"""Counts how many requests an ASGI application serves at once."""

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope


class Counted:
    """As the application that it wraps; `calls` tells how many it has begun and not ended."""

    def __init__(self, application: ASGI3Application) -> None:
        self._application = application
        self._calls = 0

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        # Of the event loop's thread alone.
        self._calls += 1
        try:
            await self._application(scope, receive, send)
        finally:
            self._calls -= 1

    def calls(self) -> int:
        return self._calls
