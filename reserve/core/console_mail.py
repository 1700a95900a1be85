"""Where mails go in development: the text to the terminal, the whole to a folder.

`/dev/mails` shows the folder. Both hold secrets of links, so that neither is for production.
"""

from email.message import Message
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail.backends import console

from reserve.core.ids import new_id

KEPT = 200
_RULE = "─" * 72


class EmailBackend(console.EmailBackend):
    """Writes what a person wants to see of a mail, and keeps the latest as files."""

    def write_message(self, message: Any) -> None:
        keep(message.message())
        lines = [
            _RULE,
            f"To: {', '.join(message.recipients())}",
            f"Subject: {message.subject}",
            "",
            message.body.strip(),
            _RULE,
        ]
        self.stream.write("\n".join(lines) + "\n")


def keep(message: Message) -> None:
    """Write a mail to the folder, from which the oldest go."""
    folder: Path = settings.DEVELOPMENT_MAILS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Named by ids, they are in order of time.
    partial = folder / f"{new_id().hex}.part"
    partial.write_bytes(message.as_bytes())
    partial.rename(partial.with_suffix(".eml"))
    for old in sorted(folder.glob("*.eml"))[:-KEPT]:
        old.unlink(missing_ok=True)
