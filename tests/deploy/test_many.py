"""The files for many machines: replicas that are pulled, and services of a gallery in Milvus."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from index.milvus import address
from index.storage import snapshot
from service.settings import PREFIX, Settings
from tests.deploy import dockerfile
from tests.deploy.conftest import ROOT, Tool
from tests.deploy.test_kubernetes import FOLDER, IMAGE, VERSION, Manifest, rendered

WAYS = ("replicas", "milvus")
SEARCH = {"app.kubernetes.io/name": "likebut-search"}


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def objects(way: str, tool: Tool) -> dict[str, Manifest]:
    """Return the objects that `kubectl apply` gets, by kind and name."""
    return rendered(tool("kubectl", "kustomize", FOLDER / way))


@pytest.fixture(scope="module")
def writer(tool: Tool) -> dict[str, Manifest]:
    """Return the objects of `deploy/kubernetes` itself."""
    return rendered(tool("kubectl", "kustomize", FOLDER))


def pods(objects: dict[str, Manifest]) -> dict[str, Manifest]:
    """The pods that are started, by the objects that start them."""
    found = {name: each["spec"]["template"] for name, each in objects.items() if name.startswith("Deployment/")}
    jobs = {name: each for name, each in objects.items() if name.startswith("CronJob/")}
    return found | {name: each["spec"]["jobTemplate"]["spec"]["template"] for name, each in jobs.items()}


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def variables(objects: dict[str, Manifest], container: Manifest) -> dict[str, str]:
    """The environment that the config maps and the manifest itself give a container."""
    given: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            given |= objects[f"ConfigMap/{source['configMapRef']['name']}"]["data"]
    return given | {each["name"]: each["value"] for each in container.get("env", [])}


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the command of a container with `likebut` of this checkout."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, **environment},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_every_object_is_as_the_schemas_of_kubernetes_say(objects: dict[str, Manifest]) -> None:
    for each in objects.values():
        kubernetes_validate.validate(each, VERSION, strict=True)
        assert each["metadata"]["namespace"] == "likebut"


def test_nothing_has_the_name_or_the_pods_of_the_writer(
    objects: dict[str, Manifest], writer: dict[str, Manifest]
) -> None:
    assert not objects.keys() & writer.keys()
    labels = writer["Deployment/likebut"]["spec"]["template"]["metadata"]["labels"]
    for name, pod in pods(objects).items():
        assert pod["metadata"]["labels"] != labels
        assert (pod["metadata"]["labels"] == SEARCH) == name.startswith("Deployment/")
    for name in ("Service/likebut-search", "PodDisruptionBudget/likebut-search", "NetworkPolicy/likebut-search"):
        spec = objects[name]["spec"]
        selector = spec.get("selector") or spec["podSelector"]
        assert selector.get("matchLabels", selector) == SEARCH
    assert objects["HorizontalPodAutoscaler/likebut-search"]["spec"]["scaleTargetRef"]["name"] == "likebut-search"


def test_pods_are_no_root_and_find_their_volumes_and_settings(objects: dict[str, Manifest]) -> None:
    for pod in pods(objects).values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 1000
        assert not spec["automountServiceAccountToken"] and not spec["enableServiceLinks"]
        for container in containers(pod):
            may = container["securityContext"]
            assert may["readOnlyRootFilesystem"] and not may["allowPrivilegeEscalation"]
            assert may["capabilities"] == {"drop": ["ALL"]} and container["resources"]["limits"]["memory"]
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            assert mounted <= {volume["name"] for volume in spec["volumes"]}
            given = {n: value for n, value in variables(objects, container).items() if n.startswith(PREFIX)}
            Settings.read(given, {})


def test_the_service_has_the_ports_and_the_time_to_end_of_the_writer(
    objects: dict[str, Manifest], writer: dict[str, Manifest]
) -> None:
    ours, theirs = (all_of[f"Deployment/{name}"]["spec"] for all_of, name in
                    ((objects, "likebut-search"), (writer, "likebut")))  # fmt: skip
    ours_pod, theirs_pod = ours["template"]["spec"], theirs["template"]["spec"]
    for name in ("ports", "readinessProbe", "livenessProbe", "startupProbe", "resources", "securityContext"):
        assert ours_pod["containers"][0][name] == theirs_pod["containers"][0][name]
    assert ours["strategy"] == theirs["strategy"] and "replicas" not in ours
    assert ours_pod["terminationGracePeriodSeconds"] == theirs_pod["terminationGracePeriodSeconds"]
    assert "affinity" not in ours_pod  # any node will do


def test_a_replica_is_pulled_before_it_serves_and_the_writer_pushes(tool: Tool, gallery: Path, tmp_path: Path) -> None:
    objects = rendered(tool("kubectl", "kustomize", FOLDER / "replicas"))
    pod = pods(objects)["Deployment/likebut-search"]["spec"]
    once, follow = pod["initContainers"]
    assert "restartPolicy" not in once and follow["restartPolicy"] == "Always"
    (service,) = pod["containers"]
    mounts = [{mount["name"]: mount for mount in each["volumeMounts"]}["gallery"] for each in (once, follow, service)]
    assert {mount["mountPath"] for mount in mounts} == {IMAGE["LIKEBUT_GALLERY"]}
    assert [mount.get("readOnly", False) for mount in mounts] == [False, False, True]
    (push,) = pods(objects)["CronJob/likebut-push"]["spec"]["containers"]

    copy, replica = Path(shutil.copytree(gallery, tmp_path / "gallery")), tmp_path / "replica"
    place = {"PLACE": str(tmp_path / "place")}
    assert set(place) == set(variables(objects, push)) == set(variables(objects, once))
    for container, folder in ((push, copy), (once, replica)):
        done = run([word.replace("/gallery", str(folder)) for word in container["command"]], place)
        assert done.returncode == 0, done.stderr
    assert snapshot.live(replica).manifest == snapshot.live(copy).manifest
    assert follow["command"][-1] == f"{once['command'][-1]} --watch 30"


def test_a_service_of_milvus_finds_it_and_the_build_fills_it(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = rendered(tool("kubectl", "kustomize", FOLDER / "milvus"))
    (service,) = pods(objects)["Deployment/likebut-search"]["spec"]["containers"]
    (build,) = pods(objects)["CronJob/likebut-build"]["spec"]["containers"]
    given = variables(objects, service)
    monkeypatch.setenv(address.FILES, given[address.FILES])
    parsed = address.parse(Path(Settings.read({"LIKEBUT_GALLERY": given["LIKEBUT_GALLERY"]}, {}).gallery))
    port = objects["NetworkPolicy/likebut-milvus"]["spec"]["egress"][0]["ports"][0]["port"]
    assert parsed.uri.endswith(f":{port}") and parsed.folder.is_relative_to("/files")
    assert "/files" in {mount["mountPath"] for mount in service["volumeMounts"]}

    pytest.importorskip("milvus_lite")
    own = {"SOURCE": str(ROOT / "docs" / "sample"), "LIKEBUT_GALLERY": f"milvus-lite:{tmp_path / 'shop.db'}"}
    assert own.keys() <= variables(objects, build).keys()
    done = run(build["command"], {**own, address.FILES: str(tmp_path / "files")})
    assert done.returncode == 0 and "is live" in done.stdout, done.stderr


@pytest.mark.parametrize("name", ["replica", "milvus"])
def test_the_compose_file_confines_what_is_ours(name: str) -> None:
    compose: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / f"compose.{name}.yaml").read_text(encoding="utf-8"))
    stages = dockerfile.read(ROOT / "Dockerfile")
    for service in compose["services"].values():
        if service["image"] != "likebut":
            assert re.search(r":v\d+\.\d+\.\d+$", service["image"]) and "ports" not in service
            continue
        assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] and service["build"]["target"] in stages
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        given = {each: value for each, value in service.get("environment", {}).items() if each.startswith(PREFIX)}
        Settings.read(given, {})
        sources = [re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).split(":")[0] for volume in service.get("volumes", [])]
        assert set(sources) <= {*compose["volumes"], "../build/shop"}
    assert name != "milvus" or "//milvus:" in compose["services"]["likebut"]["environment"]["LIKEBUT_GALLERY"]


def test_the_command_of_composes_replica_pulls(gallery: Path, tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "compose.replica.yaml").read_text(encoding="utf-8")
    command = yaml.safe_load(text)["services"]["pull"]["command"]
    assert command[-2:] == ["--watch", "30"]
    copy = shutil.copytree(gallery, tmp_path / "gallery")
    words = ["likebut", "index", "push", str(copy), str(tmp_path / "place")]
    assert run(words, {}).returncode == 0
    words = [re.sub(r"^\$\{LIKEBUT_PLACE.*\}$", str(tmp_path / "place"), word) for word in command[:-2]]
    words = [word.replace("/gallery", str(tmp_path / "replica")) if word == "/gallery" else word for word in words]
    assert run(words, {}).returncode == 0
    assert snapshot.current(tmp_path / "replica") == snapshot.current(copy)
