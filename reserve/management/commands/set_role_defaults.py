from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from reserve import pooler


class Command(BaseCommand):
    help = (
        "Make the time limits of our sessions the defaults of the role in DATABASE_URL, for use "
        "behind a pooler in transaction mode. Have the pooler reconnect afterwards."
    )

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        connection.ensure_connection()
        with connection.wrap_database_errors:
            pooler.set_role_defaults(connection.connection, settings.SESSION_SETTINGS)
        for name, value in settings.SESSION_SETTINGS.items():
            self.stdout.write(f"{name} = {value}")
