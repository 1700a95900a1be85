"""The Compose file and the image fit the code that they run."""

import ast
import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
APPLICATION = ("migrate", "web", "worker", "beat")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
    return found


def test_the_services_are_all_there(services: dict[str, Any]) -> None:
    assert set(services) == {"postgres", "redis", *APPLICATION}


def test_nothing_runs_with_more_rights_than_it_needs(services: dict[str, Any]) -> None:
    assert "privileged" not in COMPOSE
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["read_only"] is True, name
        assert service["logging"]["options"].keys() >= {"max-size", "max-file"}, name
    for name in ("postgres", "redis"):
        assert int(services[name]["user"].partition(":")[0]) > 0, name
    assert re.search(r"^USER [1-9][0-9]*:", DOCKERFILE, re.MULTILINE)


def test_images_are_pinned() -> None:
    images = re.findall(r"^\s+image: (\S+)$", COMPOSE, re.MULTILINE)
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) > 4
    for image in images:
        name, _, tag = image.partition(":")
        assert name == "reserveapi" or re.match(r"\d+(\.\d+)*-[a-z]", tag), image


def test_only_the_web_port_is_published(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"web": ["${PORT:-4000}:4000"]}
    inner = yaml.safe_load(COMPOSE)["networks"]["data"]
    assert inner == {"internal": True}
    assert services["postgres"]["networks"] == services["redis"]["networks"] == ["data"]


def test_a_workers_figures_are_where_prometheus_looks(services: dict[str, Any]) -> None:
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    targets = {
        target
        for job in scraped["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    }
    port = services["worker"]["environment"]["WORKER_METRICS_PORT"]
    assert {"web:4000", f"worker:{port}"} == targets
    assert services["worker"]["expose"] == [port]
    # The web's port is published, and whoever comes through it has an address of Docker's.
    assert "METRICS_ALLOWED_NETWORKS" not in services["web"]["environment"]


def test_servers_say_when_they_are_ready(services: dict[str, Any]) -> None:
    for name in ("postgres", "redis"):
        assert services[name]["healthcheck"]["test"], name
    assert re.search(r"^HEALTHCHECK .*\\\n    CMD \[", DOCKERFILE, re.MULTILINE)
    assert "healthcheck" not in services["web"], "the image's own is for it"


def test_processes_start_after_what_they_need(services: dict[str, Any]) -> None:
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("web", "worker", "beat"):
        assert services[name]["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "redis": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }
        assert services[name]["restart"] == "unless-stopped", name
    assert services["migrate"]["restart"] == "no"


def test_one_image_serves_all_processes(services: dict[str, Any]) -> None:
    assert [name for name in APPLICATION if "build" in services[name]] == ["migrate"]
    target = services["migrate"]["build"]["target"]
    assert re.search(rf"^FROM \S+ AS {target}$", DOCKERFILE, re.MULTILINE)
    for name in APPLICATION:
        assert services[name]["image"] == "reserveapi:local", name
        assert services[name]["pull_policy"] == "never", name


def test_stops_are_waited_for(services: dict[str, Any]) -> None:
    # Longer than what each process gives its clients and tasks: see
    # reserve/embedded/workers.py and CELERY_TASK_TIME_LIMIT.
    seconds = {
        name: int(services[name]["stop_grace_period"].removesuffix("s"))
        for name in ("web", "worker")
    }
    limit = re.search(r"^CELERY_TASK_TIME_LIMIT = (\d+)$", _settings(), re.MULTILINE)
    assert limit
    assert seconds["worker"] > int(limit[1])
    workers = (ROOT / "reserve" / "embedded" / "workers.py").read_text()
    graceful = re.search(r"^_GRACEFUL_SECONDS = (\d+)$", workers, re.MULTILINE)
    assert graceful
    assert seconds["web"] > int(graceful[1]) + 2


def test_every_command_is_in_the_code(services: dict[str, Any]) -> None:
    commands = [services[name]["command"] for name in APPLICATION]
    commands.append(_image_command())
    for command in commands:
        match command:
            case ["python", "-m", "reserve.serve", process]:
                assert find_spec("reserve.serve") is not None
                assert f'case "{process}":' in (ROOT / "reserve" / "serve.py").read_text()
            case ["python", "manage.py", "migrate", "--noinput"]:
                assert (ROOT / "manage.py").is_file()
            case _:
                pytest.fail(f"unknown command {command}")


def test_the_image_runs_what_make_start_runs() -> None:
    arguments = _image_command()[1:]
    assert f"$(python) {' '.join(arguments)}" in (ROOT / "Makefile").read_text()


def test_every_variable_is_documented() -> None:
    listed = set(
        re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    )
    asked = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
    assert asked <= listed
    # PGPASSWORD is the PostgreSQL library's own; POSTGRES_USER and _DB are the image's.
    given = {
        name
        for service in yaml.safe_load(COMPOSE)["services"].values()
        for name in service.get("environment", {})
    }
    assert given - listed == {"PGPASSWORD", "POSTGRES_USER", "POSTGRES_DB"}


@pytest.mark.parametrize("name", ["JWT_SECRET", "POSTGRES_PASSWORD"])
def test_secrets_have_no_default(name: str) -> None:
    uses = re.findall(rf"\$\{{{name}([^}}]*)\}}", COMPOSE)
    assert uses
    assert all(use.startswith(":?") for use in uses)


def test_the_image_has_every_app() -> None:
    tree = ast.parse(_settings())
    apps = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "INSTALLED_APPS"
    )
    ours = {app.partition(".")[0] for app in apps if (ROOT / app.partition(".")[0]).is_dir()}
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    assert ours <= copied
    assert copied <= {path.name for path in ROOT.iterdir()}


def test_secrets_and_data_stay_out_of_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert {".env", ".env.*", ".git", ".venv", "var"} <= set(ignored)


def _settings() -> str:
    modules = sorted((ROOT / "reserve" / "settings").glob("*.py"))
    return "\n".join(path.read_text() for path in modules)


def _image_command() -> list[str]:
    last = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1]
    command: list[str] = json.loads(last)
    return command
