"""What `/metrics` tells, from every process, and that dashboard and alerts ask for nothing else."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bookings import audit
from reserve import figures
from reserve.embedded.figures import FOLDER, shared_figures
from tests.clients import GraphQLApi
from tests.factories import make_customer, make_resource, make_slot, seats_on
from tests.processes import free_port, process, wait_until, web_process

ROOT = Path(__file__).resolve().parents[2]
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
DASHBOARD = json.loads((ROOT / "deploy/grafana/reserve.json").read_text())
pytestmark = pytest.mark.django_db(transaction=True)


def _rules() -> list[dict[str, Any]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def _names(expression: str) -> set[str]:
    return set(re.findall(r"\breserve_[a-z0-9_]+", expression))


def _offered(text: str) -> set[str]:
    """Every name that may be asked for, with or without values so far."""
    names: set[str] = set()
    for family in text_string_to_metric_families(text):
        names.add(family.name)
        names.update(sample.name for sample in family.samples)
        if family.type == "counter":
            names.add(f"{family.name}_total")
        if family.type == "histogram":
            names.update(f"{family.name}_{part}" for part in ("bucket", "sum", "count"))
    return names


def _value(text: str, name: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_whatever_is_shown_or_watched_is_told() -> None:
    audit.check_ledger()
    offered = _offered(figures.text().decode())
    asked = {f"alert {rule['alert']}": rule["expr"] for rule in _rules()} | {
        f"panel {panel['title']} {target['refId']}": target["expr"]
        for panel in _panels()
        for target in panel["targets"]
    }
    assert len(asked) > 40
    for where, expression in asked.items():
        assert _names(expression), where
        assert sorted(_names(expression) - offered) == [], where
        assert expression.count("(") == expression.count(")"), where
    shown = set().union(*(_names(expression) for expression in asked.values()))
    ours = {name for name in offered if name.startswith("reserve_")}
    families = {re.sub(r"_(total|bucket|sum|count|created)$", "", name) for name in ours}
    told = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in shown}
    assert sorted(families - told) == [], "told, and neither shown nor watched"


def test_every_alert_says_who_is_called_and_what_to_do() -> None:
    operations = (ROOT / "docs/incidents.md").read_text()
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", operations, re.MULTILINE)
    }
    names = [rule["alert"] for rule in _rules()]
    assert len(names) == len(set(names))
    for rule in _rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule
        assert re.fullmatch(r"\d+m", rule["for"]), rule
        assert rule["annotations"]["summary"].endswith("."), rule
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/incidents.md"
        assert anchor in anchors, rule["alert"]


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert DASHBOARD["uid"]
    assert DASHBOARD["schemaVersion"] >= 39
    assert [one["type"] for one in DASHBOARD["templating"]["list"]] == ["datasource"]
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    for place in places:
        assert place["x"] + place["w"] <= 24
    for before, after in pairwise(places):
        beside = after["y"] == before["y"] and after["x"] >= before["x"] + before["w"]
        assert beside or after["y"] >= before["y"] + before["h"]
    for panel in _panels():
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters))
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


def test_a_child_that_ends_leaves_the_folder_to_those_who_share_it() -> None:
    ending = "from reserve.embedded.figures import end_shared_figures; end_shared_figures()"
    with shared_figures():
        folder = Path(os.environ[FOLDER])
        subprocess.run([sys.executable, "-c", ending], check=True, timeout=30)
        assert folder.is_dir()
    assert not folder.exists()


def test_any_process_of_a_port_tells_of_all_and_one_that_ended_leaves_its_counts() -> None:
    room = make_resource(capacity=4)
    slot = make_slot(room)
    customer = make_customer()
    with shared_figures(), web_process() as one:
        with web_process() as other:
            assert GraphQLApi(one).create_booking(customer, seats_on(slot, 3)).code is None
            assert GraphQLApi(other).create_booking(customer, seats_on(slot, 1)).code is None
            assert GraphQLApi(other).create_booking(customer, seats_on(slot, 2)).code
            # Requests are counted together, a moment after their answers.
            wait_until(lambda: _graphql_answers(httpx.get(f"{one}/metrics").text) == 3)
            for address in (one, other):
                text = httpx.get(f"{address}/metrics").text
                _assert_bookings_are_told(text)
                assert _value(text, "reserve_lock_wait_seconds_count") >= 2
                assert _value(text, "reserve_commit_seconds_count") >= 2
                assert _value(text, "reserve_guard_wait_seconds_count") >= 2
                assert _value(text, "reserve_pool_threads", pool="database") == 8
                assert _value(text, "reserve_server_up") == 2
                assert (
                    len(re.findall(r"^reserve_process_resident_bytes\{", text, re.MULTILINE)) == 2
                )
                assert _value(text, "reserve_process_resident_bytes") > 50e6
                assert _value(text, "reserve_database_connections") > 2
        after = httpx.get(f"{one}/metrics").text
        assert _value(after, "reserve_pool_threads", pool="database") == 4
        _assert_bookings_are_told(after)


def _assert_bookings_are_told(text: str) -> None:
    told = "reserve_bookings_total"
    assert _value(text, told, request="create", outcome="OK") == 2
    assert _value(text, told, request="create", outcome="SLOT_UNAVAILABLE") == 1
    assert _graphql_answers(text) == 3


def _graphql_answers(text: str) -> float:
    return _value(text, "reserve_answers_total", transport="graphql", status="200")


def test_a_worker_tells_of_its_tasks_on_a_port_of_its_own() -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/metrics"
    command = ("-m", "celery", "-A", "reserve", "worker", "--concurrency", "1", "--beat")
    with shared_figures(), process(*command, WORKER_METRICS_PORT=str(port)):

        def told() -> str:
            try:
                text = httpx.get(address).text
            except httpx.TransportError:
                return ""
            done = _value(text, "reserve_tasks_total", outcome="SUCCESS")
            return text if done > 2 else ""

        text = wait_until(told)
        assert _value(text, "reserve_task_wait_seconds_count", queue="1-events") >= 1
        assert _value(text, "reserve_task_seconds_count") > 2
        assert _value(text, "reserve_process_resident_bytes", process="worker") > 30e6
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
