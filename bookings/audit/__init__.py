"""Whether the ledger is right: seats, bookings and the event log tell the same story."""

from bookings.audit.record import check_ledger
from bookings.audit.verify import CheckResult, Problem, Report, verify_ledger

__all__ = ["CheckResult", "Problem", "Report", "check_ledger", "verify_ledger"]
