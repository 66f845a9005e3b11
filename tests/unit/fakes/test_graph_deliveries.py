"""What the simulated Facebook pushes: its bytes, its signature, its retries and its disorder."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from tests.fakes.graph.__main__ import arguments
from tests.fakes.graph.webhook import meta_json, signature
from tests.unit.fakes.place import SECRET, START, VECTORS, Place, place, write


@pytest.mark.asyncio
async def test_a_new_comment_is_told_byte_for_byte_as_the_example_delivery(fb: Place) -> None:
    vector = VECTORS["facebook-comment-add-ascii"]
    write(
        fb,
        "Thanks for the road closure notice on 5th Street.",
        author="Dana Whitfield",
        author_id="7120009912345678",
        comment_id="884412005561010_990117733420055",
    )
    fb.moment[0] = 1772323205
    await fb.simulation.deliveries.send_due()
    [request] = fb.received
    assert request.content.decode() == vector["body"]
    assert {name: request.headers[name] for name in vector["headers"]} == vector["headers"]


def test_text_is_escaped_as_meta_does_and_the_bytes_are_what_is_signed() -> None:
    vector = VECTORS["facebook-comment-edited-escaped"]
    body = meta_json(json.loads(vector["body"]))
    assert body.decode() == vector["body"]
    assert signature(body, vector["secret"]) == vector["headers"]["X-Hub-Signature-256"]


@pytest.mark.asyncio
async def test_a_delivery_is_repeated_until_2xx_each_time_with_its_sending_time() -> None:
    async with place(retry_seconds=[1, 2]) as fb:
        write(fb)
        fb.answers[:] = [503, 302, 204]
        for seconds in (0, 1, 2):
            fb.moment[0] += seconds
            assert await fb.simulation.deliveries.send_due() == 1
        assert await fb.simulation.deliveries.send_due() == 0
        times = [json.loads(request.content)["entry"][0]["time"] for request in fb.received]
        assert times == [int(START), int(START) + 1, int(START) + 3]
        [row] = (await fb.graph.get("/control/deliveries", params={"after": "1"})).json()
        assert (row["attempts"], row["last_status"], row["acknowledged"]) == (3, 204, START + 3)
        assert row["body_hash"] == hashlib.sha256(fb.received[-1].content).hexdigest()
        statuses = [request["status"] for request in (await fb.graph.get("/control/requests")).json()]
        assert statuses == [200, 503, 302, 204]


@pytest.mark.asyncio
async def test_a_comment_names_the_versions_that_the_webhook_took(fb: Place) -> None:
    comment = write(fb)
    await fb.simulation.deliveries.send_due()
    fb.answers[:] = [503]
    for text in ("It opens on Friday.", "On Saturday."):
        fb.simulation.facebook.edit(comment, text)
    fb.simulation.facebook.set_hidden(comment, hidden=True, by="person")
    await fb.simulation.deliveries.send_due()
    [row] = (await fb.graph.get("/control/comments")).json()
    assert (row["version"], row["acknowledged"]) == (3, [1, 3])
    assert (await fb.graph.get(f"/control/comments/{comment}")).json()["acknowledged"] == [1, 3]


@pytest.mark.asyncio
async def test_a_delivery_is_given_up_when_its_attempts_are_used() -> None:
    async with place(attempts=2, retry_seconds=[1]) as fb:
        write(fb)
        fb.answers[:] = [500, 500]
        for _ in range(3):
            await fb.simulation.deliveries.send_due()
            fb.moment[0] += 1
        assert len(fb.received) == 2
        assert (await fb.graph.get("/control/stats")).json()["deliveries"]["given_up"] == 1
        assert (await fb.graph.get("/control/idle")).json() == {"idle": True, "waiting": 0}


@pytest.mark.asyncio
async def test_a_batch_holds_several_entries_and_changes_under_one_signature() -> None:
    async with place(batch=6, batch_seconds=1) as fb:
        fb.moment[0] += 1
        await fb.simulation.deliveries.send_due()
        fb.received.clear()
        for _ in range(7):
            write(fb)
        assert await fb.simulation.deliveries.send_due() == 0
        fb.moment[0] += 1
        assert await fb.simulation.deliveries.send_due() == 2
        shapes = [[len(entry["changes"]) for entry in json.loads(r.content)["entry"]] for r in fb.received]
        assert shapes == [[4, 2], [1]]
        for request in fb.received:
            expected = "sha256=" + hmac.new(SECRET.encode(), request.content, hashlib.sha256).hexdigest()
            assert request.headers["X-Hub-Signature-256"] == expected


@pytest.mark.asyncio
async def test_repeats_reorders_and_late_ones_come_from_the_seed_alone() -> None:
    async def order(seed: int) -> tuple[list[str], list[str]]:
        unruly = {"repeat": 0.3, "reorder": 0.5, "late": 0.2, "late_seconds": 60, "seed": seed}
        async with place(**unruly) as fb:
            fb.moment[0] += 100
            await fb.simulation.deliveries.send_due()
            fb.received.clear()
            written = [write(fb) for _ in range(40)]
            fb.moment[0] += 100
            await fb.simulation.deliveries.send_due()
            return written, [value["comment_id"] for value in fb.values()]

    written, told = await order(1)
    assert (written, told) == await order(1)
    assert told != (await order(2))[1]
    assert set(told) == set(written)
    assert len(told) > len(written)
    assert list(dict.fromkeys(told)) != written


@pytest.mark.asyncio
async def test_a_restart_forgets_nothing_and_delivers_what_was_not_acknowledged(tmp_path: Path) -> None:
    file = tmp_path / "platform.db"
    async with place(file) as fb:
        comment = write(fb)
        await fb.hide(comment)
        fb.answers[:] = [200, 503]
        await fb.simulation.deliveries.send_due()
        assert fb.simulation.deliveries.waiting() == 1
    async with place(file, settle=False) as fb:
        fb.moment[0] += 60
        assert await fb.simulation.deliveries.send_due() == 1
        assert [value["verb"] for value in fb.values()] == ["hide"]
        assert (await fb.call(comment, fields="is_hidden"))["is_hidden"]
        assert (await fb.graph.get(f"/control/comments/{comment}")).json()["hides"] == 1


@pytest.mark.asyncio
async def test_a_change_and_its_announcement_are_kept_together_or_not_at_all(fb: Place) -> None:
    comment = write(fb)
    store, told = fb.simulation.store, fb.simulation.deliveries.waiting()
    store.change("ALTER TABLE deliveries RENAME TO away")
    with pytest.raises(Exception, match="no such table"):
        fb.simulation.facebook.edit(comment, "changed")
    store.change("ALTER TABLE away RENAME TO deliveries")
    assert (fb.simulation.facebook.comment(comment)["message"], told) == ("When does it open?", 1)


@pytest.mark.asyncio
async def test_the_sender_delivers_by_itself_and_tells_when_it_is_idle(fb: Place) -> None:
    sending = asyncio.create_task(fb.simulation.deliveries.run())
    write(fb)
    assert await fb.simulation.deliveries.idle(10)
    await fb.control("settings", {"paused": True})
    write(fb)
    assert not await fb.simulation.deliveries.idle(0)
    await fb.control("settings", {"paused": False})
    assert (await fb.graph.get("/control/idle", params={"seconds": "10"})).json()["idle"]
    sending.cancel()
    assert len(fb.received) == 2


@pytest.mark.parametrize(("given", "expected"), [("0.2,0.5,1,2", [0.2, 0.5, 1.0, 2.0]), ("3", [3.0])])
def test_the_waits_between_attempts_are_an_option(given: str, expected: list[float]) -> None:
    line = ["--port", "1", "--webhook", "http://127.0.0.1:2/", "--retry-seconds", given]
    assert arguments().parse_args(line).retry_seconds == expected


@pytest.mark.parametrize("given", ["", "1,,2", "-1", "soon", "nan", "inf"])
def test_a_wait_that_is_none_is_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments().parse_args(["--port", "1", "--webhook", "http://127.0.0.1:2/", f"--retry-seconds={given}"])
    assert "argument --retry-seconds" in capsys.readouterr().err


@pytest.mark.asyncio
async def test_the_handshake_asks_for_the_challenge_back(fb: Place) -> None:
    assert await fb.control("verify", {}) == {"status": 200, "verified": True}
    [request] = fb.received
    assert request.url.params["hub.mode"] == "subscribe"
    assert request.url.params["hub.verify_token"] == "riverbend-verify"
    fb.answers[:] = [403]
    assert await fb.control("verify", {}) == {"status": 403, "verified": False}
