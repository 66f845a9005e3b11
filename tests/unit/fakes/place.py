"""The simulated Facebook inside a test: no port, no waiting, a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.fakes.graph.app import Options, Page, Simulation, build
from tests.fakes.graph.delivery import Settings

ROOT = Path(__file__).resolve().parents[3]
VECTORS = {
    vector["name"]: vector
    for vector in json.loads((ROOT / "tests/contract/platforms/vectors.json").read_text())
    if vector["platform"] == "facebook"
}
PAGE, TOKEN, SECRET = "102938475610293", "EAAB-page-token-riverbend-example", "fb-app-secret-riverbend-0001"
OTHER = Page("555000111222333", "EAAB-other", "Riverbend Fire")
POST = f"{PAGE}_884412005561010"
START = 1772323202.0


@dataclass
class Place:
    """The platform, the clock that the test moves, and everything that the webhook received."""

    simulation: Simulation
    graph: httpx2.AsyncClient
    moment: list[float]
    received: list[httpx2.Request] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def values(self) -> list[dict[str, Any]]:
        """Every change received, in order."""
        bodies = [json.loads(request.content) for request in self.received]
        return [change["value"] for body in bodies for entry in body["entry"] for change in entry["changes"]]

    async def call(self, path: str, token: str | None = TOKEN, **query: str) -> dict[str, Any]:
        """A GET under the version; ``status`` holds its status."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self.graph.get(f"/v25.0/{path}", params=query, headers=headers)
        return {**answer.json(), "status": answer.status_code}

    async def hide(self, comment: str, hidden: str = "true", **more: str) -> httpx2.Response:
        form = {"is_hidden": hidden, "access_token": TOKEN, **more}
        return await self.graph.post(f"/v25.0/{comment}", data=form)

    async def control(self, path: str, body: object) -> Any:
        return (await self.graph.post(f"/control/{path}", json=body)).json()

    async def listed(self, **query: str) -> list[str]:
        """Every comment of the post, from as many pages of the list as there are."""
        found: list[str] = []
        while True:
            answer = await self.call(f"{POST}/comments", fields="id", **query)
            found += [row["id"] for row in answer["data"]]
            if "next" not in answer.get("paging", {}):
                return found
            query["after"] = answer["paging"]["cursors"]["after"]


@asynccontextmanager
async def place(state: Path | None = None, *, settle: bool = True, **delivery: Any) -> AsyncIterator[Place]:
    moment, received, answers = [START], [], []

    def receive(request: httpx2.Request) -> httpx2.Response:
        received.append(request)
        return httpx2.Response(answers.pop(0) if answers else 200, text=request.url.params.get("hub.challenge", "ok"))

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(receive)) as http:
        options = Options(
            pages=[Page(PAGE, TOKEN), OTHER],
            app_secret=SECRET,
            verify_token="riverbend-verify",
            state=state,
            delivery=Settings(webhook="https://moderation.example/webhooks/facebook", **delivery),
            now=lambda: moment[0],
        )
        simulation = build(options, http)
        transport = httpx2.ASGITransport(app=simulation.app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://graph.example") as graph:
            simulation.facebook.add_post("5th Street is closed.", page_id=PAGE, post_id=POST)
            if settle:
                await simulation.deliveries.send_due()
                received.clear()
            yield Place(simulation, graph, moment, received, answers)
        simulation.store.close()


def write(fb: Place, text: str = "When does it open?", **more: Any) -> str:
    return fb.simulation.facebook.add_comment(POST, text, **more)
