import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from bookings.audit import Report, verify_ledger


class Command(BaseCommand):
    help = (
        "Check that seats, bookings and the event log agree, over the whole database. "
        "Prints what breaks, and exits 1 if anything does. Bookings go on meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        report = verify_ledger()
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(report), indent=2))
        else:
            self._print(report)
        if report.problem_count:
            sys.exit(1)

    def _print(self, report: Report) -> None:
        for check in report.checks:
            for problem in check.problems:
                self.stdout.write(str(problem))
            if more := check.problem_count - len(check.problems):
                self.stdout.write(f"{check.name}: and {more:,} more")
        found = f"{report.problem_count:,} problems" if report.problem_count else "nothing breaks"
        self.stdout.write(
            f"{report.slots:,} slots, {report.bookings:,} bookings and {report.events:,} events "
            f"checked in {report.seconds:.1f} s: {found}."
        )


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "started_at": report.started_at.isoformat(),
        "seconds": round(report.seconds, 3),
        "slots": report.slots,
        "bookings": report.bookings,
        "events": report.events,
        "problem_count": report.problem_count,
        "checks": {check.name: check.problem_count for check in report.checks},
        "problems": [problem.as_json() for problem in report.problems],
    }
