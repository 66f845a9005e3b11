"""The path of a comment, from the webhook to the page on a phone and a person's decision."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
from contextlib import closing

import httpx2
import pytest

from tests.e2e.conftest import World
from tests.system import APP_SECRET, PAGE_ID, PAGE_TOKEN, wait_for

LINK = "Earn from home at easy-cash-{}.example.com today"


def spam() -> str:
    """A comment that holds a link to another site, unlike any other."""
    return LINK.format(uuid.uuid4().hex[:8])


def token_of(world: World, person: str, *roles: str) -> str:
    arguments = [part for role in roles for part in ("--role", role)]
    out = world.system.command("services.retention", "people", "add", person, "--name", person.title(), *arguments)
    return out.strip().splitlines()[-1]


def field(page: str, name: str) -> str:
    """The value of a hidden field of a form."""
    return re.search(rf'name="{name}" value="([^"]+)"', page)[1]  # type: ignore[index]


def signed(body: bytes) -> dict[str, str]:
    digest = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}


@pytest.mark.policy("A.9", "A.10", "A.11.i")
def test_a10_a_link_is_hidden_once_with_a_reason_kept_before(world: World) -> None:
    comment = world.write(spam())
    seen = world.hidden(comment)
    assert (seen["hides"], seen["repeats"]) == (1, 0)
    kept = world.standing(comment, "hidden_provisionally")
    [record] = kept["records"]
    assert record["clause"] == "A.11.i"
    assert "A.11.i" in record["reason"]
    assert kept["revisions"][0]["text"].startswith("Earn from home")
    assert kept["comment"][0]["confirm_by"]
    wait_for("the read-back", lambda: world.record(comment)["visibility"][0]["state"] == "verified")


@pytest.mark.policy("A.9")
def test_a9_criticism_of_the_police_stays_up_and_is_kept(world: World) -> None:
    comment = world.write("Shame on the Chief. This street has been closed three times, and you just stand there.")
    wait_for("a verdict", lambda: world.record(comment)["verdicts"])
    wait_for("a decision", lambda: world.record(comment)["decisions"])
    assert not world.seen(comment)["hidden"]
    assert world.record(comment)["visibility"] == []


@pytest.mark.policy("A.4", "A.10")
def test_a4_a_person_restores_and_it_stays_up(world: World) -> None:
    comment = world.write(spam())
    world.hidden(comment)
    world.standing(comment, "hidden_provisionally")
    with closing(world.console(token_of(world, "okafor", "designated"))) as browser:
        path = f"/comments/facebook:{PAGE_ID}:{comment}"
        page = browser.get(path).text
        assert "A.11.i" in page
        form = {
            "act": "restore",
            "revision": field(page, "revision"),
            "form_token": field(page, "form_token"),
            "form_id": field(page, "form_id"),
            "reason": "The link is the newspaper's.",
        }
        after = browser.post(f"{path}/review", data=form)
        assert "restored" in after.text
        world.shown(comment)
        late = browser.post(f"{path}/review", data={**form, "act": "confirm", "form_id": str(uuid.uuid4())})
        assert "Okafor decided on this comment first" in late.text
    kept = world.standing(comment, "restored")
    assert [decision["actor"] for decision in kept["decisions"]][-1] == "person:okafor"
    assert (world.seen(comment)["hides"], world.seen(comment)["shows"]) == (1, 1)
    world.graph.post(f"/control/comments/{comment}/edit", {"message": world.seen(comment)["message"] + " "})
    wait_for("deliveries", lambda: world.graph.get("/control/idle")["idle"])


@pytest.mark.policy("A.10")
def test_a10_a_new_clean_text_is_shown_again_at_once(world: World) -> None:
    comment = world.write(spam())
    world.hidden(comment)
    world.graph.post(f"/control/comments/{comment}/edit", {"message": "Sorry. When does the street open again?"})
    world.shown(comment)
    kept = world.standing(comment, "allowed")
    assert len(kept["revisions"]) == 2
    assert len(kept["records"]) == 1


def test_a_clean_text_that_is_edited_to_a_bad_one_is_hidden(world: World) -> None:
    comment = world.write("When does the street open again?")
    world.standing(comment, "allowed")
    world.graph.post(f"/control/comments/{comment}/edit", {"message": spam()})
    world.hidden(comment)
    assert len(world.standing(comment, "hidden_provisionally")["revisions"]) == 2


@pytest.mark.policy("A.9")
def test_a9_what_its_author_removes_stays_in_the_record(world: World) -> None:
    comment = world.write("A word that I will take back.")
    wait_for("a decision", lambda: world.record(comment)["decisions"])
    world.graph.post(f"/control/comments/{comment}/remove")
    kept = world.standing(comment, "gone")
    assert kept["revisions"][0]["text"] == "A word that I will take back."


@pytest.mark.policy("A.14")
def test_a14_an_urgent_finding_pages_and_a_click_acknowledges(world: World) -> None:
    comment = world.write(
        "The guy they arrested lives at 418 Harbor Lane, white house, plate KLM 4471, go and tell him."
    )
    decided = wait_for("a decision", lambda: world.record(comment)["decisions"]) or []
    assert (decided[-1]["category"], decided[-1]["urgency"]) == ("public_safety", "urgent")
    [message] = wait_for("a page", lambda: world.messages(comment)) or []
    assert "Harbor Lane" not in message["title"] + message["body"]
    assert "Whitfield" not in message["title"] + message["body"]
    link = re.search(r"http\S+/page/\S+", message["body"])[0]  # type: ignore[index]
    link = world.system.url("notify") + link[link.index("/page/") :]
    assert httpx2.get(link).status_code == 200
    assert httpx2.post(link, follow_redirects=True).status_code == 200
    wait_for("the record of the answer", lambda: len(world.record(comment)["alerts"]) >= 2)
    topics = {alert["topic"] for alert in world.record(comment)["alerts"]}
    assert topics == {"alert.raised.v1", "alert.acknowledged.v1"}


@pytest.mark.policy("A.1")
def test_a1_a_delivery_for_an_unknown_page_waits_and_is_replayed(world: World) -> None:
    page, comment = "555000111222333", f"884_{uuid.uuid4().int % 10**12}"
    value = {"item": "comment", "verb": "add", "comment_id": comment, "post_id": f"{page}_884", "message": "Hello",
             "created_time": 1772323202, "from": {"id": "7", "name": "Dana"}}  # fmt: skip
    body = json.dumps(
        {"object": "page", "entry": [{"id": page, "time": 1772323205, "changes": [{"field": "feed", "value": value}]}]}
    ).encode()
    url = f"{world.system.url('ingest')}/webhooks/facebook"
    assert httpx2.post(url, content=body, headers=signed(body)).status_code == 200
    letters = ("services.retention", "dead-letters")
    wait_for("quarantine", lambda: "unknown_account" in world.system.command(*letters, "list"))
    assert "Hello" not in world.system.command(*letters, "list")
    name = ("--name", "Second page", "--mode", "propose")
    world.system.command("services.retention", "accounts", "add", "facebook", page, *name)
    replayed = world.system.command(*letters, "replay", "--reason", "unknown_account", "--actor", "person:tester")
    assert "1 replayed" in replayed
    subject = f"facebook:{page}:{comment}"

    def kept() -> bool:
        try:
            show = ("records", "show", subject, "--actor", "person:tester")
            return bool(json.loads(world.system.command("services.retention", *show))["verdicts"])
        except AssertionError:
            return False

    wait_for("the replayed comment", kept)
    assert "unknown_account" not in world.system.command(*letters, "list")


BAD = {
    "no signature": (b"{}", {}, 401),
    "wrong signature": (b"{}", {"X-Hub-Signature-256": "sha256=" + "0" * 64}, 401),
    "sha1 alone": (b"{}", {"X-Hub-Signature": "sha1=" + "0" * 40}, 401),
    "truncated": (b'{"object":"page","entry":[', None, 200),
    "wrong types": (b'{"object":"page","entry":[{"id":5,"changes":"no"}]}', None, 200),
    "unknown object": (b'{"object":"planet","entry":[]}', None, 200),
    "invalid UTF-8": (b'{"object":"page","entry":[{"id":"\xff\xfe"}]}', None, 200),
    "nested bomb": (b'{"object":"page","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None, 200),
    "five megabytes": (b'{"object":"page","entry":[],"pad":"' + b"x" * 5_000_000 + b'"}', None, 200),
    "nine megabytes": (b"x" * 9_000_000, None, 413),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_its_answer_and_the_service_goes_on(world: World, name: str) -> None:
    body, headers, status = BAD[name]
    url = f"{world.system.url('ingest')}/webhooks/facebook"
    wait_for("deliveries", lambda: world.graph.get("/control/idle")["idle"])
    before = world.system.metric("ingest", "moderation_webhooks_total")
    answer = httpx2.post(url, content=body, headers=signed(body) if headers is None else headers, timeout=30)
    assert answer.status_code == status
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        reason = f'outcome="{answer.json()["reason"]}"'
    after = world.system.metric("ingest", "moderation_webhooks_total")
    counted = {label: count - before.get(label, 0) for label, count in after.items() if count != before.get(label, 0)}
    if status >= 400:
        assert sum(count for label, count in counted.items() if reason in label) == 1
    else:  # an echo of a hide may be counted at the same moment
        assert sum(counted.values()) >= 1
    assert httpx2.get(f"{world.system.url('ingest')}/readyz").status_code == 200


def test_what_is_broken_and_what_is_no_platform(world: World) -> None:
    url = f"{world.system.url('ingest')}/webhooks"
    assert httpx2.post(f"{url}/myspace", content=b"{}").status_code == 404
    assert httpx2.put(f"{url}/facebook", content=b"{}").status_code == 405
    assert httpx2.get(f"{url}/facebook", params={"hub.mode": "subscribe"}).status_code == 403
    assert world.graph.post("/control/verify")["verified"]


def test_zz_nothing_private_is_in_the_logs_and_every_process_drains(world: World) -> None:
    logs = world.system.logs()
    for secret in (APP_SECRET, PAGE_TOKEN, "a-link-secret-of-the-tests"):
        assert secret not in logs
    for words in ("Earn from home", "Shame on the Chief", "take back", "Dana Whitfield", "Harbor Lane"):
        assert words not in logs
    for name in {"ingest", "retention"} if world.system.distributed else {"retention"}:
        broken = world.system.metric(name, "moderation_invariant_violations")
        assert not [invariant for invariant, count in broken.items() if count], broken
    assert set(world.system.stop().values()) == {0}
    world.system.start()
