"""Run the simulated platform beside the product: ``python -m tests.fakes.graph --port P --webhook URL``."""

from __future__ import annotations

import argparse
import asyncio
import math
from pathlib import Path

import httpx2
import uvicorn

from tests.fakes.graph.app import Options, Page, build
from tests.fakes.graph.delivery import Settings
from tests.system import APP_SECRET, PAGE_ID, PAGE_TOKEN, VERIFY_TOKEN


def main() -> None:
    """Serve until stopped."""
    given = arguments().parse_args()
    delivery = Settings(
        webhook=given.webhook,
        batch=given.batch,
        batch_seconds=given.batch_seconds,
        timeout_seconds=given.timeout,
        retry_seconds=given.retry_seconds,
        attempts=given.attempts,
        repeat=given.repeat,
        repeat_seconds=given.repeat_seconds,
        reorder=given.reorder,
        reorder_seconds=given.reorder_seconds,
        late=given.late,
        late_seconds=given.late_seconds,
        seed=given.seed,
    )
    options = Options(
        pages=[Page(given.page, given.token, given.page_name)],
        app_secret=given.secret,
        verify_token=given.verify_token,
        state=given.state,
        version=given.version,
        require_proof=given.require_proof,
        delivery=delivery,
    )
    asyncio.run(_serve(options, given.port))


async def _serve(options: Options, port: int) -> None:
    async with httpx2.AsyncClient(trust_env=False) as http:
        app = build(options, http).app
        await uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning")).serve()


def arguments() -> argparse.ArgumentParser:
    """The options; a test reads lines with them."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.graph", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, required=True)
    add("--webhook", required=True, help="where deliveries go")
    add("--state", type=Path, help="a SQLite file that keeps the platform's state over restarts")
    add("--secret", default=APP_SECRET, help="the app's secret: signs deliveries, proves tokens")
    add("--verify-token", default=VERIFY_TOKEN)
    add("--page", default=PAGE_ID)
    add("--page-name", default="Riverbend Police Division")
    add("--token", default=PAGE_TOKEN, help="the page's token")
    add("--version", default="v25.0", help="the version of the Graph API in every path")
    add("--require-proof", action="store_true", help="refuse calls without appsecret_proof")
    add("--batch", type=int, default=1, help="most changes in one request")
    add("--batch-seconds", type=float, default=0.1, help="how long a batch is collected")
    add("--timeout", type=float, default=20.0, help="seconds that the webhook has for its answer")
    add("--retry-seconds", type=_waits, default=Settings.retry_seconds, help="0.2,0.5,1: waits; the last one repeats")
    add("--attempts", type=int, default=100_000, help="how often one delivery is tried")
    add("--seed", type=int, default=1, help="decides on repeats, reorders and late ones")
    add("--repeat", type=float, default=0.0, help="share of deliveries that come twice")
    add("--repeat-seconds", type=float, default=1.0, help="longest time between the two")
    add("--reorder", type=float, default=0.0, help="share that later ones may overtake")
    add("--reorder-seconds", type=float, default=0.5, help="longest time that those are held")
    add("--late", type=float, default=0.0, help="share that come late")
    add("--late-seconds", type=float, default=5.0, help="longest time that those are held")
    return parser


def _waits(text: str) -> list[float]:
    """Seconds with commas between them. Raises `ValueError`, which argparse tells with the option's name."""
    waits = [float(part) for part in text.split(",")]
    if not all(math.isfinite(wait) and wait >= 0 for wait in waits):
        raise ValueError(text)
    return waits


if __name__ == "__main__":
    main()
