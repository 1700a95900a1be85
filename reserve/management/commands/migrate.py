import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg import errors as postgres

# Seconds between attempts; a migration waits for a lock as long as `lock_timeout` says.
_PAUSES = (1.0, 2.0, 5.0, 10.0)
_LIFTED = " -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"


class Command(migrate.Command):
    """As Django's, safe under load.

    Whoever waits for a table's lock has all who come later wait behind it, so that
    `lock_timeout` stays as it is for everybody, and what could not be had is tried again.
    Building an index may take long; no other time limit ends it.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-attempts",
            type=int,
            default=len(_PAUSES) + 1,
            help="How often a migration that meets a locked table is tried.",
        )

    def handle(self, *arguments: Any, lock_attempts: int, **options: Any) -> None:
        if settings.DATABASE_POOLED:
            raise CommandError(
                "Migrations need sessions of their own. Name PostgreSQL itself in DATABASE_URL, "
                "and unset DATABASE_POOLED."
            )
        with _lifted_time_limits(options["database"]):
            self._migrate(*arguments, lock_attempts=lock_attempts, **options)

    def _migrate(self, *arguments: Any, lock_attempts: int, **options: Any) -> None:
        for attempt in range(1, lock_attempts + 1):
            try:
                super().handle(*arguments, **options)
            except OperationalError as error:
                if attempt == lock_attempts or not _is_about_a_lock(error):
                    raise
                self.stderr.write(f"A table is locked. Attempt {attempt} of {lock_attempts}.")
                connections[options["database"]].close()
                time.sleep(_PAUSES[min(attempt, len(_PAUSES)) - 1])
            else:
                return


def _is_about_a_lock(error: OperationalError) -> bool:
    return isinstance(error.__cause__, postgres.LockNotAvailable)


@contextmanager
def _lifted_time_limits(database: str) -> Iterator[None]:
    """What runs afterwards in this process has its limits again."""
    connection = connections[database]
    before = connection.settings_dict["OPTIONS"]
    if "options" not in before or connection.in_atomic_block:
        yield
        return
    connection.settings_dict["OPTIONS"] = before | {"options": before["options"] + _LIFTED}
    # A connection that is open has the old ones.
    connection.close()
    try:
        yield
    finally:
        connection.settings_dict["OPTIONS"] = before
        connection.close()
