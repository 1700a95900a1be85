"""Cross-origin requests (the Fetch standard, CORS protocol): pages elsewhere that use the APIs."""

from collections.abc import Collection, Sequence
from typing import Any

from starlette.middleware.cors import CORSMiddleware

from reserve.core.context import REQUEST_ID_HEADER

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_ALLOWED = (
    "Authorization",
    "Content-Type",
    "If-Modified-Since",
    "If-None-Match",
    REQUEST_ID_HEADER,
)
_EXPOSED = (
    "Allow",
    "ETag",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    REQUEST_ID_HEADER,
)
# Seconds for which a preflight counts; browsers take no more.
_MAX_AGE_SECONDS = 7_200


class CrossOrigin:
    """Answers preflights, and lets the pages of some origins read what the APIs answer.

    Neither cookies nor other credentials of the browser come along: who asks is
    said by the `Authorization` header, which a page has to set itself.

    Args:
        origins: as `Origin` has them, or `*`; with none, no page elsewhere gets in.
        paths: how the paths of the APIs begin; no other is touched.
        headers: request headers of ours beside those of HTTP.
    """

    def __init__(
        self,
        application: Any,
        *,
        origins: Sequence[str],
        paths: tuple[str, ...],
        headers: Collection[str],
    ) -> None:
        self._application = application
        self._paths = paths if origins else ()
        self._for_apis = CORSMiddleware(
            application,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=(*_ALLOWED, *headers),
            expose_headers=_EXPOSED,
            max_age=_MAX_AGE_SECONDS,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_for_apis = scope["type"] == "http" and scope["path"].startswith(self._paths)
        application = self._for_apis if is_for_apis else self._application
        await application(scope, receive, send)
