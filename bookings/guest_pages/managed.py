"""Where the link of a mail shows a guest without an account their booking, to be cancelled.

The secret of the link goes from the address into the session, as that of an account's link
does, so that no history, bookmark or Referer has it. Public venues show it on their booking
page; those that have none, on a plain one.
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import formats
from django.utils.translation import gettext_lazy as _

from accounts.actors import ANONYMOUS, Actor
from accounts.pages import Page, page_response
from bookings.errors import InvalidState, OutsideCancellationWindow
from bookings.guest_pages.shown import show_booking
from bookings.models import Booking
from bookings.selectors import managed_booking
from bookings.services.bookings import apply_transition
from bookings.states import CANCEL
from reserve.core.clock import now
from reserve.core.errors import DomainError, Invalid, NotFound

_SESSION_KEY = "booking.manage"


class ManageBookingPage(Page):
    title = _("Your booking")
    button = _("Cancel the booking")
    done_title = _("Your booking is cancelled")

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            if token := request.GET.get("token", ""):
                link = [request.GET.get("booking", ""), token]
                # A session is made for links of ours only.
                _booking_of(link)
                request.session[_SESSION_KEY] = link
                response = HttpResponseRedirect(request.path)
                response.headers["Referrer-Policy"] = "no-referrer"
                return response
            actor, booking = _booking_of(self._link)
            if booking.venue.is_public:
                return show_booking(request, booking, actor)
            return self.show(self.form_class())
        except NotFound:
            return self._refuse()

    def show(self, form: forms.Form, status: int = 200) -> HttpResponse:
        _, booking = _booking_of(self._link)
        content: dict[str, Any] = {"title": self.title, "text": _told(booking)}
        if booking.status_at(now()) in CANCEL.sources:
            content |= {"button": self.button, "form": form}
        elif refusals := form.non_field_errors() if form.is_bound else []:
            content["text"] = " ".join((content["text"], *map(str, refusals)))
        return page_response(self.request, content, status)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            return super().post(request)
        except NotFound:
            return self._refuse()

    def act(self, values: dict[str, Any]) -> None:
        actor, booking = _booking_of(self._link)
        try:
            apply_transition(actor=actor, booking_id=booking.pk, transition=CANCEL)
        except OutsideCancellationWindow as refused:
            raise _in_words(
                refused, _("It is too late to cancel here. Please call the venue.")
            ) from None
        except InvalidState as refused:
            raise _in_words(refused, _("This booking can no longer be changed here.")) from None

    @property
    def _link(self) -> list[str]:
        """The booking's id and its secret."""
        link: list[str] = self.request.session.get(_SESSION_KEY, ["", ""])
        return link

    def _refuse(self) -> HttpResponse:
        self.request.session.pop(_SESSION_KEY, None)
        content = {
            "title": _("This link does not work"),
            "text": _("The link in your mail leads here: you can see your booking, and cancel it."),
        }
        response = page_response(self.request, content, NotFound.status)
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def _booking_of(link: Sequence[str]) -> tuple[Actor, Booking]:
    """Whoever has the link, and the booking. Raises NotFound where it is none of ours."""
    booking_id, token = link
    actor = ANONYMOUS.with_manage_token(token)
    try:
        return actor, managed_booking(actor=actor, booking_id=Booking.parse_id(booking_id))
    except Invalid:
        raise NotFound from None


def _told(booking: Booking) -> str:
    """A booking on one line, by the venue's clock."""
    starts_at = booking.venue.local(booking.starts_at)
    parts = (
        booking.venue.name,
        formats.date_format(starts_at, "l"),
        formats.date_format(starts_at, "DATE_FORMAT"),
        formats.time_format(starts_at, "TIME_FORMAT"),
        booking.confirmation_code,
    )
    return " · ".join(parts)


def _in_words(refused: DomainError, sentence: Any) -> DomainError:
    """The same refusal in the reader's language."""
    refused.text = str(sentence)
    return refused


urlpatterns = [path("manage", ManageBookingPage.as_view(), name="manage-booking")]
