"""Text from people: what may be written down, and in which form."""

import re
import unicodedata

from reserve.core.errors import Invalid

# What no text needs: control characters, surrogates, separators of lines and paragraphs
# (the categories Cc, Cs, Zl and Zp of Unicode). And embeddings, overrides and isolates
# (UAX 9), which reorder what stands around them, so that a name could make a sentence of
# ours say something else. The marks that Arabic and Hebrew names need are not among them.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")

UNWRITABLE = "This contains characters that cannot be written here."


def clean_line(text: str, *, field: str, maximum: int, required: bool = False) -> str:
    """One line of text, trimmed and composed (Unicode NFC).

    Args:
        maximum: its length, in characters.
        required: whether something must be seen of it: spaces and marks alone are nothing.

    Raises:
        Invalid: too long, empty, or with characters that no line of text needs.
    """
    line = _composed(text, field, maximum)
    if not is_clean(line):
        raise _unwritable(field)
    if required and not any(unicodedata.category(sign)[0] in "LNPS" for sign in line):
        raise Invalid.field(field, "This must not be empty.")
    return line


def clean_text(text: str, *, field: str, maximum: int) -> str:
    """Text of any number of lines, trimmed and composed, lines ended by LF. May be empty.

    Raises:
        Invalid: too long, or with characters that no text needs; a tab is none of them.
    """
    lines = _composed(text.replace("\r\n", "\n").replace("\r", "\n"), field, maximum)
    if not is_clean(lines.replace("\n", " ").replace("\t", " ")):
        raise _unwritable(field)
    return lines


def _composed(text: str, field: str, maximum: int) -> str:
    # Composing takes time; what is far too long cannot become short enough.
    if len(text) > 4 * maximum:
        raise _too_long(field, maximum)
    composed = unicodedata.normalize("NFC", text).strip()
    if len(composed) > maximum:
        raise _too_long(field, maximum)
    return composed


def is_clean(line: str) -> bool:
    """Whether a line has none of the characters that no text needs."""
    return _UNWRITABLE.search(line) is None


def _unwritable(field: str) -> Invalid:
    return Invalid.field(field, UNWRITABLE)


def _too_long(field: str, maximum: int) -> Invalid:
    return Invalid.field(field, f"This must not be longer than {maximum} characters.")
