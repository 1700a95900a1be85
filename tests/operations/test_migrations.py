"""Migrations are safe while the old version serves, and give way to whoever works."""

import subprocess
import sys
from typing import Any

import psycopg
import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import call_command
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader

from reserve.migration_rules import BASELINE, faults
from tests.processes import PROJECT, environment

INDEX = models.Index(fields=["name"], name="some_index")


def _faults(*operations: Any) -> list[str]:
    migration = migrations.Migration("0099_new", "bookings")
    migration.operations = list(operations)
    return list(faults(migration))


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddIndex("slot", INDEX),
        migrations.RemoveIndex("slot", "some_index"),
        migrations.AddField("slot", "note", models.TextField()),
        migrations.AddField("slot", "note", models.TextField(default="")),
        migrations.RemoveField("slot", "note"),
        migrations.DeleteModel("Slot"),
        migrations.RenameField("slot", "note", "notes"),
        migrations.RenameModel("Slot", "Time"),
        migrations.AlterField("slot", "capacity", models.BigIntegerField()),
        migrations.AddConstraint(
            "slot", models.UniqueConstraint(fields=["version"], name="one_version")
        ),
        migrations.RunPython(migrations.RunPython.noop),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_what_breaks_or_blocks_the_old_version_is_refused(operation: Any) -> None:
    assert len(_faults(operation)) == 1


def test_what_is_additive_is_taken() -> None:
    assert _faults(AddIndexConcurrently("slot", INDEX)) == []
    assert (
        _faults(
            migrations.AddField("slot", "note", models.TextField(null=True)),
            migrations.AddField("slot", "flag", models.BooleanField(db_default=False)),
            migrations.RunPython(migrations.RunPython.noop, atomic=False),
        )
        == []
    )
    new = migrations.CreateModel("Thing", [("id", models.UUIDField(primary_key=True))])
    assert _faults(new, migrations.AddIndex("thing", INDEX)) == []
    assert len(_faults(new, AddIndexConcurrently("slot", INDEX))) == 1


def test_our_own_are_checked_from_the_baseline_on() -> None:
    call_command("lint_migrations")
    on_disk = MigrationLoader(None).disk_migrations
    assert {(app, name) for app, name in BASELINE.items()} <= on_disk.keys()


@pytest.mark.django_db(transaction=True)
def test_a_migration_waits_for_nobody_for_long_and_is_tried_again() -> None:
    """While somebody has a table, whoever comes is served, and the migration comes later."""
    variables = environment()
    command = [sys.executable, "manage.py", "migrate", "bookings", "--noinput"]
    with psycopg.connect(variables["DATABASE_URL"]) as session:
        session.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen(
            command,
            cwd=PROJECT,
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stderr is not None
            told = running.stderr.readline()
            session.rollback()
            assert running.wait(30) == 0, running.stderr.read()
    assert told == "A table is locked. Attempt 1 of 5.\n"
