import sys
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from bookings.services.publication import republish
from bookings.services.timezones import MovedSlots, mark_reported, moved_slots


class Command(BaseCommand):
    help = (
        "Report the venues whose coming slots an update of the time-zone data moves, once also "
        "those that have been republished since. "
        "Exits 1 if there are any. With --republish moves what is free; bookings stay where "
        "they are, and are counted as conflicts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--republish", action="store_true", help="move the slots that are not in use"
        )

    def handle(self, *_arguments: Any, **options: Any) -> None:
        number = 0
        for moved in list(moved_slots()):
            number += 1
            self.stdout.write(_line(moved))
            if options["republish"] and not moved.is_followed:
                done = republish(venue_id=moved.venue.pk)
                self.stdout.write(
                    f"  republished: {done.added:,} added, {done.removed:,} removed, "
                    f"{done.withdrawn:,} withdrawn, {done.conflicts:,} in conflict"
                )
            mark_reported(moved)
        if number:
            sys.exit(1)
        self.stdout.write("No published slot is moved by the present time-zone data.")


def _line(moved: MovedSlots) -> str:
    minutes = int(moved.distance / timedelta(minutes=1))
    way = "later" if minutes > 0 else "earlier"
    belong = "belonged" if moved.is_followed else "belong"
    end = "; what was free has been moved since" if moved.is_followed else ""
    return (
        f"{moved.venue.public_id} {moved.venue.name}, {moved.timezone}: "
        f"from {moved.first_date} on {moved.slot_count:,} slots with {moved.booking_count:,} "
        f"bookings {belong} {abs(minutes)} minutes {way} (UTC){end}."
    )
