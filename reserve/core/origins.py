"""Which pages may open sockets: browsers let any page open one to anybody.

No preflight asks before a WebSocket, and the browser sends its cookies with it; the
`Origin` header is the only word there is of the page (RFC 6455, 10.2).
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from reserve.core.asgi import header


def is_welcome(scope: Any) -> bool:
    """Whether a socket comes from a page of ours, a page that is trusted, or no browser at all."""
    origin = header(scope, b"origin")
    if not origin:
        return True
    if origin in settings.CSRF_TRUSTED_ORIGINS or origin in settings.CORS_ALLOWED_ORIGINS:
        return True
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and parts.netloc == header(scope, b"host")
