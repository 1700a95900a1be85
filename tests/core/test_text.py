"""What may be written down: held against Unicode's own account of every character."""

import sys
import unicodedata

from reserve.core.text import is_clean

_REORDERING = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def test_what_cannot_be_written_is_what_unicode_says_it_is() -> None:
    for point in range(sys.maxunicode + 1):
        sign = chr(point)
        is_refused = (
            unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"}
            or unicodedata.bidirectional(sign) in _REORDERING
        )
        assert is_clean(f"a{sign}b") is not is_refused, hex(point)
