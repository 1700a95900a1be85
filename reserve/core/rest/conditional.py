"""Readings that a client may keep: `ETag`, and 304 where nothing has changed (RFC 9110, 13)."""

from typing import Any

from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import conditional_page
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class ConditionalView(APIView):
    """A view whose answers to GET carry the hash of their bytes and are sent once.

    What is told depends on who asks, and may change at any moment: it is kept for
    its caller alone, and asked for again each time.
    """

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return conditional_page(super().as_view(**initkwargs))

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.method in {"GET", "HEAD"}:
            patch_cache_control(response, private=True, no_cache=True)
            patch_vary_headers(response, ("Authorization",))
        return response
