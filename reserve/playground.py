"""The GraphQL playground, served where the API is."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

# Scripts and styles come from our own static files and nowhere else, neither inline nor evaluated.
# connect-src 'self' takes in ws: and wss: to the same host and port (CSP 3, section 6.7.2.8).
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    """Answer the page that explores the GraphQL API at this same path."""
    response = render(request, "playground.html", {"endpoint": request.path})
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["Cache-Control"] = "no-cache"
    patch_vary_headers(response, ("Accept",))
    return response
