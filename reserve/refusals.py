"""What is refused before or beside the views: in a page's words for pages, as problems by REST."""

import sys

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults

from reserve.core.errors import DomainError, Invalid
from reserve.core.failures import as_domain_error
from reserve.core.rest.problems import PROBLEM_JSON, problem_body

_REST = "/api/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """A host that is not ours, or a request that is no HTTP."""
    if not request.path.startswith(_REST):
        return defaults.bad_request(request, exception)
    return _problem(Invalid("This request makes no sense."))


def server_error(request: HttpRequest) -> HttpResponseBase:
    if not request.path.startswith(_REST):
        return defaults.server_error(request)
    return _problem(as_domain_error(sys.exc_info()[1] or DomainError()))


def _problem(error: DomainError) -> HttpResponse:
    body = orjson.dumps(problem_body(error))
    return HttpResponse(body, status=error.status, content_type=PROBLEM_JSON)
