"""The files under deploy/ name settings that exist and times that fit together."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import tomli
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from a2p.service.config import PREFIX, ServeConfig, load_config
from a2p.wire.methods import SERVICE

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def manifests() -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}


@pytest.fixture(scope="module")
def container(manifests: dict[str, Any]) -> dict[str, Any]:
    (found,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.fixture(scope="module")
def config(container: dict[str, Any]) -> ServeConfig:
    return load_config({}, environment={entry["name"]: entry["value"] for entry in container["env"]})


def test_kubernetes_would_take_every_manifest(manifests: dict[str, Any]) -> None:
    kubernetes = pytest.importorskip("kubernetes_validate")
    for manifest in manifests.values():
        kubernetes.validate(manifest, "1.31", strict=True)


def test_probes_ask_the_health_port(container: dict[str, Any], config: ServeConfig) -> None:
    assert container["startupProbe"]["grpc"]["port"] == config.health_port
    assert container["readinessProbe"]["grpc"] == {"port": config.health_port, "service": SERVICE}
    ports = {entry["name"]: entry["containerPort"] for entry in container["ports"]}
    assert ports == {"grpc": config.port, "health": config.health_port, "metrics": config.metrics_port}
    assert container["livenessProbe"]["tcpSocket"]["port"] in ports


def test_a_pod_lives_until_its_streams_are_done(manifests: dict[str, Any], config: ServeConfig) -> None:
    grace_s = manifests["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert config.lame_duck_s + config.drain_s < grace_s
    probe = manifests["Deployment"]["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < config.lame_duck_s
    assert config.max_connection_age_s > 0


def test_the_service_is_headless_and_finds_the_pods(manifests: dict[str, Any]) -> None:
    service, deployment = manifests["Service"]["spec"], manifests["Deployment"]["spec"]
    assert service["clusterIP"] == "None"
    labels = deployment["template"]["metadata"]["labels"]
    for selector in (service["selector"], deployment["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()


def test_the_secrets_that_are_named_are_mounted(container: dict[str, Any], config: ServeConfig) -> None:
    mounts = [Path(mount["mountPath"]) for mount in container["volumeMounts"]]
    for file in (config.tls_certificate, config.tls_key, config.token_file):
        assert file is not None
        assert any(mount in file.parents for mount in mounts)


def test_the_container_runs_as_nobody_and_checks_the_health_port_that_it_sets() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    settings = dict(re.findall(rf"({PREFIX}[A-Z_]+)=(\S+)", text.split("ENTRYPOINT")[0].rsplit("\nUSER", 1)[1]))
    config = load_config({"allow_plaintext": True}, environment=settings)
    assert f'"a2p", "health", "{config.health_host}:{config.health_port}"' in text
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE)[-1] == "10001:10001"
    for port in (config.port, config.metrics_port):
        assert re.search(rf"^EXPOSE .*\b{port}\b", text, re.MULTILINE)


def test_the_container_is_built_of_what_the_repository_has() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    project = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]
    copied = [name for line in re.findall(r"^COPY (?!--)(.+)$", text, re.MULTILINE) for name in line.split()[:-1]]
    assert {"CMakeLists.txt", "pyproject.toml", "cpp", "python"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    assert all(any(file in copied for file in (name, name.split("/")[0])) for name in project["license-files"])
    (extra,) = re.findall(r"pip install '\.\[(\w+)\]'", text)
    assert extra in project["optional-dependencies"]
    (torch,) = (Requirement(entry) for entry in project["dependencies"] if entry.startswith("torch"))
    assert re.findall(r"^ARG TORCH=(.+)$", text, re.MULTILINE)[0] in torch.specifier
    assert re.findall(r"^ARG PYTHON=(.+)$", text, re.MULTILINE)[0] in SpecifierSet(project["requires-python"])


def test_the_ray_application_gets_settings_that_exist() -> None:
    from a2p.service import ray_app

    described = yaml.safe_load((DEPLOY / "ray_serve.yaml").read_text())
    (application,) = described["applications"]
    load_config({}, environment={f"{PREFIX}{name.upper()}": str(value) for name, value in application["args"].items()})
    assert application["import_path"] == f"{ray_app.__name__}:{ray_app.build.__name__}"
    assert described["grpc_options"]["grpc_servicer_functions"] == [
        f"{ray_app.__name__}.{ray_app.add_service.__name__}"
    ]


def test_ray_would_take_its_application() -> None:
    if find_spec("ray") is None or find_spec("starlette") is None:
        pytest.skip("needs the extra ray")
    program = (  # in a process of its own, for the warnings that Ray gives when it is imported
        "import sys, yaml; from ray.serve.schema import ServeDeploySchema as Schema; "
        "application = Schema.model_validate(yaml.safe_load(sys.stdin)).applications[0]; "
        "print(*((one.name, one.num_replicas) for one in application.deployments))"
    )
    text = (DEPLOY / "ray_serve.yaml").read_text()
    done = subprocess.run(
        [sys.executable, "-c", program], input=text, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "('Reconstruction', 2)"), done.stderr
