"""The GraphQL playground, served where the API is."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe


@csp_update({"worker-src": [SELF]})
@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    """Answer the page that explores the GraphQL API at this same path."""
    response = render(request, "playground.html", {"endpoint": request.path})
    response.headers["Cache-Control"] = "no-cache"
    patch_vary_headers(response, ("Accept",))
    return response
