"""
Nothing acknowledged is lost, and every flagged comment is hidden exactly once, whatever is killed meanwhile.

The short form runs in `make test`; the long one (`make chaos`) kills each process at least ten times.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.kafka import KafkaCluster
from scripts.postgres import PostgresServer
from scripts.processes import Missing
from tests.chaos.storm import Plan, Storm
from tests.conftest import really_used, unavailable
from tests.e2e.conftest import side
from tests.system import PAGE_ID, System, free_port

SHORT = Plan(comments=120, kills=2, broker_stops=1, per_second=12, seed=1903)
LONG = Plan(comments=1500, kills=10, broker_stops=3, per_second=12, seed=1903)
UNRULY = ["--repeat", "0.2", "--reorder", "0.2", "--late", "0.05", "--late-seconds", "6"]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def blow(folder: Path, plan: Plan, stack: ExitStack, *, distributed: bool) -> Storm:
    """Start everything and run one storm."""
    graph_port = free_port()
    extra = {
        "FACEBOOK_GRAPH_URL": f"http://127.0.0.1:{graph_port}",
    }
    kafka, postgres = None, None
    system = System(folder / "system", extra=extra)
    if distributed:
        try:
            kafka = stack.enter_context(KafkaCluster(die_with_parent=True))
            postgres = stack.enter_context(PostgresServer(die_with_parent=True))
        except Missing as error:
            unavailable("Kafka and PostgreSQL", str(error))
        really_used(f"Apache Kafka {kafka.version}", f"PostgreSQL {postgres.version}")
        system = System(folder / "system", f"kafka://{kafka.bootstrap}", postgres.url, extra)
    webhook = f"{system.url('ingest')}/webhooks/facebook"
    state = ["--state", str(folder / "graph.db")]
    graph = side("graph", folder, graph_port, ["tests.fakes.graph", "--webhook", webhook, *state, *UNRULY])
    stack.callback(graph.process.kill)
    stack.callback(system.kill)
    graph.start()
    system.command("services", "migrate")
    name = ("--name", "Riverbend Police Division", "--mode", "hide")
    system.command("services.retention", "accounts", "add", "facebook", PAGE_ID, *name)
    system.start()
    return Storm(system, graph, plan, kafka=kafka, postgres=postgres)


def check(storm: Storm, form: str) -> None:
    counts = storm.run()
    print(f"\n{form}:\n{counts.report()}")
    assert not counts.faults(), counts.report()
    assert counts.hidden > storm.plan.comments // 5
    assert min(counts.kills.values()) >= 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("distributed", [False, True], ids=["embedded", "distributed"])
def test_a_short_storm_loses_nothing(tmp_path: Path, stack: ExitStack, distributed: bool) -> None:
    check(blow(tmp_path, SHORT, stack, distributed=distributed), "short storm")


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("distributed", [False, True], ids=["embedded", "distributed"])
def test_a_long_storm_loses_nothing(tmp_path: Path, stack: ExitStack, distributed: bool) -> None:
    check(blow(tmp_path, LONG, stack, distributed=distributed), "long storm")
