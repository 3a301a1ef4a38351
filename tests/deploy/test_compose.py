"""The compose file: what is reachable from where, what it mounts, and the settings it gives."""

import os
import re
import shutil
import subprocess

import pytest
import yaml

from service.settings import PREFIX, Settings
from tests.deploy import dockerfile
from tests.deploy.conftest import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
STAGES = dockerfile.read(ROOT / "Dockerfile")


def test_docker_compose_accepts_it() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    older = re.sub(r"^name:.*\n", "", text, flags=re.MULTILINE)  # Debian's docker-compose takes a project's name by -p
    tools = ((["docker", "compose"], text), (["docker-compose"], older))
    found = [(words, said) for words, said in tools if shutil.which(words[0]) and runs([*words, "version"])]
    if not found:
        pytest.skip("docker compose is not installed")
    words, said = found[0]
    command = [*words, "-f", "-", "--project-directory", str(DEPLOY), "config", "--quiet"]
    environment = {**os.environ, "GRAFANA_PASSWORD": "x"}
    done = subprocess.run(command, env=environment, input=said, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def test_every_port_is_on_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 4 and all(port.startswith("127.0.0.1:") for port in ports)


def test_every_foreign_image_is_of_a_version_and_none_has_more_rights_than_it_needs() -> None:
    for service in SERVICES.values():
        assert service["image"] == "likebut" or re.search(r":v?\d+\.\d+\.\d+$", service["image"])
        assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert SERVICES["likebut"]["read_only"] and SERVICES["likebut"]["build"]["target"] in STAGES


def test_what_is_mounted_is_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).split(":")[0]
            assert source in COMPOSE["volumes"] or source == "../build/shop" or (DEPLOY / source).exists(), volume


def test_prometheus_asks_the_service_where_it_answers() -> None:
    scrape = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    (likebut, _) = scrape["scrape_configs"]
    port = SERVICES["likebut"]["environment"]["LIKEBUT_ADMIN_PORT"]
    assert likebut["static_configs"] == [{"targets": [f"likebut:{port}"]}]
    (secret,) = SERVICES["prometheus"]["secrets"]
    assert likebut["authorization"]["credentials_file"] == f"/run/secrets/{secret}" and secret in COMPOSE["secrets"]
    source = yaml.safe_load((DEPLOY / "grafana" / "datasource.yaml").read_text(encoding="utf-8"))["datasources"][0]
    assert source["url"] == "http://prometheus:9090"


@pytest.mark.parametrize("target", ["serve", "serve-gpu"])
def test_the_service_takes_every_setting_that_the_deployment_gives(target: str) -> None:
    given = dockerfile.variables(dockerfile.steps(STAGES, target), "ENV") | SERVICES["likebut"]["environment"]
    kustomize = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text(encoding="utf-8"))
    given |= dict(pair.split("=", 1) for pair in kustomize["configMapGenerator"][0]["literals"])
    ours = {name: value for name, value in given.items() if name.startswith(PREFIX)}
    Settings.read(ours, {})
