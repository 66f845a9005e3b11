"""The product in both of its forms beside a simulated Facebook and a simulated messenger."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from scripts.kafka import KafkaCluster
from scripts.postgres import PostgresServer
from scripts.processes import Missing
from tests.conftest import really_used, unavailable
from tests.system import PAGE_ID, Process, Side, System, free_port, wait_for


@dataclass
class World:
    """The system with its surroundings, and the words that a test needs."""

    system: System
    graph: Side
    channel: Side
    post: str

    def write(self, message: str, **more: str) -> str:
        """A resident comments; gives back the comment's id."""
        return str(self.graph.post("/control/comments", {"post_id": self.post, "message": message, **more})["id"])

    def seen(self, comment: str) -> dict[str, Any]:
        """The comment as it is on the platform."""
        return next(row for row in self.graph.get("/control/comments") if row["id"] == comment)

    def hidden(self, comment: str) -> dict[str, Any]:
        """Wait until the public cannot see it."""

        def look() -> dict[str, Any] | None:
            return row if (row := self.seen(comment))["hidden"] else None

        return wait_for(f"the hide of {comment}", look) or {}

    def shown(self, comment: str) -> dict[str, Any]:
        """Wait until the public sees it again."""

        def look() -> dict[str, Any] | None:
            return row if not (row := self.seen(comment))["hidden"] else None

        return wait_for(f"the return of {comment}", look) or {}

    def record(self, comment: str) -> dict[str, Any]:
        """All that is kept about a comment."""
        subject = f"facebook:{PAGE_ID}:{comment}"
        return dict(
            json.loads(
                self.system.command("services.retention", "records", "show", subject, "--actor", "person:tester")
            )
        )

    def standing(self, comment: str, wanted: str) -> dict[str, Any]:
        """Wait until this stands for a comment."""

        def look() -> dict[str, Any] | None:
            try:
                found = self.record(comment)
            except AssertionError:
                return None
            return found if found["comment"][0]["standing"] == wanted else None

        return wait_for(f"{wanted} for {comment}", look) or {}

    def messages(self, word: str) -> list[dict[str, str]]:
        """Messages to people that hold ``word``, wherever they were sent."""
        found = self.channel.get("/control/messages")["messages"]
        return [message for message in found if word in message["title"] + message["body"]]

    def console(self, token: str) -> httpx2.Client:
        """A browser that is signed in."""
        client = httpx2.Client(base_url=self.system.url("retention"), follow_redirects=True, timeout=20)
        assert client.post("/sign-in", data={"token": token}).status_code == 200
        return client


@pytest.fixture(scope="module", params=["embedded", "distributed"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything, started once for a module."""
    folder = tmp_path_factory.mktemp(request.param)
    graph_port, channel_port = free_port(), free_port()
    inbox = f"json://127.0.0.1:{channel_port}"
    extra = {
        "FACEBOOK_GRAPH_URL": f"http://127.0.0.1:{graph_port}",
        "NOTIFY_TEAM": f"{inbox}/team",
        "NOTIFY_ONCALL": json.dumps([{"person": "rivera", "name": "Sgt. Rivera", "channels": [f"{inbox}/rivera"]}]),
    }
    with ExitStack() as stack:
        system = System(folder / "system", extra=extra)
        if request.param == "distributed":
            try:
                kafka = stack.enter_context(KafkaCluster(die_with_parent=True))
                postgres = stack.enter_context(PostgresServer(die_with_parent=True))
            except Missing as error:
                unavailable("Kafka and PostgreSQL", str(error))
            really_used(f"Apache Kafka {kafka.version}", f"PostgreSQL {postgres.version}")
            system = System(folder / "system", f"kafka://{kafka.bootstrap}", postgres.url, extra)
        webhook = f"{system.url('ingest')}/webhooks/facebook"
        graph = side("graph", folder, graph_port, ["tests.fakes.graph", "--webhook", webhook])
        channel = side("channel", folder, channel_port, ["tests.fakes.channel"])
        stack.callback(graph.process.kill)
        stack.callback(channel.process.kill)
        stack.callback(system.kill)
        graph.start()
        channel.start()
        system.command("services", "migrate")
        name = ("--name", "Riverbend Police Division", "--mode", "hide")
        system.command("services.retention", "accounts", "add", "facebook", PAGE_ID, *name)
        system.start()
        post = graph.post("/control/posts", {"message": "5th Street is closed until Friday."})["id"]
        wait_for("the post", lambda: graph.get("/control/idle")["idle"])
        yield World(system, graph, channel, post)


def side(name: str, folder: Path, port: int, command: list[str]) -> Side:
    """A simulated neighbour on a port."""
    process = Process(name, [sys.executable, "-m", *command, "--port", str(port)], {}, folder / f"{name}.log")
    return Side(process, f"http://127.0.0.1:{port}")
