"""The key of a call that may be repeated: in its header, in its input, or the same in both."""

from reserve.core.errors import Invalid

IDEMPOTENCY_HEADER = "Idempotency-Key"


def agreed_key(in_header: str | None, in_input: str | None) -> str | None:
    """Raises Invalid where header and input differ."""
    if in_header is not None and in_input is not None and in_header != in_input:
        sentence = f"The header {IDEMPOTENCY_HEADER} says something else."
        raise Invalid.field("idempotency_key", sentence)
    return in_header if in_input is None else in_input
