"""Limits go on without Redis, each process for itself."""

import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.contracts.limits.asking import HEADERS, LIMITS, client_of, graphql, log_in
from tests.factories import bearer, make_customer, make_login_user, make_venue
from tests.processes import wait_until, web_process
from tests.redis_server import OwnRedis

pytestmark = pytest.mark.django_db(transaction=True)


def test_redis_may_die_and_come_back_under_load(own_redis: OwnRedis, tmp_path: Path) -> None:
    venue, customer = make_venue(), make_customer()
    make_login_user(email="someone@example.com")
    log = tmp_path / "web.log"
    stop = threading.Event()
    statuses: Counter[tuple[str, int]] = Counter()
    limits = LIMITS | {"RATE_LIMIT_MAX_REQUESTS": "1000", "RATE_LIMIT_WINDOW_SECONDS": "10"}

    def told(event: str) -> int:
        return log.read_text().count(f'"event":"{event}"')

    def caller(server: str, number: int) -> None:
        headers = {"Authorization": bearer(customer)} if number % 2 else {}
        with client_of(server) as http:
            while not stop.is_set():
                answers = {
                    "graphql": graphql(http, "{ __typename }", headers=headers),
                    "rest": http.get(f"/api/v1/venues/{venue.public_id}", headers=headers),
                }
                if number == 0:
                    answers["login"] = log_in(http, "someone@example.com", "wrong")
                for name, answer in answers.items():
                    statuses[name, answer.status_code] += 1
                    assert all(header in answer.headers for header in HEADERS)

    with (
        log.open("wb") as file,
        web_process(REDIS_URL=own_redis.url, LOG_LEVEL="WARNING", log=file, **limits) as server,
    ):
        threads = [threading.Thread(target=caller, args=(server, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        own_redis.kill()
        wait_until(lambda: told("limits_local"), seconds=10)
        time.sleep(1)
        own_redis.start()
        wait_until(lambda: told("limits_shared"), seconds=15)
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join(20)
        refused = (statuses, log.read_text())
        assert {status for _, status in statuses} <= {200, 429}, refused
        assert statuses["graphql", 200] > 50
        assert statuses["rest", 200] > 20
    assert (told("limits_local"), told("limits_shared")) == (1, 1)
    assert "unexpected_error" not in log.read_text()
    assert "127.0.0.1" not in log.read_text()
