from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from reserve.core.json import parse_json


class JSONParser(BaseParser):
    """JSON as `parse_json` reads it. `LimitedREST` has seen to its size."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return parse_json(stream.read())
