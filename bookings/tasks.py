from celery import shared_task

from bookings.services import bookings, slots
from venues.models import Venue


@shared_task
def reclaim_lapsed_holds() -> int:
    return bookings.release_lapsed_holds()


@shared_task
def decline_unanswered_bookings() -> int:
    return bookings.decline_unanswered()


@shared_task
def publish_slots() -> int:
    return sum(slots.publish_horizon(venue=venue) for venue in Venue.objects.iterator())
