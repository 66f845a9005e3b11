"""
All parts put together: for a port (`python -m tests.fakes.graph`), or inside a test.

Inside a test, `Simulation.app` is the server, `Simulation.facebook` writes comments, and `Simulation.deliveries` sends
them when told to (`Deliveries.send_due`): no port and no waiting is needed.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Route

from tests.fakes.graph.api import GraphApi
from tests.fakes.graph.control import Control
from tests.fakes.graph.delivery import Deliveries, Settings
from tests.fakes.graph.page import page_routes
from tests.fakes.graph.platform import Facebook
from tests.fakes.graph.store import Store
from tests.fakes.graph.webhook import MetaWire


class _Version(Convertor[str]):
    regex = r"v[0-9]+\.[0-9]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


@dataclass(frozen=True)
class Page:
    """A page of the simulated platform, and the token that acts for it."""

    id: str
    token: str
    name: str = "Riverbend Police Division"


@dataclass
class Options:
    """How the platform is set up. The first of ``pages`` is the one that the control API writes on by default."""

    pages: Sequence[Page]
    app_secret: str
    verify_token: str
    state: Path | None = None
    version: str = "v25.0"
    require_proof: bool = False
    delivery: Settings = field(default_factory=Settings)
    now: Callable[[], float] = time.time


@dataclass(frozen=True)
class Simulation:
    """The running platform."""

    store: Store
    deliveries: Deliveries
    facebook: Facebook
    api: GraphApi
    app: Starlette


def build(options: Options, http: httpx2.AsyncClient) -> Simulation:
    """
    The platform with its pages. ``http`` makes the deliveries; whoever gives it closes it.

    The sender runs while the app's lifespan does.
    """
    store = Store(options.state, options.now)
    for page in options.pages:
        store.add_page(page.id, page.name, page.token)
    wire = MetaWire(options.app_secret, options.verify_token)
    deliveries = Deliveries(store, wire, options.delivery, http)
    facebook = Facebook(store, deliveries)
    api = GraphApi(facebook, options.app_secret, options.version, options.require_proof)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sending = asyncio.create_task(deliveries.run())
        sending.add_done_callback(_tell_of_a_bug)
        yield
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        store.close()

    register_url_convertor("version", _Version())
    routes: list[Route] = [
        *Control(facebook, api, options.pages[0].id).routes(), *page_routes(store), *api.routes(),
    ]  # fmt: skip
    return Simulation(store, deliveries, facebook, api, Starlette(routes=routes, lifespan=lifespan))


def _tell_of_a_bug(sending: asyncio.Task[None]) -> None:
    """The sender ends when it is cancelled and never else."""
    if not sending.cancelled() and (error := sending.exception()):
        traceback.print_exception(error)
