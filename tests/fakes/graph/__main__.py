"""Run the simulated platform beside the product: ``python -m tests.fakes.graph --port P --webhook URL``."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from tests.fakes.graph.api import GraphApi
from tests.fakes.graph.control import Control
from tests.fakes.graph.delivery import Deliveries, Settings
from tests.fakes.graph.page import page_routes
from tests.fakes.graph.store import Store
from tests.system import APP_SECRET, PAGE_ID, PAGE_TOKEN, VERIFY_TOKEN


def build(store: Store, settings: Settings, *, token: str, title: str = "Riverbend Police Division") -> Starlette:
    """The application; its sender runs while it is up."""
    deliveries = Deliveries(store, settings)
    api = GraphApi(store, deliveries, token, settings.secret)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sending = asyncio.create_task(deliveries.run())
        yield
        sending.cancel()

    routes = [*Control(store, deliveries, api).routes(), *page_routes(store, title), *api.routes()]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.graph", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--webhook", required=True, help="where deliveries go")
    parser.add_argument("--state", type=Path, help="a file that keeps the platform's state over restarts")
    parser.add_argument("--secret", default=APP_SECRET)
    parser.add_argument("--verify-token", default=VERIFY_TOKEN)
    parser.add_argument("--page", default=PAGE_ID)
    parser.add_argument("--token", default=PAGE_TOKEN)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=float, default=0.0, help="share of deliveries that come twice")
    parser.add_argument("--reorder", type=float, default=0.0, help="share that overtake each other")
    parser.add_argument("--late", type=float, default=0.0, help="share that come late")
    parser.add_argument("--late-seconds", type=float, default=5.0)
    given = parser.parse_args()
    settings = Settings(
        given.webhook,
        given.secret,
        given.verify_token,
        repeat=given.repeat,
        reorder=given.reorder,
        late=given.late,
        late_seconds=given.late_seconds,
        seed=given.seed,
    )
    app = build(Store(given.state, given.page), settings, token=given.token)
    uvicorn.run(app, port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
