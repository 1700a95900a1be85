from typing import Any

from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from bookings.guest_pages import views
from reserve.core.security_headers import embeddable

_PAGES: dict[str, tuple[str, Any]] = {
    "venue": ("", views.venue),
    "hold": ("hold", views.hold),
    "resume": ("resume", views.resume),
    "confirm": ("confirm", views.confirm),
    "release": ("release", views.release),
    "status": ("status", views.status),
    "cancel": ("cancel", views.cancel),
    "calendar": ("calendar", views.calendar),
    "look_up": ("look-up", views.look_up),
}


def _pages(prefix: str, *, framed: bool) -> list[URLPattern]:
    """Every page at `prefix`. None of them acts on a cookie, so that there is nothing to forge."""
    return [
        path(
            f"{prefix}/<slug:organization_slug>/<slug:venue_slug>/{tail}",
            csrf_exempt(embeddable(view) if framed else view),
            {"framed": framed},
            name=f"{prefix}_{name}",
        )
        for name, (tail, view) in _PAGES.items()
    ]


urlpatterns = [*_pages("book", framed=False), *_pages("embed", framed=True)]
