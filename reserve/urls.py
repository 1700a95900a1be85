from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from reserve import api_docs, health
from reserve.admin_front import admin_front_page
from reserve.admin_login import admin_login
from reserve.core.rest.views import NoSuchPath
from reserve.playground import playground

urlpatterns = [
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/login/", admin_login),
    path("admin/", admin_front_page),
    path("admin/", admin.site.urls),
    path("graphql", playground),
    path("api/schema", api_docs.schema, name="schema"),
    path("api/docs", api_docs.docs, name="docs"),
    path("api/v1/", include("accounts.api.urls")),
    path("api/v1/", include("venues.api.urls")),
    path("api/v1/", include("bookings.api.urls")),
    path("api/v1/", include("notifications.api.urls")),
    path("api/v1/", include("webhooks.api.urls")),
    re_path("^api/", NoSuchPath.as_view()),
    path("dashboard/", include("bookings.board.urls")),
    path("", include("bookings.guest_pages.urls")),
    path("account/", include("accounts.pages")),
    path("account/", include("accounts.browser_login")),
    path("booking/", include("bookings.guest_pages.managed")),
    path("metrics", health.metrics),
]

if not settings.PRODUCTION:
    urlpatterns.append(path("dev/", include("reserve.dev_mails")))

handler400 = "reserve.refusals.bad_request"
handler500 = "reserve.refusals.server_error"
