"""Bookings whose ledger is looked at, and what is done to it."""

from dataclasses import dataclass

from django.db import connection

from accounts.actors import Actor
from bookings.audit.verify import verify_ledger
from bookings.models import Booking, Slot
from tests.commands import run_command
from venues.models import Resource


@dataclass
class Story:
    """Slots 0 to 3 follow one another. On slot 0 are `confirmed` and `held`, in this order,
    on slots 1 to 3 `long`."""

    resource: Resource
    other_resource: Resource
    slots: list[Slot]
    confirmed: Booking
    held: Booking
    long: Booking
    actor: Actor

    @property
    def ids(self) -> dict[str, object]:
        rows = {f"slot{number}": slot for number, slot in enumerate(self.slots)}
        rows |= {"confirmed": self.confirmed, "held": self.held, "long": self.long}
        rows |= {"resource": self.resource, "other_resource": self.other_resource}
        return {name: f"'{row.pk}'" for name, row in rows.items()}


def run(*options: str) -> tuple[list[str], int]:
    """What the command prints, and its exit code."""
    return run_command("verify_ledger", *options)


def broken() -> dict[str, int]:
    return {
        check.name: check.problem_count for check in verify_ledger().checks if check.problem_count
    }


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
