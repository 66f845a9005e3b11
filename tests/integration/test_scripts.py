"""
The scripts that start Apache Kafka and PostgreSQL: what they start answers, survives `kill -9`, and ends.

The chaos runs believe these scripts; here they are put to the test themselves.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from scripts.kafka import KafkaCluster
from scripts.postgres import PostgresServer
from scripts.processes import Missing, Process, ServerFailed, free_ports, until
from tests.conftest import unavailable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[KafkaCluster]:
    cluster = KafkaCluster(tmp_path / "kafka", die_with_parent=True)
    try:
        cluster.start()
    except Missing as missing:
        unavailable("Apache Kafka", str(missing))
    yield cluster
    cluster.stop()


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer(die_with_parent=True)
    try:
        server.start()
    except Missing as missing:
        unavailable("PostgreSQL", str(missing))
    yield server
    server.stop()


async def topics(bootstrap: str, create: str | None = None) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        if create:
            await admin.create_topics([NewTopic(create, num_partitions=2, replication_factor=1)])
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.mark.asyncio
async def test_a_topic_is_still_there_after_the_broker_was_killed(kafka: KafkaCluster) -> None:
    assert await topics(kafka.bootstrap, create="riverbend.test") == {"riverbend.test"}
    killed, address = kafka.pid(1), kafka.bootstrap

    kafka.kill(1)
    assert kafka.running == []

    kafka.restart(1)
    assert kafka.running == [1]
    assert kafka.pid(1) != killed
    assert kafka.bootstrap == address
    assert await topics(kafka.bootstrap) == {"riverbend.test"}


@pytest.mark.asyncio
async def test_a_stopped_kafka_leaves_no_process_and_starts_again_with_its_data(kafka: KafkaCluster) -> None:
    await topics(kafka.bootstrap, create="riverbend.test")
    process = Process.of(kafka.pid(1))

    kafka.stop()
    assert not process.alive
    kafka.stop()  # a repeat is safe

    with pytest.raises(ServerFailed, match="holds another cluster"):
        KafkaCluster(kafka.directory, brokers=3).start()

    again = KafkaCluster(kafka.directory, die_with_parent=True)
    again.start()
    try:
        assert again.bootstrap == kafka.bootstrap
        assert await topics(again.bootstrap) == {"riverbend.test"}
    finally:
        again.stop()


@pytest.mark.long
@pytest.mark.asyncio
async def test_two_of_three_brokers_still_make_topics_and_the_third_comes_back() -> None:
    with KafkaCluster(brokers=3, die_with_parent=True) as cluster:
        cluster.kill(2)
        assert cluster.running == [1, 3]
        # Copies are placed on living brokers only, hence two of them.
        admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("riverbend.test", num_partitions=1, replication_factor=2)])
        await admin.close()
        cluster.restart(2)
        assert cluster.running == [1, 2, 3]
        assert "riverbend.test" in await topics(cluster.bootstrap.split(",")[1])
        folder = cluster.directory
    assert cluster.running == []
    assert not folder.exists()


def test_a_kafka_that_cannot_start_says_why(tmp_path: Path, kafka: KafkaCluster) -> None:
    taken = int(kafka.bootstrap.rpartition(":")[2])
    second = KafkaCluster(tmp_path / "second", port=taken, die_with_parent=True)
    with pytest.raises(ServerFailed, match=r"(?s)broker 1 does not start.*Address already in use"):
        second.start()
    second.stop()
    assert second.running == []


def test_a_postgresql_that_cannot_start_says_why(tmp_path: Path, postgres: PostgresServer) -> None:
    taken = int(postgres.url.rpartition(":")[2].partition("/")[0])
    second = PostgresServer(port=taken, die_with_parent=True)
    with pytest.raises(ServerFailed, match=r"(?s)does not start.*Address already in use"):
        second.start()
    second.stop()
    assert not second.running


@pytest.mark.asyncio
async def test_a_row_is_still_there_after_postgresql_was_killed(postgres: PostgresServer) -> None:
    await ask(postgres.url, "CREATE TABLE kept (n int)")
    await ask(postgres.url, "INSERT INTO kept VALUES (1903)")
    assert await ask(postgres.url, "SHOW fsync") == "on"
    url, killed = postgres.url, postgres.pid

    postgres.kill()
    assert not postgres.running

    postgres.restart()
    assert postgres.running
    assert postgres.pid != killed
    assert postgres.url == url
    assert await ask(postgres.url, "SELECT n FROM kept") == 1903


@pytest.mark.asyncio
async def test_postgresql_wants_its_password(postgres: PostgresServer) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(postgres.url.replace("moderation:", "moderation:wrong"), "SELECT 1")


@pytest.mark.asyncio
async def test_killing_postgresql_ends_its_sessions_too(postgres: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres.url.replace("+asyncpg", ""))
    session = Process.of(await connection.fetchval("SELECT pg_backend_pid()"))
    assert session.alive
    postgres.kill()
    assert not session.alive
    connection.terminate()


def test_stopped_postgresql_leaves_no_process_and_no_folder(postgres: PostgresServer) -> None:
    process = Process.of(postgres.pid)
    family = [process, *process.children()]
    assert len(family) > 1

    postgres.stop()
    assert not any(member.alive for member in family)
    assert not postgres.directory.exists()
    postgres.stop()  # a repeat is safe


def test_the_command_line_finds_again_what_it_started(tmp_path: Path, postgres: PostgresServer) -> None:
    """Uses PostgreSQL, the quicker one; each command is a process of its own."""
    folder = tmp_path / "server"

    def run(command: str) -> subprocess.CompletedProcess[str]:
        script = [sys.executable, str(ROOT / "scripts" / "postgres.py"), command, "--dir", str(folder)]
        return subprocess.run(script, capture_output=True, text=True, check=False, timeout=60)

    assert run("status").returncode == 1
    started = run("start")
    try:
        assert f"PostgreSQL {postgres.version}" in started.stdout
        assert "DATABASE_URL=postgresql+asyncpg://" in started.stdout
        assert run("status").returncode == 0
        assert run("kill").returncode == 0
        assert run("status").returncode == 1
        assert run("restart").stderr == ""
        assert run("status").returncode == 0
    finally:
        server = PostgresServer.attach(folder)
        assert run("stop").returncode == 0
        assert not server.running
        server.discard()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends a child with its parent")
@pytest.mark.usefixtures("postgres")
def test_a_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import signal\n"
        "from pathlib import Path\n"
        "from scripts.postgres import PostgresServer\n"
        f"PostgresServer(Path({str(tmp_path / 'server')!r}), die_with_parent=True).start()\n"
        "print('started', flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        server = PostgresServer.attach(tmp_path / "server")
        assert server.running
        os.kill(parent.pid, signal.SIGKILL)
    assert until(lambda: not server.running, seconds=20)
    server.discard()


def test_free_ports_differ_and_are_not_those_of_outgoing_connections() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(1024 < port < 32_768 for port in ports)


def test_a_process_with_the_same_pid_but_another_birth_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        stranger = Process(sleeper.pid, born="long ago")
        assert not stranger.alive
        stranger.end(signal.SIGKILL, seconds=1)
        assert sleeper.poll() is None
        sleeper.kill()


def test_prerequisites_can_be_checked_quickly_and_name_one_command(tmp_path: Path) -> None:
    script = str(ROOT / "scripts" / "prerequisites.sh")
    environment = {**os.environ, "PYTHON": sys.executable}
    present = subprocess.run(["/bin/sh", script, "check", "run"], env=environment, check=False, capture_output=True)
    assert present.returncode == 0

    absent = subprocess.run(
        ["/bin/sh", script, "check", "run"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": "no-such-python"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert absent.returncode == 1
    assert "Python 3.11 or later" in absent.stderr
    assert absent.stderr.count("Install with: ") == 1
