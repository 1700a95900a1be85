"""A request for a venue's page, and the page that answers it."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation

from accounts.actors import ANONYMOUS, Actor, account
from accounts.browser_login import login_address
from accounts.models import User
from bookings.guest_pages import visits
from bookings.guest_pages.forms import DetailsForm, NotesForm
from bookings.models import Booking
from venues.models import Venue


@dataclass(frozen=True)
class Visit:
    """A request for a venue's page, alone or in a frame, and who is logged in there."""

    request: HttpRequest
    venue: Venue
    framed: bool
    person: User | None

    @property
    def actor(self) -> Actor:
        return account(self.person.pk) if self.person else ANONYMOUS

    @property
    def home(self) -> str:
        return visits.address("venue", self.venue, framed=self.framed)

    def booking(self) -> Booking:
        """That of the form. Raises NotFound where it is none."""
        state = self.request.POST.get("state", "")
        return visits.booking_of(state, actor=self.actor, venue=self.venue)

    def form(self, booking: Booking, content: Any = None) -> DetailsForm | NotesForm:
        """What is still to be said by whoever will have the booking."""
        return (NotesForm if self.books_by_account(booking) else DetailsForm)(content)

    def books_by_account(self, booking: Booking) -> bool:
        """Whether it is, or on confirming becomes, the booking of who is logged in."""
        return self.person is not None and booking.customer_id in {None, self.person.pk}

    def show(self, template: str, content: dict[str, Any], status: int = 200) -> HttpResponse:
        names = ("venue", "hold", "resume", "confirm", "release", "status", "cancel")
        addresses = {
            name: visits.address(name, self.venue, framed=self.framed)
            for name in (*names, "calendar", "look_up")
        }
        common = {
            "venue": self.venue,
            "framed": self.framed,
            "person": self.person,
            "can_log_in": not self.framed,
            "log_in": login_address(self.home),
            "paths": addresses,
            "language": translation.get_language(),
            "is_rtl": translation.get_language_bidi(),
        }
        page = f"guest_pages/{template}.html"
        return render(self.request, page, common | content, status=status)
