"""The manifests are what Kubernetes takes, and fit the image and the code that they run."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.contracts.test_env_example import entries

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
# The oldest that is still looked after, and the newest that the checker knows.
VERSIONS = ("1.33", kubernetes_validate.latest_version())
PATIENCE_SECONDS = {"web": 5 + 12, "worker": 50, "beat": 0}


def _objects() -> Iterator[dict[str, Any]]:
    for file in sorted(FOLDER.glob("*.yaml")):
        yield from yaml.safe_load_all(file.read_text())


def _named(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in _objects() if one["kind"] == kind}


def _pods() -> dict[str, dict[str, Any]]:
    """The template of each pod, by what runs in it."""
    found = _named("Deployment") | _named("Job")
    return {name.removeprefix("reserve-"): one["spec"]["template"] for name, one in found.items()}


def test_every_object_is_valid_to_the_last_field() -> None:
    kinds = [one["kind"] for one in _objects()]
    assert sorted(set(kinds)) == [
        *("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Job"),
        *("PodDisruptionBudget", "Service"),
    ]
    for version in VERSIONS:
        for one in _objects():
            kubernetes_validate.validate(one, version, strict=True)


def test_the_checker_would_see_a_field_that_does_not_exist() -> None:
    wrong = _named("Deployment")["reserve-web"]
    wrong["spec"]["template"]["spec"]["containers"][0]["readOnly"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_nothing_runs_with_more_rights_than_it_needs() -> None:
    user = re.search(r"^USER (\d+):(\d+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert user is not None
    assert set(_pods()) == {"web", "worker", "beat", "migrate"}
    for name, pod in _pods().items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert (str(context["runAsUser"]), str(context["runAsGroup"])) == user.groups(), name
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert container["resources"]["limits"]["memory"], name
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"], name


def test_processes_have_the_time_that_they_need_to_end() -> None:
    for name, seconds in PATIENCE_SECONDS.items():
        assert _pods()[name]["spec"]["terminationGracePeriodSeconds"] > seconds, name


def test_whatever_selects_finds_pods() -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in _pods().items()}
    for name, deployment in _named("Deployment").items():
        wanted = deployment["spec"]["selector"]["matchLabels"]
        assert wanted == labels[name.removeprefix("reserve-")]
    for name, one in (_named("Service") | _named("PodDisruptionBudget")).items():
        selector = one["spec"]["selector"]
        assert selector.get("matchLabels", selector) == labels[name.removeprefix("reserve-")]
    (scaler,) = _named("HorizontalPodAutoscaler").values()
    assert scaler["spec"]["scaleTargetRef"]["name"] in _named("Deployment")
    # What is scaled by load has no fixed number, which every deployment would set again.
    assert "replicas" not in _named("Deployment")["reserve-web"]["spec"]
    assert _named("Deployment")["reserve-beat"]["spec"]["replicas"] == 1


def test_pods_are_configured_by_variables_that_are_read() -> None:
    (config,) = _named("ConfigMap").values()
    assert sorted(config["data"].keys() - entries().keys()) == []
    assert not {"JWT_SECRET", "DATABASE_URL"} & config["data"].keys(), "secrets are no config"
    for pod in _pods().values():
        (container,) = pod["spec"]["containers"]
        assert {"configMapRef", "secretRef"} == {next(iter(one)) for one in container["envFrom"]}
    ports = {
        name: [port["containerPort"] for port in pod["spec"]["containers"][0].get("ports", [])]
        for name, pod in _pods().items()
    }
    assert ports["web"] == [int(config["data"]["PORT"])]
    assert ports["worker"] == [int(config["data"]["WORKER_METRICS_PORT"])]
