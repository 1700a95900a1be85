"""The admin's login page, under the same limits as every other login."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from accounts.person import normalise_email
from reserve.core.errors import RateLimited, retry_seconds
from reserve.core.ratelimit import Attempt, charge_attempt


@never_cache
@csrf_protect
def admin_login(request: HttpRequest) -> HttpResponseBase:
    if request.method == "POST":
        try:
            account = normalise_email(request.POST.get("username", ""))
            charge_attempt(Attempt.LOGIN, account=account)
        except RateLimited as refused:
            seconds = retry_seconds(refused.wait)
            page = "admin/too_many_attempts.html"
            response = render(request, page, {"seconds": seconds}, status=refused.status)
            response.headers["Retry-After"] = str(seconds)
            return response
    return admin.site.login(request)
