from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.migrations.loader import MigrationLoader

from reserve.migration_rules import BASELINE, faults


class Command(BaseCommand):
    help = (
        "Check that new migrations are safe under load. One that was thought through says so "
        "with `is_safe_because = '…'` in its class."
    )

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        # Without a connection: the files alone.
        loader = MigrationLoader(None)
        found = [
            f"{app}.{name}: {fault}"
            for (app, name), migration in sorted(loader.disk_migrations.items())
            if app in BASELINE and name > BASELINE[app]
            if not getattr(migration, "is_safe_because", "")
            for fault in faults(migration)
        ]
        if found:
            raise CommandError("\n".join(found))
