"""What REST says of itself: its schema, and the page to read and try it."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import orjson
import yaml
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import conditional_page, require_safe
from drf_spectacular.generators import SchemaGenerator


def _yaml(document: Any) -> bytes:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode()


# RFC 9512 and the names that OpenAPI registered; the first is what is sent unasked.
_FORMATS: Mapping[str, Callable[[Any], bytes]] = {
    "application/vnd.oai.openapi": _yaml,
    "application/yaml": _yaml,
    "application/vnd.oai.openapi+json": orjson.dumps,
    "application/json": orjson.dumps,
}


@cache
def openapi_document() -> Any:
    """The OpenAPI document; made once, since it takes longer than most requests."""
    generator: Any = SchemaGenerator
    return generator().get_schema(request=None, public=True)


@cache
def _rendered(media_type: str) -> bytes:
    return _FORMATS[media_type](openapi_document())


@require_safe
@conditional_page
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document, as YAML or as JSON."""
    media_type = request.get_preferred_type(list(_FORMATS)) or next(iter(_FORMATS))
    response = HttpResponse(_rendered(media_type), content_type=media_type)
    response.headers["Cache-Control"] = "no-cache"
    patch_vary_headers(response, ("Accept",))
    return response


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The page that explains REST and tries it."""
    response = render(request, "api_docs.html")
    response.headers["Cache-Control"] = "no-cache"
    return response
