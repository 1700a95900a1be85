"""The view that every endpoint of REST is."""

from datetime import datetime
from typing import Any

from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import http_date
from django.views.decorators.http import conditional_page
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from reserve.core.clock import now
from reserve.core.errors import NotFound
from reserve.core.rest.operations import operation_of
from reserve.core.rest.serializers import query_of
from reserve.core.rest.sparse import SPARSE_JSON, sparse

_READS = frozenset({"GET", "HEAD"})


class View(APIView):
    """Checks the query string, and lets readings be kept: `ETag`, and 304 where nothing changed.

    What is told depends on who asks, and may change at any moment: it is kept for
    its caller alone, and asked for again each time (RFC 9110, 13).
    """

    asked: dict[str, Any]
    """What the query string says, as the operation declares it."""
    _members: frozenset[str] | None = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        for method in ("get", "post", "put", "patch", "delete"):
            assert not hasattr(cls, method) or operation_of(cls, method), (
                f"Say by @operation what {cls.__name__}.{method} takes and answers."
            )
        return conditional_page(super().as_view(**initkwargs))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        operation = operation_of(self, str(request.method))
        if operation is not None:
            asked = query_of(request, operation.asked, lists=operation.lists)
            self._members = asked.pop("fields", None)
            self.asked = asked

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if self._members is not None and response.status_code == 200:  # noqa: PLR2004
            response.data = sparse(response.data, self._members)
            response.content_type = SPARSE_JSON
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.method in _READS and not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_cache=True)
            patch_vary_headers(response, ("Authorization",))
        return response


def changed_at(moment: datetime | None) -> dict[str, str]:
    """The headers of an answer that has been the same since a moment (aware), or none.

    A second in which it may yet change again is not told: a client that asks by time
    alone would miss it (RFC 9110, 8.8.2.2).
    """
    if moment is None or (now() - moment).total_seconds() < 2:  # noqa: PLR2004
        return {}
    return {"Last-Modified": http_date(moment.timestamp())}


class NoSuchPath(APIView):
    """Every address under /api/ at which there is nothing."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound("There is nothing at this address.")
