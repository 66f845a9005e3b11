"""
A real Apache Kafka on this machine, of one or three brokers, for tests and development.

    python3 scripts/kafka.py start --brokers 3      prints KAFKA_BOOTSTRAP=...
    python3 scripts/kafka.py kill --broker 2        kill -9
    python3 scripts/kafka.py restart --broker 2     the same data, the same port
    python3 scripts/kafka.py stop

Rules kept here:

- The broker is Apache's own, fetched from Maven once into `.cache/`; every start compares it with `kafka-jars.sha256`.
- Each process is broker and controller (KRaft). Three brokers keep three copies and need two for an acknowledgement.
- Topics are never created by being used: a misspelt name must fail.
- "Started" means that each broker answers a metadata request and names all brokers.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from uuid import uuid4

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.kafka_jars import VERSION, fetched_jars
from scripts.processes import (
    Process,
    ServerFailed,
    default_directory,
    found,
    free_ports,
    read_state,
    spawn,
    tail,
    until,
    write_state,
)

HOST = "127.0.0.1"
START_SECONDS = 60.0

LOG_CONFIG = """\
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


@dataclass
class Broker:
    """One process of the cluster; `pid` 0 means that it was not started yet."""

    id: int
    port: int
    controller_port: int
    pid: int = 0
    born: str = ""

    @property
    def process(self) -> Process:
        return Process(self.pid, self.born)

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"


