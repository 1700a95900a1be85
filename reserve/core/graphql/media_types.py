"""In which media type a response is wanted (RFC 9110, 12.5.1).

`application/graphql-response+json` is that of the draft on GraphQL over HTTP; whoever
names none gets JSON, as the draft has it for older clients.
"""

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"


def response_type(accept: str) -> str | None:
    """The media type that an `Accept` header likes best, ours first; None where it likes none."""
    if not accept.strip():
        return JSON
    likings = [_liking(part) for part in accept.split(",")]
    best, best_quality = None, 0.0
    # Of two that are liked alike JSON, unless the other is named and it is not.
    for ours in (JSON, GRAPHQL_RESPONSE):
        matching = [(rank, quality) for name, quality in likings if (rank := _rank(name, ours))]
        # What names a type says more than what takes in many.
        quality = max(matching)[1] if matching else 0.0
        if quality > best_quality:
            best, best_quality = ours, quality
    return best


def _liking(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                quality = min(1.0, max(0.0, float(value)))
            except ValueError:
                quality = 0.0
    return name, quality


def _rank(name: str, ours: str) -> int:
    """How closely a range of media types names one; 0 where it does not take it in."""
    if name == ours:
        return 3
    return {"application/*": 2, "*/*": 1}.get(name, 0)
