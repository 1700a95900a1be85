#!/usr/bin/env python
"""Django's command line. Without DATABASE_URL and REDIS_URL it uses the embedded servers."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError

from reserve.database_errors import circumstances
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
    except DatabaseError as error:
        sentence = circumstances(error)
        if sentence is None:
            raise
        print(sentence, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
