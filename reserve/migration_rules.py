"""What a migration must not do while the old version still serves on the same tables.

Additive first: the old version goes on working on the new schema, and nothing holds a
lock for as long as a table is large. What was there before the first release (`BASELINE`)
had no old version to get on with.
"""

from collections.abc import Iterator

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations
from django.db.migrations.operations.base import Operation

BASELINE = {
    "accounts": "0004_sessions_and_nameless_log",
    "bookings": "0012_one_guest_index",
    "notifications": "0002_occasions_by_organization",
    "outbox": "0003_dead_events",
    "venues": "0005_reminders",
}
_CONCURRENT = (AddIndexConcurrently, RemoveIndexConcurrently)
_UNFILLED = "the old version inserts rows without it; give it db_default or null."
_REFUSED: tuple[tuple[tuple[type[Operation], ...], str], ...] = (
    (
        (migrations.AddIndex, migrations.RemoveIndex),
        "locks the table for as long as it takes; use the concurrent one.",
    ),
    (
        (migrations.RemoveField, migrations.DeleteModel),
        "the old version still reads it; remove it one release after its last use.",
    ),
    (
        (migrations.RenameField, migrations.RenameModel, migrations.AlterModelTable),
        "the old version knows it by its old name; add, copy, and remove later.",
    ),
    (
        (migrations.AlterField,),
        "may rewrite the table under a lock; add a column instead, or say why it does not.",
    ),
    (
        (migrations.AddConstraint,),
        "reads the whole table under a lock; add it NOT VALID, and validate it after.",
    ),
    (
        (migrations.RunPython,),
        "keeps its locks to the end; backfill in batches, with atomic=False.",
    ),
)


def faults(migration: migrations.Migration) -> Iterator[str]:
    """What is unsafe about a migration under load, a sentence each."""
    made = {
        operation.name_lower
        for operation in migration.operations
        if isinstance(operation, migrations.CreateModel)
    }
    concurrent = [one for one in migration.operations if isinstance(one, _CONCURRENT)]
    if concurrent and len(concurrent) < len(migration.operations):
        yield "Concurrent indexes stand alone in their file: a failure leaves the rest done."
    for operation in migration.operations:
        model = getattr(operation, "model_name_lower", "")
        # Nobody has rows in a table that is being made, nor waits for it.
        if model and model in made:
            continue
        if fault := _fault(operation):
            yield f"{operation.describe()}: {fault}"


def _fault(operation: Operation) -> str | None:
    if isinstance(operation, _CONCURRENT):
        return None
    if isinstance(operation, migrations.AddField):
        field = operation.field
        return None if field.null or field.has_db_default() or field.many_to_many else _UNFILLED
    if isinstance(operation, migrations.RunPython) and operation.atomic is False:
        return None
    return next((fault for kinds, fault in _REFUSED if isinstance(operation, kinds)), None)
