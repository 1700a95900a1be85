"""When a venue offers slots, how they lie, and when it is closed."""

from datetime import date, datetime, time, timedelta
from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from accounts.models import Organization
from reserve.core.ids import UlidField, UlidModel
from venues.models.conditions import within
from venues.models.places import Resource, Venue
from venues.overlap import Stretch
from venues.validators import (
    DAY_MINUTES,
    MAX_CAPACITY,
    MAX_SLOTS_PER_DAY,
    validate_line,
    validate_wall_clock,
    whole,
)

_LONGEST_RANGE = timedelta(days=5 * 366)


class Weekday(models.IntegerChoices):
    MONDAY = 0, "Monday"
    TUESDAY = 1, "Tuesday"
    WEDNESDAY = 2, "Wednesday"
    THURSDAY = 3, "Thursday"
    FRIDAY = 4, "Friday"
    SATURDAY = 5, "Saturday"
    SUNDAY = 6, "Sunday"


def _is_part_of_day(minutes: int | None) -> bool:
    return minutes is None or 0 <= minutes <= DAY_MINUTES


class SlotRules(UlidModel):
    """An opening by the venue's clock, and how slots lie in it.

    Without a resource it is for all resources of the venue that have no rule of
    their own for the day.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    opens_at = models.TimeField(validators=[validate_wall_clock])
    closes_at = models.TimeField(
        validators=[validate_wall_clock], help_text="Not after opening: on the next day."
    )
    slot_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=whole(1, DAY_MINUTES),
        help_text="Length of a slot; the installation's where empty.",
    )
    interval_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=whole(1, DAY_MINUTES),
        help_text="From start to start; a slot with its buffers where empty.",
    )
    buffer_before_minutes = models.PositiveIntegerField(
        default=0,
        validators=whole(0, DAY_MINUTES),
        help_text="Kept free before each slot.",
    )
    buffer_after_minutes = models.PositiveIntegerField(
        default=0, validators=whole(0, DAY_MINUTES), help_text="Kept free after each slot."
    )
    capacity = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=whole(1, MAX_CAPACITY),
        help_text="Seats of each slot; the resource's where empty.",
    )

    class Meta:
        abstract = True
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            models.CheckConstraint(
                condition=within("slot_minutes", 1, DAY_MINUTES)
                & within("interval_minutes", 1, DAY_MINUTES)
                & within("capacity", 1, MAX_CAPACITY)
                & Q(buffer_before_minutes__range=(0, DAY_MINUTES))
                & Q(buffer_after_minutes__range=(0, DAY_MINUTES)),
                name="%(class)s_in_range",
            ),
            # Where the length is the installation's, the schedule sees to it.
            models.CheckConstraint(
                condition=Q(interval_minutes=None)
                | Q(slot_minutes=None)
                | Q(
                    interval_minutes__gte=F("slot_minutes")
                    + F("buffer_before_minutes")
                    + F("buffer_after_minutes")
                ),
                name="%(class)s_interval_is_long_enough",
            ),
        )

    def clean(self) -> None:
        """Refuses what no slot fits into."""
        errors: dict[str, str] = {}
        # What a field alone refuses has had its sentence, and maybe has no value.
        opens_at: time | None = self.opens_at
        closes_at: time | None = self.closes_at
        minutes = (
            *(self.slot_minutes, self.interval_minutes),
            *(self.buffer_before_minutes, self.buffer_after_minutes),
        )
        if opens_at is None or closes_at is None or not all(map(_is_part_of_day, minutes)):
            return
        if opens_at == closes_at != time.min:
            errors["closes_at"] = (
                "This must differ from opening, but for 00:00 to 00:00, the whole day."
            )
        elif self.slot_footprint > self.wall_length:
            errors["slot_minutes"] = "A slot with its buffers is longer than the opening."
        elif self.slot_count > MAX_SLOTS_PER_DAY:
            errors["slot_minutes"] = f"There must be at most {MAX_SLOTS_PER_DAY} slots a day."
        if self.interval_minutes and timedelta(minutes=self.interval_minutes) < self.slot_footprint:
            errors["interval_minutes"] = "This is shorter than a slot with its buffers."
        if errors:
            raise ValidationError(errors)

    @property
    def slot_length(self) -> timedelta:
        if self.slot_minutes is None:
            return settings.SLOT_DURATION
        return timedelta(minutes=self.slot_minutes)

    @property
    def buffer_before(self) -> timedelta:
        return timedelta(minutes=self.buffer_before_minutes or 0)

    @property
    def buffer_after(self) -> timedelta:
        return timedelta(minutes=self.buffer_after_minutes or 0)

    @property
    def slot_footprint(self) -> timedelta:
        """A slot with both its buffers."""
        return self.buffer_before + self.slot_length + self.buffer_after

    @property
    def interval_length(self) -> timedelta:
        """From start to start, never less than a slot with its buffers."""
        # The installation's length may have grown since the interval was set.
        return max(timedelta(minutes=self.interval_minutes or 0), self.slot_footprint)

    @property
    def slot_count(self) -> int:
        """How many slots fit in, on a day on which the clock does not jump."""
        room, interval = self.wall_length - self.slot_footprint, self.interval_length
        return room // interval + 1 if room >= timedelta() < interval else 0

    @property
    def wall_length(self) -> timedelta:
        """From opening to closing, on a day on which the clock does not jump."""
        opening, closing = (
            datetime.combine(date.min, wall_clock, tzinfo=None)
            for wall_clock in (self.opens_at, self.closes_at)
        )
        return closing - opening if closing > opening else closing - opening + timedelta(days=1)


def _check_dates(first: date | None, last: date | None, field: str) -> None:
    """Raises ValidationError where two dates are in the wrong order, or too far apart."""
    if first is None or last is None:
        return
    if last < first:
        raise ValidationError({field: "This must not be before the first date."})
    if last - first > _LONGEST_RANGE:
        raise ValidationError({field: "This must be within five years of the first date."})


class OpeningHours(SlotRules):
    """One stretch of one weekday in which slots are offered, from one date until another."""

    id = UlidField("hours")
    venue = models.ForeignKey(Venue, on_delete=models.CASCADE, related_name="opening_hours")
    resource = models.ForeignKey(
        Resource, on_delete=models.CASCADE, null=True, blank=True, related_name="opening_hours"
    )
    weekday = models.PositiveSmallIntegerField(choices=Weekday)
    valid_from = models.DateField(null=True, blank=True, help_text="First day; open where empty.")
    valid_until = models.DateField(null=True, blank=True, help_text="Last day; open where empty.")

    class Meta(SlotRules.Meta):
        ordering = ("resource", "weekday", "opens_at")
        verbose_name_plural = "opening hours"
        constraints = (
            models.CheckConstraint(condition=Q(weekday__range=(0, 6)), name="hours_have_a_weekday"),
            models.CheckConstraint(
                condition=Q(valid_from=None)
                | Q(valid_until=None)
                | Q(valid_until__gte=F("valid_from")),
                name="hours_end_after_they_begin",
            ),
            *SlotRules.Meta.constraints,
        )

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens_at:%H:%M} to {self.closes_at:%H:%M}"

    @property
    def stretch(self) -> Stretch:
        return Stretch(
            self.opens_at, self.wall_length, self.valid_from, self.valid_until, self.weekday
        )

    def clean(self) -> None:
        super().clean()
        _check_dates(self.valid_from, self.valid_until, "valid_until")


class SpecialHours(SlotRules):
    """A stretch of every day of a range of dates, in place of that owner's weekly hours."""

    id = UlidField("special")
    venue = models.ForeignKey(Venue, on_delete=models.CASCADE, related_name="special_hours")
    resource = models.ForeignKey(
        Resource, on_delete=models.CASCADE, null=True, blank=True, related_name="special_hours"
    )
    first_date = models.DateField()
    last_date = models.DateField()
    reason = models.CharField(max_length=200, blank=True, validators=[validate_line])

    class Meta(SlotRules.Meta):
        ordering = ("first_date", "opens_at")
        verbose_name_plural = "special hours"
        constraints = (
            models.CheckConstraint(
                condition=Q(last_date__gte=F("first_date")), name="special_hours_end_after_begin"
            ),
            *SlotRules.Meta.constraints,
        )

    def __str__(self) -> str:
        return f"{self.venue}, {self.first_date} to {self.last_date}, {self.opens_at:%H:%M}"

    @property
    def stretch(self) -> Stretch:
        return Stretch(self.opens_at, self.wall_length, self.first_date, self.last_date)

    def clean(self) -> None:
        super().clean()
        _check_dates(self.first_date, self.last_date, "last_date")


class Closure(UlidModel):
    """Days on which a venue, or one resource of it, offers nothing."""

    id = UlidField("closure")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    venue = models.ForeignKey(Venue, on_delete=models.CASCADE, related_name="closures")
    resource = models.ForeignKey(
        Resource, on_delete=models.CASCADE, null=True, blank=True, related_name="closures"
    )
    first_date = models.DateField()
    last_date = models.DateField()
    reason = models.CharField(max_length=200, blank=True, validators=[validate_line])

    class Meta:
        ordering = ("first_date",)
        constraints = (
            models.CheckConstraint(
                condition=Q(last_date__gte=F("first_date")), name="closure_ends_after_it_begins"
            ),
        )

    def __str__(self) -> str:
        return f"{self.venue}, {self.first_date} to {self.last_date}"

    def clean(self) -> None:
        _check_dates(self.first_date, self.last_date, "last_date")
