from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.parsers import BaseParser

from reserve.core.errors import Invalid, PayloadTooLarge


class JSONParser(BaseParser):
    """JSON by orjson, which limits the depth that it reads."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(settings.MAX_BODY_BYTES + 1)
        if len(body) > settings.MAX_BODY_BYTES:
            raise PayloadTooLarge
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Invalid("The body is not valid JSON.") from None
