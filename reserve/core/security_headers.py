"""The security headers of every answer: of pages, of both APIs, of files and of refusals.

Django's middleware writes them on what comes from Django. GraphQL's answers do
not, nor do those that are given before the middleware; `missing_headers` adds
to each what it lacks, from the same settings.
"""

from collections.abc import Callable, Iterable
from functools import cache

from csp.decorators import csp_replace
from django.conf import settings
from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.clickjacking import xframe_options_exempt

Headers = list[tuple[bytes, bytes]]

_POLICY = b"content-security-policy"
_FRAMES = b"x-frame-options"


def missing_headers(present: Iterable[tuple[bytes, bytes]], *, is_secure: bool) -> Headers:
    """The security headers that an answer with these headers still needs.

    Args:
        present: its headers, names in lower case.
        is_secure: whether the client speaks HTTPS; HSTS means nothing elsewhere.
    """
    names = {name for name, _ in present}
    # A page decides on frames in its policy; see `embeddable`.
    decided = {_POLICY, _FRAMES} if _POLICY in names else set()
    return [
        (name, value)
        for name, value in _all_headers(is_secure)
        if name not in names and name not in decided
    ]


def embeddable(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Lets the pages of any other site show what this view answers in a frame.

    For pages that change nothing by a click of somebody who is logged in.
    """
    framed = csp_replace({"frame-ancestors": ["*"]})(xframe_options_exempt(view))

    def embedded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        response = framed(request, *args, **kwargs)
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    return embedded


@cache
def _all_headers(is_secure: bool) -> Headers:
    headers = {
        "content-security-policy": settings.DATA_CONTENT_SECURITY_POLICY,
        "x-frame-options": settings.X_FRAME_OPTIONS,
        "x-content-type-options": "nosniff",
        "referrer-policy": settings.SECURE_REFERRER_POLICY,
        "cross-origin-opener-policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
        "cross-origin-resource-policy": settings.CROSS_ORIGIN_RESOURCE_POLICY,
        "permissions-policy": settings.PERMISSIONS_POLICY,
    }
    if is_secure and settings.SECURE_HSTS_SECONDS:
        subdomains = "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
        headers["strict-transport-security"] = f"max-age={settings.SECURE_HSTS_SECONDS}{subdomains}"
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _forget(**_: object) -> None:
    _all_headers.cache_clear()


setting_changed.connect(_forget)
