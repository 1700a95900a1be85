"""Figures and how they are shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Table:
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        texts = [
            "  ".join(
                # Names to the left, figures to the right.
                cell.rjust(width) if column else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        rule = "  ".join("-" * width for width in widths)
        return "\n".join([self.title, "", texts[0], rule, *texts[1:]])


@dataclass(frozen=True)
class Goal:
    """A figure to reach: `goal` is what we want, `least` what we accept."""

    name: str
    goal: float
    least: float
    values: Sequence[float]
    """One for each repeat."""
    is_lower_better: bool = False
    is_exact: bool = False
    """Neither more nor less than the goal will do."""
    unit: str = ""

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def verdict(self) -> str:
        if self._reaches(self.goal):
            return "PASS, goal"
        return "PASS, least" if self._reaches(self.least) else "BELOW"

    def _reaches(self, mark: float) -> bool:
        if self.is_exact:
            return self.value == mark
        return self.value <= mark if self.is_lower_better else self.value >= mark

    def row(self) -> list[str]:
        sign = "=" if self.is_exact else "≤" if self.is_lower_better else "≥"
        return [
            self.name,
            figure(self.value) + self.unit,
            f"{figure(min(self.values))} to {figure(max(self.values))}",
            f"{sign} {figure(self.goal)}",
            f"{sign} {figure(self.least)}",
            self.verdict,
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "median": self.value,
            "repeats": list(self.values),
            "goal": self.goal,
            "least": self.least,
            "is_lower_better": self.is_lower_better,
            "is_exact": self.is_exact,
            "verdict": self.verdict,
        }


def goals_table(goals: Sequence[Goal]) -> Table:
    header = ("goals", "median", "repeats", "goal", "least", "")
    return Table("Figures to reach", header, [goal.row() for goal in goals])


@dataclass
class Report:
    """What a benchmark found."""

    figures: dict[str, Any]
    """Goes to JSON as it is: medians, every repeat, the machine's noise."""
    tables: list[Table]
    faults: list[str] = field(default_factory=list)
    """What was wrong, not slow; any fails the run."""


def figure(value: float | None) -> str:
    """A number with about three digits that count."""
    if value is None:
        return "–"
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2  # noqa: PLR2004
    return f"{value:,.{decimals}f}"


def percentile(ordered: Sequence[float], part: float) -> float:
    """The value below which this part of an ordered, non-empty sequence lies."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
