"""Who may open the pages of staff: what the admin asks for, wherever a browser's session counts."""

from collections.abc import Callable
from functools import wraps
from http.cookies import CookieError
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase, parse_cookie
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django_otp.middleware import OTPMiddleware

from accounts.actors import Actor
from accounts.sessions import is_over, touch
from accounts.tenant_admin import actor_of

View = Callable[..., HttpResponseBase]


def staff_page(view: View) -> View:
    """A view for staff, which gets the actor after the request, in the browser's language.

    Whoever is not logged in as the admin asks is led to its login, and back.
    """

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *arguments: Any, **keywords: Any) -> HttpResponseBase:
        if not admin.site.has_permission(request):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        with translation.override(translation.get_language_from_request(request)):
            return view(request, actor_of(request), *arguments, **keywords)

    return guarded


def staff_of_cookies(header: str) -> Actor | None:
    """Whoever is logged in to the pages of staff by the cookies of a request, if anybody is.

    A page that asks again and again counts as one that is in use.
    """
    try:
        cookies = parse_cookie(header)
    except CookieError:
        return None
    if settings.SESSION_COOKIE_NAME not in cookies:
        return None
    request = HttpRequest()
    request.COOKIES = cookies
    SessionMiddleware(_answer).process_request(request)
    AuthenticationMiddleware(_answer).process_request(request)
    OTPMiddleware(_answer)(request)
    if is_over(request.session) or not admin.site.has_permission(request):
        return None
    touch(request.session)
    if request.session.modified:
        request.session.save()
    return actor_of(request)


def _answer(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()
