"""What the board's socket sends, as plain values. Times are in the venue's offset."""

from typing import Any

from bookings.board.reading import Board
from bookings.live import SlotChange
from bookings.models import Booking, Slot
from reserve.core.clock import now
from venues.models import Resource

Message = dict[str, Any]


def snapshot(board: Board) -> Message:
    venue = board.venue
    return {
        "type": "snapshot",
        "venue": {"id": venue.public_id, "name": venue.name, "timezone": venue.timezone},
        "date": board.day.isoformat(),
        "now": venue.local(board.now).isoformat(),
        "resources": [
            {
                "id": resource.public_id,
                "name": resource.name,
                "booking_mode": resource.booking_mode,
                "capacity": resource.capacity,
            }
            for resource in board.resources
        ],
        "slots": [_of_slot(slot, board) for slot in board.slots],
        "bookings": [of_booking(booking) for booking in board.bookings],
        "week": [
            {"date": load.label.isoformat(), "used": load.used, "capacity": load.capacity}
            for load in board.week
        ],
    }


def _of_slot(slot: Slot, board: Board) -> Message:
    return {
        "id": slot.public_id,
        "resource_id": Resource.format_id(slot.resource_id),
        "start_time": board.venue.local(slot.starts_at).isoformat(),
        "end_time": board.venue.local(slot.ends_at).isoformat(),
        "status": slot.status_at(board.now).value,
        "capacity": slot.capacity,
        "remaining_capacity": slot.remaining,
        "version": slot.version,
    }


def slot_changed(change: SlotChange) -> Message:
    return {
        "type": "slot",
        "slot": {
            "id": Slot.format_id(change.slot_id),
            "resource_id": Resource.format_id(change.resource_id),
            "start_time": change.starts_at.isoformat(),
            "end_time": change.ends_at.isoformat(),
            "status": change.status_at(now()).value,
            "capacity": change.capacity,
            "remaining_capacity": change.remaining_capacity,
            "version": change.version,
        },
    }


def booking_changed(booking: Booking) -> Message:
    return {"type": "booking", "booking": of_booking(booking)}


def of_booking(booking: Booking) -> Message:
    venue = booking.venue
    return {
        "id": booking.public_id,
        "version": booking.version,
        "status": booking.status_at(now()).value,
        "confirmation_code": booking.confirmation_code,
        "guest": {
            "name": booking.guest.name,
            "email": booking.guest.email,
            "phone": booking.guest.phone,
        },
        "guest_count": booking.guest_count,
        "seats": booking.seats,
        "notes": booking.notes,
        "resource_id": Resource.format_id(booking.resource_id),
        "slot_ids": [slot.public_id for slot in booking.slots_at_hand or ()],
        "start_time": venue.local(booking.starts_at).isoformat(),
        "end_time": venue.local(booking.ends_at).isoformat(),
        "hold_expires_at": booking.hold_expires_at and booking.hold_expires_at.isoformat(),
    }
