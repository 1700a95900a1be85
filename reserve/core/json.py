"""JSON from outside, read the same way by every transport."""

import orjson

from reserve.core.errors import Invalid

_NUL = "\0"
_ESCAPED_NUL = b"\\u0000"


def parse_json(body: bytes) -> object:
    """The value of a JSON text.

    Raises:
        Invalid: not JSON; nested too deeply, which orjson notices; or with a NUL
            in a string, which no text column can hold.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Invalid("The body is not valid JSON.") from None
    # Looked for first in the bytes, where it costs nothing.
    if _ESCAPED_NUL in body and _contains_nul(value):
        raise Invalid("Text must not contain the character NUL.")
    return value


def _contains_nul(value: object) -> bool:
    match value:
        case str():
            return _NUL in value
        case dict():
            return any(_NUL in name or _contains_nul(inner) for name, inner in value.items())
        case list():
            return any(_contains_nul(inner) for inner in value)
        case _:
            return False
