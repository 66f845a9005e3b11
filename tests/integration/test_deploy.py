"""The manifests render, and every object is valid: built-in kinds and custom resources, unknown fields refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from shared.policy import SHIPPED
from tests.conftest import unavailable

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = sorted(path.name for path in (DEPLOY / "k8s/overlays").iterdir())


@pytest.fixture(scope="module", params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    if shutil.which("kubectl") is None:
        unavailable("kubectl", "it renders the overlays")
    command = ["kubectl", "kustomize", str(DEPLOY / "k8s/overlays" / request.param)]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [item for item in yaml.safe_load_all(rendered) if item]


def closed(schema: Any) -> Any:
    """The schema with additional properties refused, as the API server prunes them."""
    if isinstance(schema, dict):
        result = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            result.setdefault("additionalProperties", False)
        return result
    return [closed(item) for item in schema] if isinstance(schema, list) else schema


def custom_schema(item: dict[str, Any]) -> Path | None:
    group, _, version = item["apiVersion"].partition("/")
    path = DEPLOY / "schemas" / f"{group}_{item['kind'].lower()}_{version}.json"
    return path if path.exists() else None


def faults(item: dict[str, Any]) -> list[str]:
    """What is wrong with a custom resource; its metadata is the API server's matter."""
    schema_file = custom_schema(item)
    if schema_file is None:
        kubernetes_validate.validate(item, "1.32", strict=True)
        return []
    schema = closed(json.loads(schema_file.read_text()))
    schema["properties"]["metadata"] = {"type": "object"}
    return [error.message for error in Draft202012Validator(schema).iter_errors(item)]


def test_every_object_is_valid(objects: list[dict[str, Any]]) -> None:
    assert objects
    for item in objects:
        assert not faults(item), item["kind"]


def test_a_misspelt_field_is_refused() -> None:
    [scaled] = yaml.safe_load_all((DEPLOY / "k8s/components/autoscaling/classify.yaml").read_text())
    assert not faults(scaled)
    scaled["spec"]["maxReplicas"] = 3
    assert faults(scaled) == ["Additional properties are not allowed ('maxReplicas' was unexpected)"]


def containers(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for item in objects:
        if item["kind"] in ("Deployment", "StatefulSet", "Job"):
            pod = item["spec"]["template"]["spec"]
            for container in pod["containers"]:
                yield item["metadata"]["name"], pod, container


def test_every_container_is_locked_down_and_bounded(objects: list[dict[str, Any]]) -> None:
    for name, pod, container in containers(objects):
        assert pod["securityContext"]["runAsNonRoot"], name
        assert not pod["automountServiceAccountToken"], name
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"], name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert set(container["resources"]) == {"requests", "limits"}, name


def test_a_pod_has_longer_to_go_than_the_drain(objects: list[dict[str, Any]]) -> None:
    for name, pod, container in containers(objects):
        if name != "migrate":
            assert pod["terminationGracePeriodSeconds"] > 20, name
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), name


def test_the_citys_policy_starts_as_the_shipped_one() -> None:
    assert (DEPLOY / "k8s/components/city-policy/policy.toml").read_bytes() == SHIPPED.read_bytes()
