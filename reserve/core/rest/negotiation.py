"""What an answer looks like whatever is asked for: JSON; and what OPTIONS is told."""

from collections.abc import Iterable
from typing import Any

from rest_framework.metadata import BaseMetadata
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class OnlyJSON(BaseContentNegotiation):
    """JSON whatever is accepted: who cannot read it cannot read a refusal either.

    RFC 9110, 12.5.1 leaves it to the server.
    """

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> Any:
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> Any:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class AllowedMethods(BaseMetadata):
    """Of OPTIONS: the header `Allow` says it all, the schema the rest."""

    def determine_metadata(self, request: Request, view: object) -> None:
        return None
