"""The Kustomize folders as kubectl renders them: their parts name each other, and pods are safe to run and to roll."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import Settings
from tests.deploy import dockerfile
from tests.deploy.conftest import ROOT, Tool

FOLDER = ROOT / "deploy" / "kubernetes"
VERSION = "1.37"  # of Kubernetes
IMAGE = dockerfile.variables(dockerfile.steps(dockerfile.read(ROOT / "Dockerfile"), "serve"), "ENV")
Manifest = dict[str, Any]  # as Kubernetes nests it


@pytest.fixture(scope="module")
def objects(tool: Tool) -> dict[str, Manifest]:
    """Return the objects that `kubectl apply` gets, by kind and name."""
    return rendered(tool("kubectl", "kustomize", FOLDER))


def rendered(text: str) -> dict[str, Manifest]:
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def pod(objects: dict[str, Manifest]) -> Manifest:
    return objects["Deployment/likebut"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod: Manifest) -> Manifest:
    (only,) = pod["containers"]
    return only


def test_every_object_is_as_the_schemas_of_kubernetes_say(tool: Tool) -> None:
    rest = {"ServiceMonitor"}  # the operator's own kind
    for folder in (FOLDER, FOLDER / "monitoring", FOLDER / "embed"):
        for each in rendered(tool("kubectl", "kustomize", folder)).values():
            if each["kind"] not in rest:
                kubernetes_validate.validate(each, VERSION, strict=True)


def test_what_selects_the_pods_finds_them(objects: dict[str, Manifest]) -> None:
    spec = {name: each.get("spec", {}) for name, each in objects.items()}
    labels = spec["Deployment/likebut"]["template"]["metadata"]["labels"]
    (together,) = spec["Deployment/likebut"]["template"]["spec"]["affinity"]["podAffinity"].values()
    selectors = [
        spec["Deployment/likebut"]["selector"]["matchLabels"],
        spec["Service/likebut"]["selector"],
        spec["PodDisruptionBudget/likebut"]["selector"]["matchLabels"],
        spec["NetworkPolicy/likebut"]["podSelector"]["matchLabels"],
        together[0]["labelSelector"]["matchLabels"],
    ]
    assert labels and all(selector == labels for selector in selectors)
    assert spec["HorizontalPodAutoscaler/likebut"]["scaleTargetRef"]["name"] == "likebut"
    assert {each["metadata"].get("namespace", "likebut") for each in objects.values()} == {"likebut"}


def test_every_port_that_is_named_is_the_containers(objects: dict[str, Manifest], container: Manifest) -> None:
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    admin = objects[next(name for name in objects if name.startswith("ConfigMap/"))]["data"]["LIKEBUT_ADMIN_PORT"]
    assert ports == {"http": 8000, "admin": int(admin)}
    probes = [container[kind]["httpGet"]["port"] for kind in ("startupProbe", "readinessProbe", "livenessProbe")]
    behind = [port["targetPort"] for port in objects["Service/likebut"]["spec"]["ports"]]
    let_in = [port["port"] for rule in objects["NetworkPolicy/likebut"]["spec"]["ingress"] for port in rule["ports"]]
    assert {*probes, *behind, *let_in} == set(ports)


def test_a_pod_is_no_root_and_writes_its_volumes_only(pod: Manifest, container: Manifest) -> None:
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 1000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    may = container["securityContext"]
    assert may["readOnlyRootFilesystem"] and not may["allowPrivilegeEscalation"]
    assert may["capabilities"] == {"drop": ["ALL"]}
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {IMAGE["LIKEBUT_GALLERY"], IMAGE["HOME"]}


def test_a_pod_finds_its_volumes_and_its_settings(
    objects: dict[str, Manifest], pod: Manifest, container: Manifest
) -> None:
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    claims = {volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if len(volume) == 2 and
              "persistentVolumeClaim" in volume}  # fmt: skip
    assert {f"PersistentVolumeClaim/{claim}" for claim in claims} <= set(objects)
    (source,) = container["envFrom"]
    assert f"ConfigMap/{source['configMapRef']['name']}" in objects
    keys = next(mount for mount in container["volumeMounts"] if mount["name"] == "keys")
    assert IMAGE["LIKEBUT_KEYS"].startswith(keys["mountPath"] + "/") and "subPath" not in keys
    assert not pod["enableServiceLinks"]  # LIKEBUT_ADMIN_PORT=tcp://… would be taken for the setting


def test_the_nightly_rebuild_asks_the_admin_port_with_its_key(objects: dict[str, Manifest], tmp_path: Path) -> None:
    job = objects["CronJob/likebut-rebuild"]["spec"]["jobTemplate"]["spec"]["template"]
    (only,) = job["spec"]["containers"]
    said: list[tuple[str, str, bytes]] = []

    class Likebut(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said.append((self.path, self.headers["Authorization"], body))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    (tmp_path / "key").write_text("secret\n")
    with HTTPServer(("127.0.0.1", 0), Likebut) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        program = only["command"][-1].replace("/key/key", str(tmp_path / "key"))
        assert "http://likebut:9000/" in program
        program = program.replace("likebut:9000", f"127.0.0.1:{server.server_address[1]}")
        environment = os.environ | {each["name"]: each["value"] for each in only["env"]}
        subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=30, capture_output=True)
    assert said == [("/index", "Bearer secret", b'{"source": "/products/products.csv"}')]
    labels = job["metadata"]["labels"]
    assert labels.items() != objects["Service/likebut"]["spec"]["selector"].items()
    allowed = [each for rule in objects["NetworkPolicy/likebut"]["spec"]["ingress"] for each in rule.get("from", [])]
    assert {"podSelector": {"matchLabels": labels}} in allowed


def test_a_rollout_never_leaves_less_than_there_was(objects: dict[str, Manifest], pod: Manifest) -> None:
    deployment = objects["Deployment/likebut"]["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert "replicas" not in deployment  # they are the autoscaler's
    least = objects["HorizontalPodAutoscaler/likebut"]["spec"]["minReplicas"]
    assert objects["PodDisruptionBudget/likebut"]["spec"]["minAvailable"] < least
    drain = next(each for name, each in objects.items() if name.startswith("ConfigMap/"))["data"]["LIKEBUT_DRAIN_S"]
    grace_s = Settings().grace_s  # the most that the end takes after the drain
    assert pod["terminationGracePeriodSeconds"] > float(drain) + grace_s


def test_the_autoscaler_asks_for_what_the_adapter_gives(objects: dict[str, Manifest]) -> None:
    (metric,) = objects["HorizontalPodAutoscaler/likebut"]["spec"]["metrics"]
    (rule,) = yaml.safe_load((FOLDER / "adapter.yaml").read_text(encoding="utf-8"))["rules"]["custom"]
    assert rule["seriesQuery"].split("{")[0] == metric["pods"]["metric"]["name"]


def test_the_service_monitor_scrapes_the_admin_port_and_the_dashboard_is_found(
    objects: dict[str, Manifest], tool: Tool
) -> None:
    found = rendered(tool("kubectl", "kustomize", FOLDER / "monitoring"))
    monitor = found["ServiceMonitor/likebut"]["spec"]
    assert monitor["endpoints"][0]["port"] == "admin"
    assert monitor["selector"]["matchLabels"].items() <= objects["Service/likebut"]["metadata"]["labels"].items()
    dashboard = found["ConfigMap/likebut-dashboard"]
    assert dashboard["metadata"]["labels"] == {"grafana_dashboard": "1"} and list(dashboard["data"]) == ["likebut.json"]


def test_a_pod_of_the_job_embeds_its_part(tmp_path: Path) -> None:
    job = yaml.safe_load((FOLDER / "embed" / "job.yaml").read_text(encoding="utf-8"))["spec"]
    (container,) = job["template"]["spec"]["containers"]
    names = {each["name"]: each["value"] for each in container["env"]}
    assert int(names["PARTS"]) == job["completions"]
    pictures = ROOT / "docs" / "sample"
    own = {"SOURCE": str(pictures), "BLOCKS": str(tmp_path), "PARTS": "2", "JOB_COMPLETION_INDEX": "1"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        container["command"], env={**os.environ, **own, "PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("part 2/2: ") and len(list(tmp_path.glob("*/chunk-*.npz"))) == 1


def test_the_runbooks_line_makes_a_rule_of_the_alerts() -> None:
    text = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    start = text.index("{ printf")
    line = text[start : text.index("| kubectl apply -f -", start)]
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, check=True)
    rule = yaml.safe_load(done.stdout)
    alerts = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
    assert rule["kind"] == "PrometheusRule" and rule["spec"] == alerts
