"""Ingest on real drivers: a real HTTP server, the embedded bus in a file, the directory in a database."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import uvicorn
from prometheus_client import REGISTRY

from services.ingest.service import build
from services.ingest.store import PostStore
from shared.bus import open_bus
from shared.bus.cloudevents import from_message
from shared.db import Database
from shared.directory import Account, Directory
from shared.events import (
    TOPICS,
    CommentReceived,
    CommentRemoved,
    CommentVisibilityChanged,
    Event,
    MessageDeadLettered,
    PostReceived,
)
from shared.http import build_app
from shared.policy import Mode, Policy
from shared.service import Resources, Service
from shared.settings import SystemSettings
from tests.conftest import Clock

PAGE, POST = "102938475610293", "102938475610293_884412005561010"
SECRETS = ("fb-app-secret-riverbend-0001", "fb-app-secret-riverbend-0002")
DANA = {"id": "7120009912345678", "name": "Dana Whitfield"}


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Site:
    """A running ingest and everything around it."""

    client: httpx2.AsyncClient
    resources: Resources
    service: Service
    bus_file: Path

    async def send(self, body: bytes, *, secret: str = SECRETS[0], **headers: str) -> httpx2.Response:
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return await self.client.post(
            "/webhooks/facebook", content=body, headers={"X-Hub-Signature-256": signature, **headers}
        )

    async def events(self, kind: type[Event]) -> list[Any]:
        """Everything on the bus, from the beginning."""
        found: list[Any] = []
        async with self.resources.bus.subscribe(kind.topic, "test.reader", member="0") as subscription:
            while records := await subscription.fetch(max_records=500, wait_seconds=0.1):
                found += [from_message(kind, record.message) for record in records]
        return found


@pytest_asyncio.fixture
async def site(
    tmp_path: Path, sqlite_database: Database, clock: Clock, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    monkeypatch.setenv("FACEBOOK_APP_SECRETS", ",".join(SECRETS))
    monkeypatch.setenv("FACEBOOK_VERIFY_TOKEN", "riverbend-verify")
    monkeypatch.setenv("FACEBOOK_PAGE_TOKENS", json.dumps({PAGE: "EAAB-page-token-riverbend-example"}))
    bus_file = tmp_path / "bus.db"
    bus = await open_bus(f"sqlite:///{bus_file}", topics=list(TOPICS), now=clock)
    directory = Directory(sqlite_database, clock)
    await directory.add_account(Account("facebook", PAGE, "Riverbend Police", Mode.HIDE), actor="person:rivera")

    def facebook(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"message": "Coffee with a Cop."})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(facebook)) as http:
        settings = SystemSettings(data_dir=tmp_path)
        resources = Resources(bus, sqlite_database, directory, policy, http, clock, settings)
        service = await build(resources)
        async with served(service) as url, httpx2.AsyncClient(base_url=url, timeout=30) as client:
            yield Site(client, resources, service, bus_file)
    await bus.close()


@asynccontextmanager
async def served(service: Service) -> AsyncIterator[str]:
    server = _Server(uvicorn.Config(build_app([service]), port=0, log_config=None, access_log=False, lifespan="off"))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def change(account: str = PAGE, **value: Any) -> dict[str, Any]:
    whole = {"item": "comment", "verb": "add", "comment_id": "88_99", "post_id": POST, "from": DANA, **value}
    return {"field": "feed", "value": whole}


def delivery(*changes: dict[str, Any], account: str = PAGE, time: int = 1) -> bytes:
    return json.dumps({"object": "page", "entry": [{"id": account, "time": time, "changes": list(changes)}]}).encode()


def counted(outcome: str, platform: str = "facebook") -> float:
    return REGISTRY.get_sample_value("moderation_webhooks_total", {"platform": platform, "outcome": outcome}) or 0.0


@pytest.mark.asyncio
async def test_the_handshake_is_answered_as_plain_text(site: Site) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "riverbend-verify", "hub.challenge": "1158201444"}
    answer = await site.client.get("/webhooks/facebook", params=query)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    refused = await site.client.get("/webhooks/facebook", params={**query, "hub.verify_token": "other"})
    assert (refused.status_code, refused.json()["reason"]) == (403, "handshake_refused")


@pytest.mark.policy("A.9")
@pytest.mark.asyncio
async def test_a9_an_accepted_comment_is_on_the_bus(site: Site) -> None:
    answer = await site.send(delivery(change(message="Thank you.")))
    assert answer.status_code == 200
    [event] = await site.events(CommentReceived)
    assert (event.subject, event.text, event.author.name) == (f"facebook:{PAGE}:88_99", "Thank you.", "Dana Whitfield")


@pytest.mark.asyncio
async def test_a_retry_has_the_same_ids_whatever_its_sending_time(site: Site) -> None:
    for time, secret in ((1, SECRETS[0]), (2, SECRETS[1])):
        assert (await site.send(delivery(change(message="A"), time=time), secret=secret)).status_code == 200
    events = await site.events(CommentReceived)
    assert len(events) == 2
    assert len({event.id for event in events}) == 1


@pytest.mark.asyncio
async def test_a_batch_of_a_thousand_changes_is_taken_whole(site: Site) -> None:
    body = delivery(*(change(comment_id=f"88_{number}", message=f"text {number}") for number in range(1_000)))
    assert (await site.send(body)).status_code == 200
    assert {event.comment_id for event in await site.events(CommentReceived)} == {f"88_{n}" for n in range(1_000)}


@pytest.mark.asyncio
async def test_removals_and_echoes_and_the_pages_own_words_are_told_apart(site: Site) -> None:
    own = {"id": PAGE, "name": "Riverbend Police"}
    body = delivery(
        change(verb="hide"),
        change(verb="unhide"),
        change(verb="remove"),
        change(message="We are on it.", comment_id="88_100", **{"from": own}),
    )
    assert (await site.send(body)).status_code == 200
    assert sorted(event.hidden for event in await site.events(CommentVisibilityChanged)) == [False, True]
    assert [event.comment_id for event in await site.events(CommentRemoved)] == ["88_99"]
    assert [event.by_account for event in await site.events(CommentReceived)] == [True]


@pytest.mark.policy("A.1")
@pytest.mark.asyncio
async def test_a1_an_unknown_account_is_quarantined_and_not_dropped(site: Site) -> None:
    before = counted("unknown_account")
    assert (await site.send(delivery(change(message="Hello."), account="555"))).status_code == 200
    assert await site.events(CommentReceived) == []
    [letter] = await site.events(MessageDeadLettered)
    assert (letter.reason, letter.origin) == ("unknown_account", "webhook/facebook")
    assert json.loads(letter.value)["entry"][0]["changes"][0]["value"]["message"] == "Hello."
    assert CommentReceived.model_validate_json(letter.headers["event"]).account == "555"
    assert counted("unknown_account") == before + 1


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        (b'{"object":"page","entry":[{"id":"10', 200, "unreadable"),
        (b"\xff\xfe\x00", 200, "unreadable"),
        (b"", 200, "unreadable"),
        (b'{"object":"page","entry":7}', 200, "unreadable"),
        (b'{"object":"page","entry":[{"id":"1","changes":[{"field":"feed","value":null}]}]}', 200, "unreadable"),
        (b"[" * 100_000, 200, "unreadable"),
        (b'{"object":"planet","entry":[]}', 200, "ignored"),
        (b"x" * 5_000_000, 200, "unreadable"),
        (b"x" * (8 * 1024 * 1024 + 1), 413, "too_large"),
    ],
    ids=["truncated", "not-utf8", "empty", "types", "null", "bomb", "object", "5MB", "9MB"],
)
@pytest.mark.asyncio
async def test_bad_input_has_its_answer_is_counted_and_leaves_the_service_serving(
    site: Site, body: bytes, status: int, outcome: str
) -> None:
    before = counted(outcome)
    answer = await site.send(body)
    assert answer.status_code == status
    assert counted(outcome) == before + 1
    letters = await site.events(MessageDeadLettered)
    assert bool(letters) == (outcome == "unreadable")
    assert all(len(letter.model_dump_json()) < 900_000 for letter in letters)
    assert (await site.send(delivery(change(message="still here")))).status_code == 200
    assert len(await site.events(CommentReceived)) == 1


@pytest.mark.asyncio
async def test_requests_that_are_no_delivery_have_their_answers(site: Site) -> None:
    for method, path, status, reason in (
        ("POST", "/webhooks/facebook", 401, "signature_missing"),
        ("POST", "/webhooks/myspace", 404, "unknown_platform"),
        ("POST", "/webhooks/generic", 404, "not_configured"),
        ("PUT", "/webhooks/facebook", 405, "method_not_allowed"),
    ):
        answer = await site.client.request(method, path, content=b"{}")
        assert (answer.status_code, answer.json()["reason"]) == (status, reason)
        assert answer.headers["content-type"] == "application/problem+json"
    answer = await site.send(delivery(change()), secret="another")
    assert (answer.status_code, answer.json()["reason"]) == (401, "signature_wrong")
    assert await site.events(CommentReceived) == []


@pytest.mark.asyncio
async def test_without_the_bus_a_delivery_is_refused_for_now_and_taken_later(site: Site) -> None:
    before = counted("bus_unavailable")
    lock = sqlite3.connect(site.bus_file, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        answer = await site.send(delivery(change(message="A")))
    finally:
        lock.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["reason"] == "bus_unavailable"
    assert counted("bus_unavailable") == before + 1
    assert (await site.send(delivery(change(message="A")))).status_code == 200
    assert len(await site.events(CommentReceived)) == 1


@pytest.mark.asyncio
async def test_a_posts_text_is_learned_from_its_webhook(site: Site) -> None:
    page = {"id": PAGE, "name": "Riverbend Police"}
    post = change(item="status", message="Road closed.", **{"from": page})
    assert (await site.send(delivery(change(message="first"), post))).status_code == 200
    assert (await site.send(delivery(change(message="second")))).status_code == 200
    assert [event.post_text for event in await site.events(CommentReceived)] == ["Road closed.", "Road closed."]


@pytest.mark.asyncio
async def test_an_unknown_post_is_fetched_while_its_comment_goes_on_at_once(site: Site, clock: Clock) -> None:
    assert (await site.send(delivery(change(message="first")))).status_code == 200
    [loop] = site.service.loops
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop))
    key, store = ("facebook", PAGE, POST), PostStore(site.resources.db)
    async with asyncio.timeout(20):
        while not await store.texts([key]):  # noqa: ASYNC110 - a row in a database
            await asyncio.sleep(0.02)
    stop.set()
    await task
    assert [post.text for post in await site.events(PostReceived)] == ["Coffee with a Cop."]
    clock.advance(minutes=2)
    assert (await site.send(delivery(change(message="second")))).status_code == 200
    texts = {event.text: event.post_text for event in await site.events(CommentReceived)}
    assert texts == {"first": None, "second": "Coffee with a Cop."}


@pytest.mark.asyncio
async def test_a_post_is_claimed_by_one_worker_and_given_up_in_the_end(database: Database, clock: Clock) -> None:
    store, key = PostStore(database), ("facebook", PAGE, POST)
    await store.want([key], clock())
    await store.want([key], clock())
    lease = timedelta(seconds=60)
    assert await store.claim_due(clock(), limit=5, lease=lease) == [(key, 0)]
    assert await store.claim_due(clock(), limit=5, lease=lease) == []
    await store.postpone(key, 1, clock())
    assert await store.claim_due(clock(), limit=5, lease=lease) == [(key, 1)]
    await store.postpone(key, 8, None)
    assert await store.claim_due(clock(), limit=5, lease=lease) == []
    assert await store.texts([key]) == {}
    await store.learn({key: "Road closed."}, clock())
    assert await store.texts([key]) == {key: "Road closed."}


@pytest.mark.asyncio
async def test_while_the_database_is_away_known_accounts_go_on_and_the_handshake_too(site: Site, clock: Clock) -> None:
    away = Database.open("postgresql://nobody@127.0.0.1:1/none")
    assert (await site.send(delivery(change(message="first")))).status_code == 200  # the directory has a copy now
    resources = replace(site.resources, db=away)
    async with served(await build(resources)) as url, httpx2.AsyncClient(base_url=url, timeout=30) as client:
        clock.advance(minutes=2)
        assert (await replace(site, client=client).send(delivery(change(message="second")))).status_code == 200
    resources = replace(resources, directory=Directory(away, clock))
    before = counted("directory_unavailable")
    async with served(await build(resources)) as url, httpx2.AsyncClient(base_url=url, timeout=30) as client:
        answer = await replace(site, client=client).send(delivery(change(message="third")))
        assert (answer.status_code, answer.json()["reason"]) == (503, "directory_unavailable")
        query = {"hub.mode": "subscribe", "hub.verify_token": "riverbend-verify", "hub.challenge": "7"}
        assert (await client.get("/webhooks/facebook", params=query)).text == "7"
    assert counted("directory_unavailable") == before + 1
    assert {event.text for event in await site.events(CommentReceived)} == {"first", "second"}
    await away.close()


@pytest.mark.asyncio
async def test_no_text_author_or_secret_reaches_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        await site.send(delivery(change(message="a very private sentence")))
        await site.send(delivery(change(message=["a very private sentence"])))
        await site.send(delivery(change(message="a very private sentence")), secret="another")
    ours = " ".join(str(vars(record)) for record in caplog.records if record.name.startswith(("services", "shared")))
    assert "delivery taken" in ours
    for word in ("private sentence", "Dana", *SECRETS):
        assert word not in ours
