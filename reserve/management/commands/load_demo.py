import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organization
from bookings.models import Booking, Slot
from reserve.demo import load_demo, needs_demo
from venues.models import Venue


class Command(BaseCommand):
    help = "Add what is missing of the demo data. Refuses in production."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-empty",
            action="store_true",
            help="do nothing where there is an organization, unless a load was interrupted",
        )

    def handle(self, *_arguments: Any, if_empty: bool, **_options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Demo data has passwords that everybody knows. Not in production.")
        if if_empty and not needs_demo():
            return
        self.stdout.write("Loading the demo data …")
        started = time.monotonic()
        load_demo()
        self.stdout.write(
            f"{Organization.objects.count()} organizations, {Venue.objects.count()} venues, "
            f"{Slot.objects.count():,} slots and {Booking.objects.count():,} bookings are there, "
            f"after {time.monotonic() - started:.1f} s."
        )
