"""What follows a booking: events relayed, mails handed over, and what the event log costs."""

import argparse

from bench.machine import description, noise
from bench.place import Place
from bench.results import Goal, Report, Table, figure, goals_table

SUMMARY = "events relayed per second, seconds to the mail, the cost of the event log"

_SECONDS = 600.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=5_000, help="of each run of the relay (5000)")
    parser.add_argument("--repeats", type=int, default=5, help="of what is repeated (5)")
    parser.add_argument("--rate", type=int, default=50, help="bookings a second (50)")
    parser.add_argument("--seconds", type=int, default=30, help="of bookings at that rate (30)")


def shorten(options: argparse.Namespace) -> None:
    options.events, options.repeats, options.seconds = 2_000, 3, 10


def run(options: argparse.Namespace, place: Place) -> Report:
    before = noise()
    place.run_module("bench.fixtures")
    figures = place.figures_of("bench.relayer", options.events, options.repeats, seconds=_SECONDS)
    figures |= place.figures_of(
        "bench.mails", options.rate, options.seconds, options.repeats, seconds=_SECONDS
    )
    with place.connect() as connection:
        figures["machine"] = description(connection)
    figures["noise"] = [before, noise()]
    mails, others = figures["mails"], figures["others_with_a_dead_server"]
    shares = figures["bookings_with_a_dead_server"]
    goals = [
        Goal("events relayed per second", 1_000, 500, figures["relayed_per_second"]),
        Goal("commit to mail, p99", 2.0, 5.0, [mails["p99"]], True, unit=" s"),
        Goal("cost of the event log", 10.0, 20.0, figures["log_cost_percent"], True, unit=" %"),
        Goal("mail server dead: bookings per second ÷ well", 0.95, 0.8, shares),
        Goal("mail server dead: mails by another, p99", 2.0, 5.0, [others["p99"]], True, unit=" s"),
    ]
    figures["goals"] = [goal.to_json() for goal in goals]
    rows = {
        "to the mail server": mails,
        **{f"… {name.replace('_', ' ')}": found for name, found in figures["stages"].items()},
        "by another server, one dead": others,
    }
    faults = [
        f"{name}: {found['booked']} booked, {found['handed_over']} mails handed over"
        for name, found in rows.items()
        if "booked" in found and found["handed_over"] != found["booked"]
    ]
    names = ("p50", "p90", "p99", "longest")
    table = Table(
        f"Seconds from commit to mail, at {options.rate} bookings a second",
        ("from commit", *names),
        [[title, *(figure(found[name]) for name in names)] for title, found in rows.items()],
    )
    return Report(figures, [table, goals_table(goals)], faults)
