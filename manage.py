#!/usr/bin/env python
"""Django's command line. Without DATABASE_URL and REDIS_URL it uses the embedded servers."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

from reserve.embedded import EmbeddedError, development_environment


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
    try:
        with development_environment():
            # Read the settings first: a command would hide or wrap what they refuse.
            settings.INSTALLED_APPS  # noqa: B018
            execute_from_command_line(sys.argv)
    except (EmbeddedError, ImproperlyConfigured) as error:
        print(error, file=sys.stderr)
        return 1
    except OperationalError as error:
        # The server gives a code for what goes wrong in a query. Without one,
        # there is no connection.
        if getattr(error.__cause__, "sqlstate", None) is not None:
            raise
        reason = str(error).strip().splitlines()[0].rstrip(".").removeprefix("connection failed: ")
        print(
            f"PostgreSQL cannot be reached: {reason}. Start it, or correct DATABASE_URL.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
