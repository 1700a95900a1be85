"""Random operations by many callers at once; afterwards everything must agree.

`make fuzz OPS=1000000` runs the same for longer.
"""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands

from tests.fuzz.crew import Crew, crew
from tests.fuzz.defects import DEFECTS
from tests.fuzz.outcomes import EXPECTED, OK
from tests.fuzz.servers import redis_to_kill
from tests.processes import environment

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]

OPERATIONS = 20_000
# A defect has to be found in so many operations, which the engine itself withstands.
OPERATIONS_OF_A_DEFECT = 4_320
# Races are won and lost where all begin at once, and so in small rounds.
_ROUND_OF_A_DEFECT = 360
SEED = "1"


def no_guards(_round: int) -> bool:
    """Guards hide races between processes, and nothing may depend on them."""
    return False


@pytest.fixture(scope="module")
def callers(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with crew(tmp_path_factory.mktemp("crew"), environment(LOG_LEVEL="ERROR")) as workers:
        yield workers


def test_everything_agrees_after_many_random_operations(callers: Crew) -> None:
    report = callers.run(seed=SEED, operations=OPERATIONS)
    print(report)
    assert not report.findings, str(report)
    assert report.operations > 0.99 * OPERATIONS
    # It was no walk among refusals, nor one without any.
    met = {tuple(name.split()) for name in report.outcomes}
    for operation in EXPECTED.keys() - {"unknown"}:
        assert (operation, OK) in met, str(report)
    missing = set().union(*EXPECTED.values()) - {code for _, code in met}
    assert missing <= {"SLOT_BUSY", "IDEMPOTENCY_IN_PROGRESS"}, str(report)
    if "verify_ledger" in get_commands():
        call_command("verify_ledger", stdout=StringIO())


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(callers: Crew, defect: str) -> None:
    report = callers.run(
        seed=SEED,
        operations=OPERATIONS_OF_A_DEFECT,
        round_size=_ROUND_OF_A_DEFECT,
        defect=defect,
        has_guards=no_guards,
    )
    print(report)
    assert report.tells_of(DEFECTS[defect].kinds), str(report)


def test_the_engine_without_a_defect_withstands_the_same(callers: Crew) -> None:
    report = callers.run(
        seed=SEED,
        operations=OPERATIONS_OF_A_DEFECT,
        round_size=_ROUND_OF_A_DEFECT,
        has_guards=no_guards,
    )
    assert not report.findings, str(report)


def test_with_redis_killed_under_load_bookings_go_on(tmp_path: Path) -> None:
    with (
        redis_to_kill() as redis,
        crew(tmp_path, environment(REDIS_URL=redis.url, LOG_LEVEL="ERROR")) as workers,
    ):
        report = workers.run(
            seed=SEED,
            operations=1_500,
            round_size=750,
            has_guards=lambda _: True,
            on_halfway=redis.kill,
        )
    assert redis.was_killed
    assert not report.findings, str(report)
    assert report.operations > 1_400