class KafkaCluster:
    """
    Apache Kafka of one or three brokers, with its data and logs in one folder.

    Args:
        directory: the folder; without one, a temporary folder that `stop` removes. A folder that holds an earlier
            cluster is used again: same data, same ports, same number of brokers.
        brokers: 1 (when not said) or 3.
        port: of the first broker; the others follow. Without it, free ports are taken.
        die_with_parent: the brokers end when this process ends, even by `kill -9` (Linux).
    """

    version = VERSION

    def __init__(
        self,
        directory: Path | None = None,
        *,
        brokers: int | None = None,
        port: int | None = None,
        die_with_parent: bool = False,
    ) -> None:
        if brokers not in (None, 1, 3):
            raise ValueError("a cluster has one or three brokers")
        self._temporary = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix="kafka-") if directory is None else directory).resolve()
        self._count, self._port, self._die_with_parent = brokers, port, die_with_parent
        self._brokers: list[Broker] = []
        self._cluster_id = ""

    @classmethod
    def attach(cls, directory: Path) -> KafkaCluster:
        """The cluster that was started in `directory`, by whomever. Raises `ServerFailed` if none was."""
        cluster = cls(directory)
        if not cluster._recall():
            raise ServerFailed(f"no Kafka was started in {directory}")
        return cluster

    def __enter__(self) -> KafkaCluster:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """`host:port` of every broker, with commas, whether it runs or not."""
        return ",".join(broker.address for broker in self._brokers)

    @property
    def running(self) -> list[int]:
        """The ids of the brokers whose process runs."""
        return [broker.id for broker in self._brokers if broker.process.alive]

    def pid(self, broker: int = 1) -> int:
        """The process id of a broker, for a signal of one's own."""
        return self._broker(broker).pid

    def start(self) -> None:
        """
        Start every broker that does not run and return when all answer. A repeat is safe.

        Raises:
            Missing: Java or Maven is not installed.
            ServerFailed: a jar is not the expected one, or a broker does not come up.
        """
        found("java")
        jars = fetched_jars()
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._recall():
            self._lay_out()
        if self._count not in (None, len(self._brokers)) or self._port not in (None, self._brokers[0].port):
            raise ServerFailed(f"{self.directory} holds another cluster: {self.bootstrap}; stop it first")
        self._format(jars)
        for broker in self._brokers:
            if not broker.process.alive:
                self._launch(broker, jars)
        everyone = {broker.id for broker in self._brokers}
        for broker in self._brokers:
            self._await(broker, everyone)

    def stop(self) -> None:
        """End all brokers: politely, or at once where the data are temporary and removed. A repeat is safe."""
        how = signal.SIGKILL if self._temporary else signal.SIGTERM
        for broker in self._brokers:
            broker.process.send(how)
        # A lone survivor of three cannot hand its duties over and would wait for minutes: hence the short patience.
        for broker in self._brokers:
            broker.process.end(how, seconds=10)
        if self._temporary:
            self.discard()

    def discard(self) -> None:
        """Remove the folder of a cluster that does not run. A repeat is safe."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def kill(self, broker: int = 1) -> None:
        """`kill -9` one broker; returns when it has ended. Its data and port stay."""
        self._broker(broker).process.end(signal.SIGKILL, seconds=10)

    def restart(self, broker: int = 1) -> None:
        """End one broker politely if it still runs, start it on the same data and port, return when it answers."""
        chosen = self._broker(broker)
        chosen.process.end(signal.SIGTERM, seconds=20)
        self._launch(chosen, fetched_jars())
        self._await(chosen, {chosen.id})

    def _broker(self, number: int) -> Broker:
        for broker in self._brokers:
            if broker.id == number:
                return broker
        raise ServerFailed(f"there is no broker {number}; there are {[broker.id for broker in self._brokers]}")

    def _recall(self) -> bool:
        """Take over what the folder remembers; False when it remembers nothing."""
        state = read_state(self.directory)
        if state is None:
            return False
        self._brokers = [Broker(**broker) for broker in state["brokers"]]
        self._cluster_id = state["cluster_id"]
        return True

    def _remember(self) -> None:
        brokers = [asdict(broker) for broker in self._brokers]
        write_state(self.directory, {"version": VERSION, "cluster_id": self._cluster_id, "brokers": brokers})

    def _lay_out(self) -> None:
        """Choose ports and write the configuration of a new cluster."""
        count = self._count or 1
        ports = free_ports(2 * count)
        if self._port is not None:
            ports[:count] = range(self._port, self._port + count)
        self._brokers = [Broker(n + 1, ports[n], ports[count + n]) for n in range(count)]
        self._cluster_id = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        (self.directory / "log4j2.properties").write_text(LOG_CONFIG)
        for broker in self._brokers:
            self._configuration(broker).write_text(self._properties(broker))
        self._remember()

    def _properties(self, broker: Broker) -> str:
        count = len(self._brokers)
        copies, needed = (3, 2) if count == 3 else (1, 1)
        settings = {
            "process.roles": "broker,controller",
            "node.id": broker.id,
            "listeners": f"PLAINTEXT://{broker.address},CONTROLLER://{HOST}:{broker.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": ",".join(f"{b.id}@{HOST}:{b.controller_port}" for b in self._brokers),
            "log.dirs": self._data(broker),
            "auto.create.topics.enable": "false",
            # A broker killed and started again is let in when its old session has expired: 9 s by default.
            "broker.session.timeout.ms": 4000,
            "broker.heartbeat.interval.ms": 1000,
            "group.initial.rebalance.delay.ms": 0,
            "default.replication.factor": copies,
            "min.insync.replicas": needed,
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": 6,  # 50 by default: most of a small cluster's start and memory
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": needed,
            "transaction.state.log.num.partitions": 6,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": needed,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _configuration(self, broker: Broker) -> Path:
        return self.directory / f"broker-{broker.id}.properties"

    def _data(self, broker: Broker) -> Path:
        return self.directory / f"data-{broker.id}"

    def _log(self, broker: Broker) -> Path:
        return self.directory / f"broker-{broker.id}.log"

    def _java(self, jars: Path, *options: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self.directory / 'log4j2.properties'}"
        return [found("java"), "-Xshare:auto", "-XX:+UseSerialGC", *options, logging, "-cp", f"{jars}/*"]

    def _format(self, jars: Path) -> None:
        """Prepare the data folders that are not prepared yet, all at once."""
        tool = [*self._java(jars, "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", "format", "--ignore-formatted"]
        started = [
            spawn(
                [*tool, f"--cluster-id={self._cluster_id}", "-c", self._configuration(broker)],
                self._log(broker),
                directory=self.directory,
            )
            for broker in self._brokers
            if not (self._data(broker) / "meta.properties").exists()
        ]
        ended = [process.wait(START_SECONDS) for process in started]
        prepared = [(self._data(broker) / "meta.properties").exists() for broker in self._brokers]
        if not all(ended) or not all(prepared):
            raise ServerFailed(f"Kafka cannot prepare its data folder\n{tail(map(self._log, self._brokers))}")

    def _launch(self, broker: Broker, jars: Path) -> None:
        process = spawn(
            [*self._java(jars, "-Xmx512m"), "kafka.Kafka", self._configuration(broker)],
            self._log(broker),
            directory=self.directory,
            death_signal=signal.SIGKILL if self._die_with_parent else None,
        )
        broker.pid, broker.born = process.pid, process.born
        self._remember()

    def _await(self, broker: Broker, expected: set[int]) -> None:
        """Return when `broker` answers, as a part of this cluster, and names all `expected` brokers."""

        def ready() -> bool:
            cluster, named = asked(HOST, broker.port)
            return cluster == self._cluster_id and expected <= named

        answered = until(lambda: not broker.process.alive or ready(), START_SECONDS)
        if not answered or not broker.process.alive:
            raise ServerFailed(f"Kafka broker {broker.id} does not start\n{tail([self._log(broker)])}")


def asked(host: str, port: int) -> tuple[str, set[int]]:
    """
    The cluster's id and its brokers' ids, as one broker tells them; empty when it does not answer yet.

    A metadata request of version 2, for no topic: without a library, since this runs before there is one.
    """
    metadata, version, correlation, client, topics = 3, 2, 1, b"ready", 0
    body = struct.pack(">hhih5si", metadata, version, correlation, len(client), client, topics)
    try:
        with socket.create_connection((host, port), timeout=2) as connection, connection.makefile("rb") as answer:
            connection.sendall(struct.pack(">i", len(body)) + body)
            _length, _correlation, count = struct.unpack(">iii", _exactly(answer, 12))
            named = set()
            for _ in range(count):
                (node,) = struct.unpack(">i", _exactly(answer, 4))
                _host, _port, _rack = _string(answer), _exactly(answer, 4), _string(answer)
                named.add(node)
            return _string(answer), named
    except OSError:
        return "", set()


def _string(answer: BinaryIO) -> str:
    """A string with its length in front; none (length -1) reads as empty."""
    (length,) = struct.unpack(">h", _exactly(answer, 2))
    return _exactly(answer, max(length, 0)).decode()


def _exactly(answer: BinaryIO, length: int) -> bytes:
    read = answer.read(length)
    if len(read) != length:
        raise ConnectionResetError("the broker closed the connection")
    return read


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="kafka.py", description="A local Apache Kafka for tests and development.")
    parser.add_argument("command", choices=["start", "stop", "status", "kill", "restart"])
    parser.add_argument("--brokers", type=int, choices=[1, 3], help="how many to start; one otherwise")
    parser.add_argument("--broker", type=int, default=1, help="which one to kill or restart")
    parser.add_argument("--port", type=int, help="of the first broker; free ports otherwise")
    parser.add_argument("--dir", type=Path, help="data, logs and state; a temporary folder otherwise")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except ServerFailed as failure:
        print(failure, file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    directory = options.dir.resolve() if options.dir else default_directory("kafka")
    if options.command == "start":
        began = time.monotonic()
        cluster = KafkaCluster(directory, brokers=options.brokers, port=options.port)
        cluster.start()
        print(
            f"Apache Kafka {cluster.version}, brokers {cluster.running}, {time.monotonic() - began:.1f} s, {directory}"
        )
        print(f"KAFKA_BOOTSTRAP={cluster.bootstrap}")
        return 0
    cluster = KafkaCluster.attach(directory)
    if options.command == "stop":
        cluster.stop()
        if options.dir is None:
            cluster.discard()
    elif options.command == "kill":
        cluster.kill(options.broker)
    elif options.command == "restart":
        cluster.restart(options.broker)
    else:
        print(f"Apache Kafka {cluster.version}, brokers {cluster.running} running, {directory}")
        print(f"KAFKA_BOOTSTRAP={cluster.bootstrap}")
        return 0 if cluster.running else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
