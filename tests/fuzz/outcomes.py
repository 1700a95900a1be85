"""What an operation may come to, and the line of the history that tells of it."""

from typing import Any

Record = dict[str, Any]
"""One line of the history: `op`, what was asked for, `began` and `ended`, and the `outcome`."""

OK = "OK"

# Outcomes beyond success that an operation may have; whatever else comes is a finding.
_BUSY = {"SLOT_BUSY"}
_NO_SEATS = {"SLOT_UNAVAILABLE", "SLOT_CLOSED", "PARTY_SIZE_NOT_ALLOWED"}
_WRONG_STATE = {"INVALID_STATE", "HOLD_EXPIRED"}
_TAKING = _BUSY | _NO_SEATS | {"NOT_FOUND", "BOOKING_LIMIT_REACHED"}
_MOVING = _BUSY | _WRONG_STATE | {"NOT_FOUND", "FORBIDDEN"}
EXPECTED: dict[str, set[str]] = {
    "create": _TAKING,
    "hold": _TAKING,
    "keyed": _TAKING | {"IDEMPOTENCY_MISMATCH", "IDEMPOTENCY_IN_PROGRESS"},
    "transition": _MOVING,
    "reschedule": _BUSY | _NO_SEATS | _WRONG_STATE | {"NOT_FOUND"},
    "update": _BUSY | _NO_SEATS | _WRONG_STATE | {"NOT_FOUND"},
    "change_slot": _BUSY | {"INVALID_STATE", "FORBIDDEN", "NOT_FOUND"},
    # Somebody may have reopened a slot where another was about to be restored.
    "publish": _BUSY | {"INVALID_STATE"},
    "release": set(),
    "relay": set(),
    # In a batch whose time ran out before its turn came again.
    "unknown": _BUSY | {"NOT_FOUND"},
}
