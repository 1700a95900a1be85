"""WebSocket frames made by ourselves (RFC 6455, 5.2), for what is sent to many at once."""

from collections.abc import Callable

EXTENSION = "reserve.frames"
"""Of an ASGI scope: `offer` takes whole frames, and says whether it has sent them."""

Offer = Callable[[bytes], bool]

_WHOLE_TEXT = 0x81
_SHORT, _LONG = 126, 127
_SHORT_BYTES = 2
_MOST_OF_SHORT = 0xFFFF


def text_frame(content: bytes) -> bytes:
    """One unfragmented text message, as a server sends it: unmasked. `content` is UTF-8."""
    length = len(content)
    if length < _SHORT:
        return bytes((_WHOLE_TEXT, length)) + content
    if length <= _MOST_OF_SHORT:
        return bytes((_WHOLE_TEXT, _SHORT)) + length.to_bytes(_SHORT_BYTES, "big") + content
    return bytes((_WHOLE_TEXT, _LONG)) + length.to_bytes(8, "big") + content
