"""Two clocks.

`now` is the process's, good enough for reading. What is decided under a lock is
decided by `database_now`: all processes share it, and it goes on while a
transaction waits.
"""

from datetime import UTC, datetime

from django.db import connection


def now() -> datetime:
    return datetime.now(UTC)


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment.astimezone(UTC)
