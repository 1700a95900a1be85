"""The names in braces that an organization's own words may use, and nothing else.

Text is replaced, never evaluated: no template language reads what staff write.
"""

import re
from collections.abc import Mapping

from django.core.exceptions import ValidationError

MAX_SUBJECT = 150
MAX_BODY = 4_000

PLACEHOLDERS = {
    "guest_name": "the guest's name",
    "venue_name": "the venue's name",
    "address": "the venue's address",
    "date": "the day, in the guest's language",
    "time": "from when to when, by the venue's clock",
    "party_size": "how many people",
    "code": "the confirmation code",
    "reason": "why, where somebody said so",
}

_NAME = re.compile(r"\{([^{}\n]*)\}")


def validate_text(text: str) -> None:
    """Raises ValidationError where a name in braces is not known, or a brace is left over."""
    for name in _NAME.findall(text):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise ValidationError(f"{{{name}}} is not known. You can write {known}.")
    if re.search(r"[{}]", _NAME.sub("", text)):
        raise ValidationError("There is a brace without its other half.")


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with each name replaced by its value; names without one vanish.

    In one pass: a value that looks like a name is left as it is.
    """
    return _NAME.sub(lambda found: values.get(found[1], ""), text)
