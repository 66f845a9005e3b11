"""
The console as its users meet it: in a real browser, by keyboard, without JavaScript, on a phone, and as an attacker.

The rows are written by hand; what comes of an act is the end-to-end tests' matter. Here the act must be an event with
its actor, and the page must be what it promises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import insert, select

from services.retention import tables
from services.retention.console import console_router
from services.retention.console.views import marked
from shared.bus import Message
from shared.bus.cloudevents import from_message
from shared.db import Database
from shared.directory import Account, Directory, Role
from shared.events import CommentReviewed, Standing
from shared.http import build_app
from shared.policy import Mode, Policy
from shared.service import Service
from tests.conftest import Clock, unavailable

CHROMIUM = Path("/usr/bin/chromium")
TOKENS = {"rivera": "token-of-rivera", "lee": "token-of-lee"}
HOSTILE = "<script>document.title='owned'</script> \N{RIGHT-TO-LEFT OVERRIDE}gnihtemos " + "x" * 200


@dataclass
class Published:
    """Keeps what the console publishes."""

    messages: list[Message] = field(default_factory=list)

    async def publish(self, messages: list[Message]) -> None:
        self.messages.extend(messages)

    def reviews(self) -> list[CommentReviewed]:
        return [from_message(CommentReviewed, message) for message in self.messages]


@dataclass
class Console:
    url: str
    db: Database
    directory: Directory
    published: Published
    clock: Clock


async def keep_comment(
    db: Database, policy: Policy, number: int, standing: str, category: str | None, text: str, at: datetime
) -> str:
    subject, record_id = f"facebook:1029:884_{number}", uuid4()
    async with db.write() as connection:
        revision: dict[str, Any] = {
            "subject": subject, "revision": "r1", "event_id": uuid4(), "author_id": "7", "author_name": "Dana W.",
            "by_account": False, "edited": False, "text": text, "links": [], "media": [], "post_id": "1029_884",
            "post_text": "Road closed on 5th Street until Friday.", "url": "https://www.facebook.com/x",
            "created_at": at, "received_at": at, "how": "webhook", "raw": "{}", "kept_at": at,
        }  # fmt: skip
        await connection.execute(insert(tables.revisions).values(**revision))
        if category:
            rule = policy.categories[category]  # type: ignore[index]
            evidence = [{"category": category, "score": 0.97, "source": "model", "spans": [{"start": 0, "end": 4}],
                         "reason": rule.reason},
                        {"category": category, "score": 0.6, "source": "flood", "spans": [],
                         "reason": f"{rule.reason} It repeats 2 other recent comments nearly word for word.",
                         "matches": ["facebook:1029:884_2", "facebook:1029:884_3"]}]  # fmt: skip
            record: dict[str, Any] = {
                "record_id": record_id, "subject": subject, "revision": "r1", "action": "hide", "category": category,
                "clause": rule.clause, "reason": rule.reason, "urgency": rule.urgency, "evidence": evidence,
                "scores": [0.0] * 9, "model_version": "abc", "policy_version": policy.version,
                "made_by": "service:retention", "made_at": at,
            }  # fmt: skip
            await connection.execute(insert(tables.records).values(**record))
        comment: dict[str, Any] = {
            "subject": subject, "platform": "facebook", "account": "1029", "comment_id": f"884_{number}",
            "revision": "r1", "standing": standing, "record_id": record_id if category else None,
            "first_seen_at": at, "changed_at": at, "confirm_by": at + timedelta(hours=9),
        }  # fmt: skip
        await connection.execute(insert(tables.comments).values(**comment))
    return subject


@pytest_asyncio.fixture
async def console(sqlite_database: Database, policy: Policy) -> AsyncIterator[Console]:
    """The console on a free port, with two people, an account and thirty comments that wait."""
    clock = Clock(datetime.now(UTC))
    directory, published = Directory(sqlite_database, clock), Published()
    await directory.add_account(Account("facebook", "1029", "Riverbend PD", Mode.HIDE), actor="person:rivera")
    await directory.add_person("rivera", "Sgt. Rivera", frozenset({Role.DESIGNATED}), token=TOKENS["rivera"])
    await directory.add_person("lee", "Officer Lee", frozenset({Role.MEMBER}), token=TOKENS["lee"])
    for number in range(30):
        at = clock() - timedelta(hours=2, minutes=-number)
        text = HOSTILE if number == 0 else f"Free tickets here, number {number}"
        await keep_comment(sqlite_database, policy, number, Standing.HIDDEN_PROVISIONALLY, "spam_links", text, at)
    await keep_comment(sqlite_database, policy, 99, Standing.ALLOWED, None, "Thank you officers", clock())
    router = console_router(sqlite_database, directory, published, policy, clock)  # type: ignore[arg-type]
    server = uvicorn.Server(
        uvicorn.Config(build_app([Service("retention", routers=[router])]), port=0, log_config=None, lifespan="off")
    )
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Console(f"http://127.0.0.1:{port}", sqlite_database, directory, published, clock)
    server.should_exit = True
    await serving


@pytest.fixture
def browser() -> None:
    """Chromium must be there."""
    if not CHROMIUM.exists():
        unavailable("Chromium", "the pages are looked at in a real browser")


def signed_in(page: Page, url: str, who: str = "rivera") -> None:
    page.goto(url)
    page.fill("#token", TOKENS[who])
    page.click("main button")
    page.wait_for_url("**/records**")


async def in_browser(steps: Callable[[Page], None], **options: Any) -> None:
    """Run ``steps`` in Chromium, in a thread: its driver blocks, and the server needs this one."""

    def work() -> None:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
        with sync_playwright() as driver:
            chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
            page = chromium.new_page(**options)
            page.set_default_timeout(15_000)
            steps(page)
            chromium.close()

    await asyncio.to_thread(work)


pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("browser")]


@pytest.mark.parametrize("width", [375, 1100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_accessible_and_fits_its_screen(console: Console, width: int, scheme: str) -> None:
    def steps(page: Page) -> None:
        def look() -> None:
            found = Axe().run(page)
            assert not found.response["violations"], found.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url

        page.goto(console.url)
        look()
        signed_in(page, console.url)
        look()
        page.locator(".open").first.click()
        page.wait_for_url("**/comments/**")
        look()
        assert page.title() == "Comment · Riverbend Police Division"
        page.goto(f"{console.url}/records?view=restored")
        assert page.locator(".empty").inner_text() == "Nothing stands so."
        look()
        page.goto(f"{console.url}/comments/none")
        assert page.locator("h1").inner_text() == "Not found"
        look()

    await in_browser(steps, viewport={"width": width, "height": 800}, color_scheme=scheme)


async def test_the_comments_that_a_finding_rests_on_are_a_key_away(console: Console) -> None:
    def steps(page: Page) -> None:
        signed_in(page, console.url)
        page.goto(f"{console.url}/comments/facebook:1029:884_1")
        page.focus("summary")
        page.keyboard.press("Enter")
        assert page.locator("details a").all_inner_texts() == ["facebook:1029:884_2", "facebook:1029:884_3"]
        assert not (found := Axe().run(page)).response["violations"], found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        page.locator("details a").first.click()
        page.wait_for_url("**884_2")
        assert "number 2" in page.locator("blockquote.whole").inner_text()

    await in_browser(steps, viewport={"width": 375, "height": 800})


@pytest.mark.policy("A.4", "A.10")
async def test_a4_a_restore_by_keyboard_is_an_event_with_its_actor(console: Console) -> None:
    def steps(page: Page) -> None:
        signed_in(page, console.url)
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/comments/**")
        page.keyboard.press("r")
        page.keyboard.press("Enter")
        page.wait_for_url("**act=**")
        assert "kept and is being carried out" in page.locator("[role=status]").inner_text()

    await in_browser(steps)
    [review] = console.published.reviews()
    assert (review.act, review.actor, review.revision) == ("restore", "person:rivera", "r1")
    assert review.subject == "facebook:1029:884_1"


async def test_it_works_without_javascript(console: Console) -> None:
    def steps(page: Page) -> None:
        signed_in(page, console.url)
        page.locator(".open").first.click()
        page.get_by_role("button", name="Confirm the hide").click()
        page.wait_for_url("**act=**")

    await in_browser(steps, java_script_enabled=False)
    assert [review.act for review in console.published.reviews()] == ["confirm"]


async def test_hostile_text_is_shown_and_not_run(console: Console) -> None:
    def steps(page: Page) -> None:
        signed_in(page, console.url)
        assert "<script>" in page.locator(".text").first.inner_text()
        assert page.title() == "To review · Riverbend Police Division"

    await in_browser(steps)


async def test_the_second_page_goes_on_where_the_first_ended(console: Console) -> None:
    def steps(page: Page) -> None:
        signed_in(page, console.url)
        first = page.locator(".text").all_inner_texts()
        page.get_by_role("link", name="Next page").click()
        page.wait_for_url("**after=**")
        second = page.locator(".text").all_inner_texts()
        assert (len(first), len(second)) == (25, 5)
        assert not set(first) & set(second)
        assert page.get_by_role("link", name="Next page").count() == 0

    await in_browser(steps)


async def test_a_search_finds_words_and_takes_signs_as_they_are(console: Console) -> None:
    async with httpx2.AsyncClient(base_url=console.url, follow_redirects=True) as client:
        await client.post("/sign-in", data={"token": TOKENS["rivera"]})
        assert "number 17" in (await client.get("/records?view=all&q=NUMBER 17")).text
        assert "Nothing here holds" in (await client.get("/records?view=all&q=%25")).text
        assert (await client.get("/records?view=none")).status_code == 404
        assert (await client.get("/records?after=broken")).status_code == 200


@pytest.mark.policy("A.4")
async def test_a4_nobody_without_a_grant_acts(console: Console) -> None:
    form = {"act": "restore", "revision": "r1", "form_token": "guess", "form_id": str(uuid4())}
    path = "/comments/facebook:1029:884_1/review"
    async with httpx2.AsyncClient(base_url=console.url) as client:
        assert (await client.post(path, data=form)).headers["location"].startswith("/sign-in")
        assert (await client.post("/sign-in", data={"token": "nobody's"})).status_code == 401
        await client.post("/sign-in", data={"token": TOKENS["lee"]})
        assert (await client.post(path, data=form)).status_code == 403
        page = (await client.get("/comments/facebook:1029:884_1")).text
        assert "Decide" not in page
        form["form_token"] = page.partition('name="form_token" value="')[2].partition('"')[0]
        refused = await client.post(path, data=form)
        assert (refused.status_code, "designated members" in refused.text) == (403, True)
    assert not console.published.messages


async def test_another_sites_form_is_refused(console: Console) -> None:
    async with httpx2.AsyncClient(base_url=console.url) as client:
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            answer = await client.post("/sign-in", data={"token": TOKENS["rivera"]}, headers=headers)
            assert answer.status_code == 403, headers
            assert "session" not in answer.cookies


@pytest.mark.policy("A.4")
async def test_a4_a_revoked_grant_ends_the_session_at_once(console: Console) -> None:
    async with httpx2.AsyncClient(base_url=console.url) as client:
        await client.post("/sign-in", data={"token": TOKENS["rivera"]})
        assert (await client.get("/records")).status_code == 200
        await console.directory.revoke_person("rivera")
        assert (await client.get("/records")).status_code == 303


async def test_a_session_ends_when_idle_when_old_and_by_signing_out(console: Console) -> None:
    async with httpx2.AsyncClient(base_url=console.url) as client:
        for hours, alive in ((1.9, True), (2.1, False)):
            await client.post("/sign-in", data={"token": TOKENS["rivera"]})
            console.clock.advance(hours=hours)
            assert (await client.get("/records")).status_code == (200 if alive else 303)
        await client.post("/sign-in", data={"token": TOKENS["rivera"]})
        for _ in range(7):
            console.clock.advance(hours=1.75)
            last = await client.get("/records")
        assert last.status_code == 303
        await client.post("/sign-in", data={"token": TOKENS["rivera"]})
        page = (await client.get("/records")).text
        token = page.partition('name="form_token" value="')[2].partition('"')[0]
        stolen = {"Cookie": f"session={client.cookies['session']}"}
        await client.post("/sign-out", data={"form_token": token})
        assert (await client.get("/records", headers=stolen)).status_code == 303
    async with console.db.read() as connection:
        acts = (await connection.execute(select(tables.audit.c.act))).scalars().all()
    assert set(acts) == {"signed in"}


async def test_pages_carry_the_headers_that_keep_them_safe(console: Console) -> None:
    async with httpx2.AsyncClient(base_url=console.url) as client:
        answer = await client.get("/sign-in")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        cookie = (await client.post("/sign-in", data={"token": TOKENS["rivera"]})).headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        away = await client.post("/sign-in", data={"token": TOKENS["rivera"], "then": "//evil.example/"})
        assert away.headers["location"] == "/"


@pytest.mark.policy("A.10")
async def test_a10_a_hide_by_hand_needs_a_clause_and_a_reason(console: Console) -> None:
    async with httpx2.AsyncClient(base_url=console.url) as client:
        await client.post("/sign-in", data={"token": TOKENS["rivera"]})
        path = "/comments/facebook:1029:884_99"
        token = (await client.get(path)).text.partition('name="form_token" value="')[2].partition('"')[0]
        form = {"act": "hide", "revision": "r1", "form_token": token, "form_id": str(uuid4()), "category": "vulgar"}
        assert (await client.post(f"{path}/review", data=form)).status_code == 422
        form["reason"] = "An insult in another language."
        assert (await client.post(f"{path}/review", data=form)).status_code == 303
        assert (await client.post(f"{path}/review", data=form)).status_code == 303
    reviews = console.published.reviews()
    assert {review.id for review in reviews} == {reviews[0].id}, "the same form sent twice is one act"
    assert reviews[0].reason == "An insult in another language."


@pytest.mark.parametrize(
    ("spans", "shown"),
    [
        ([], "abcdef"),
        ([(0, 2)], "[ab]cdef"),
        ([(1, 3), (2, 5)], "a[bc][de]f"),
        ([(4, 99), (-3, 1)], "[a]bcd[ef]"),
        ([(3, 3), (5, 2)], "abcdef"),
    ],
)
async def test_evidence_is_marked_and_the_text_stays_whole(spans: list[tuple[int, int]], shown: str) -> None:
    pieces = marked("abcdef", [{"start": start, "end": end} for start, end in spans])
    assert "".join(piece for piece, _ in pieces) == "abcdef"
    assert "".join(f"[{piece}]" if evidence else piece for piece, evidence in pieces) == shown
