"""The checks of every night, kept for a while."""

from bookings.audit.verify import Report, verify_ledger
from bookings.models import LedgerCheck
from reserve.core.logging import get_logger

log = get_logger(__name__)

_KEPT_CHECKS = 90
_KEPT_PROBLEMS = 50


def check_ledger() -> LedgerCheck:
    """Verify the ledger, keep what was found, and say so in the log."""
    report = verify_ledger()
    check = _record(report)
    figures = {
        "slots": report.slots,
        "bookings": report.bookings,
        "events": report.events,
        "seconds": round(report.seconds, 1),
    }
    if report.problem_count:
        broken = {found.name: found.problem_count for found in report.checks if found.problem_count}
        log.error("ledger_broken", problems=report.problem_count, checks=broken, **figures)
    else:
        log.info("ledger_checked", **figures)
    return check


def _record(report: Report) -> LedgerCheck:
    check = LedgerCheck.objects.create(
        started_at=report.started_at,
        seconds=report.seconds,
        slots=report.slots,
        bookings=report.bookings,
        events=report.events,
        problem_count=report.problem_count,
        problems=[problem.as_json() for problem in report.problems[:_KEPT_PROBLEMS]],
    )
    kept = LedgerCheck.objects.order_by("-started_at").values("pk")[:_KEPT_CHECKS]
    LedgerCheck.objects.exclude(pk__in=kept).delete()
    return check
