"""The simulated Facebook keeps to the documentation: what it answers, what it counts, what it shows."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime

import httpx2
import pytest

from shared.platforms.facebook.inbound import FacebookInbound
from shared.platforms.facebook.outbound import FacebookGraph
from tests.fakes.graph.failures import KINDS
from tests.unit.fakes.place import OTHER, PAGE, POST, ROOT, SECRET, START, TOKEN, VECTORS, Place, write


@pytest.mark.asyncio
async def test_the_product_reads_what_the_platform_sends_and_the_platform_what_the_product_asks(fb: Place) -> None:
    comment = write(fb, "¡Gracias! 🚒 https://example.org/aviso")
    await fb.simulation.deliveries.send_due()
    inbound, now = FacebookInbound([SECRET]), datetime.fromtimestamp(START, UTC)
    [request] = fb.received
    inbound.verify(request.headers, request.content, now)
    [found] = inbound.read(request.content, now)
    graph = FacebookGraph(
        fb.graph,
        {PAGE: TOKEN},
        SECRET,
        url="https://graph.example",
        version="v25.0",
        timeout_seconds=5,
        now=lambda: now,
    )
    state = await graph.look(PAGE, comment)
    assert (found.kind, found.comment_id, found.revision) == ("comment", comment, state.revision)
    await graph.set_hidden(PAGE, comment, hidden=True)
    assert (await graph.look(PAGE, comment)).hidden
    assert await graph.post_text(PAGE, POST) == "5th Street is closed."


@pytest.mark.asyncio
async def test_every_call_is_counted_and_only_a_change_is_told(fb: Place) -> None:
    comment = write(fb)
    for hidden in ("true", "true", "false", "true"):
        assert (await fb.hide(comment, hidden)).json() == {"success": True}
    fb.simulation.facebook.set_hidden(comment, hidden=True, by="person")
    await fb.simulation.deliveries.send_due()
    assert [value["verb"] for value in fb.values()] == ["add", "hide", "unhide", "hide"]
    found = (await fb.graph.get(f"/control/comments/{comment}")).json()
    assert (found["hides"], found["shows"], found["repeats"], found["hidden"]) == (2, 1, 2, 1)
    assert [call["by"] for call in found["calls"]] == ["api"] * 4 + ["person"]
    assert found["first_hidden"] == START


@pytest.mark.asyncio
async def test_a_message_beside_is_hidden_overwrites_the_text(fb: Place) -> None:
    comment = write(fb)
    await fb.hide(comment, message="overwritten")
    assert (await fb.call(comment, fields="message"))["message"] == "overwritten"


@pytest.mark.asyncio
async def test_only_the_fields_asked_for_come_back(fb: Place) -> None:
    first = write(fb)
    reply = write(fb, "Friday.", parent_id=first, photo="https://media.example/44_n.jpg")
    answer = await fb.call(reply, fields="message,parent{id},attachment,can_hide")
    assert (answer.pop("status"), answer.pop("id")) == (200, reply)
    assert answer.pop("attachment")["media"]["image"]["src"] == "https://media.example/44_n.jpg"
    assert answer == {"message": "Friday.", "parent": {"id": first}, "can_hide": True}
    assert set(await fb.call(first)) == {"id", "created_time", "from", "message", "status"}
    assert (await fb.call(first, fields="id,shoe_size"))["error"]["code"] == 100
    assert (await fb.call(f"{PAGE}_{first}", fields="id"))["id"] == first


@pytest.mark.asyncio
async def test_an_author_is_for_the_pages_own_token(fb: Place) -> None:
    comment = write(fb)
    await fb.control("tokens", {"token": "EAAB-a-person"})
    assert set(await fb.call(comment, "EAAB-a-person", fields="from,message,can_hide")) == {"id", "message", "status"}
    answer = await fb.graph.post(f"/v25.0/{comment}", data={"is_hidden": "true", "access_token": "EAAB-a-person"})
    assert answer.json()["error"]["code"] == 200
    assert (await fb.call(comment, OTHER.token))["error"]["code"] == 10


@pytest.mark.asyncio
async def test_a_token_is_needed_and_may_expire(fb: Place) -> None:
    comment = write(fb)
    assert (await fb.call(comment, None))["error"]["code"] == 104
    answer = await fb.call(comment, "EAAB-nobodys")
    assert (answer["status"], answer["error"]["code"], answer["error"]["error_subcode"]) == (400, 190, 460)
    await fb.control("tokens", {"token": TOKEN, "expired": True})
    error = (await fb.call(comment))["error"]
    assert (error["code"], error["error_subcode"]) == (190, 463)
    await fb.control("tokens", {"token": TOKEN, "expired": False})
    assert (await fb.call(comment))["status"] == 200


@pytest.mark.asyncio
async def test_a_proof_is_checked_when_given_and_may_be_required(fb: Place) -> None:
    comment, proof = write(fb), VECTORS["facebook-appsecret-proof"]["appsecret_proof"]
    assert (await fb.call(comment, appsecret_proof=proof))["status"] == 200
    assert (await fb.call(comment, appsecret_proof="0" * 64))["error"]["code"] == 100
    await fb.control("settings", {"require_proof": True})
    assert (await fb.call(comment))["error"]["code"] == 100
    assert (await fb.hide(comment, appsecret_proof=proof)).status_code == 200


@pytest.mark.asyncio
async def test_another_version_is_not_known(fb: Place) -> None:
    answer = await fb.graph.get(f"/v24.0/{write(fb)}", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2500)


@pytest.mark.asyncio
async def test_the_pages_own_comments_and_those_of_its_administrators_cannot_be_hidden(fb: Place) -> None:
    for comment in (write(fb, by_page=True), write(fb, can_hide=False)):
        assert (await fb.call(comment, fields="can_hide"))["can_hide"] is False
        assert (await fb.hide(comment)).json()["error"]["code"] == 100
        assert (await fb.call(comment, fields="is_hidden"))["is_hidden"] is False


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.asyncio
async def test_each_documented_error_meets_the_next_calls_and_is_then_used_up(fb: Place, kind: str) -> None:
    comment = write(fb)
    await fb.control("fail", {"kind": kind, "count": 2, "call": "hide", "comment_id": comment})
    status, code, subcode, _ = KINDS[kind]
    assert (await fb.call(comment))["status"] == 200
    for _ in range(2):
        answer = await fb.hide(comment)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error.get("error_subcode")) == (status, code, subcode)
    assert not (await fb.call(comment, fields="is_hidden"))["is_hidden"]
    assert (await fb.hide(comment)).status_code == 200


@pytest.mark.asyncio
async def test_a_call_without_an_answer_is_carried_out_or_not(fb: Place) -> None:
    for kind, carried_out in (("timeout", False), ("timeout_after_success", True)):
        comment = write(fb)
        await fb.control("fail", {"kind": kind, "seconds": 0})
        assert (await fb.hide(comment)).status_code == 504
        assert (await fb.call(comment, fields="is_hidden"))["is_hidden"] is carried_out


@pytest.mark.asyncio
async def test_a_fault_page_is_html_and_changes_nothing(fb: Place) -> None:
    comment = write(fb)
    await fb.control("fail", {"kind": "server_error", "status": 503})
    answer = await fb.hide(comment)
    assert (answer.status_code, answer.headers["content-type"][:9]) == (503, "text/html")
    assert not (await fb.call(comment, fields="is_hidden"))["is_hidden"]


def usage(answer: httpx2.Response) -> tuple[int, int]:
    [told] = json.loads(answer.headers["X-Business-Use-Case-Usage"])[PAGE]
    return told["call_count"], told["estimated_time_to_regain_access"]


@pytest.mark.asyncio
async def test_the_usage_header_tells_how_much_of_the_limit_is_used(fb: Place) -> None:
    comment = write(fb)
    await fb.control("fail", {"kind": "rate_limit", "minutes": 7})
    assert usage(await fb.hide(comment)) == (100, 7)
    await fb.control("settings", {"usage_percent": 85})
    assert usage(await fb.hide(comment)) == (85, 0)
    await fb.control("settings", {"usage_percent": 0, "limit_calls": 4, "limit_seconds": 60})
    codes = [(await fb.hide(comment)).status_code for _ in range(3)]
    assert codes == [200, 200, 400]
    fb.moment[0] += 60
    assert usage(await fb.hide(comment)) == (25, 0)


@pytest.mark.parametrize("order", ["chronological", "reverse_chronological"])
@pytest.mark.asyncio
async def test_a_list_is_walked_by_cursors_and_nothing_is_skipped_when_rows_go(fb: Place, order: str) -> None:
    written = []
    for _ in range(7):
        fb.moment[0] += 1
        written.append(write(fb))
    expected = written if order == "chronological" else written[::-1]
    assert await fb.listed(order=order, limit="3") == expected
    first = await fb.call(f"{POST}/comments", order=order, limit="3", fields="id")
    fb.simulation.facebook.remove(expected[2])
    after = first["paging"]["cursors"]["after"]
    assert await fb.listed(order=order, limit="3", after=after) == expected[3:]
    second = await fb.call(f"{POST}/comments", order=order, limit="3", after=after, fields="id")
    back = (await fb.graph.get(second["paging"]["previous"], headers={"Authorization": f"Bearer {TOKEN}"})).json()
    assert [row["id"] for row in back["data"]] == expected[:2]


@pytest.mark.asyncio
async def test_a_list_holds_replies_only_when_asked_and_nothing_from_before_since(fb: Place) -> None:
    first = write(fb)
    reply = write(fb, parent_id=first)
    fb.moment[0] += 100
    late = write(fb)
    assert await fb.listed() == [first, late]
    assert await fb.listed(filter="stream") == [first, reply, late]
    assert await fb.listed(filter="stream", since=str(START + 50)) == [late]
    below = await fb.call(f"{first}/comments", fields="id")
    assert [row["id"] for row in below["data"]] == [reply]
    posts = await fb.call(f"{PAGE}/published_posts", fields="id,message", since=str(START - 1))
    assert [row["message"] for row in posts["data"]] == ["5th Street is closed."]
    for query in ({"limit": "many"}, {"order": "best"}, {"after": "???"}, {"since": "yesterday"}):
        assert (await fb.call(f"{POST}/comments", **query))["error"]["code"] == 100


@pytest.mark.asyncio
async def test_what_is_removed_is_gone_and_its_replies_with_it(fb: Place) -> None:
    comment = write(fb)
    write(fb, parent_id=comment)
    answer = await fb.graph.delete(f"/v25.0/{comment}", params={"access_token": TOKEN})
    assert answer.json() == {"success": True}
    assert await fb.listed(filter="stream") == []
    error = (await fb.call(comment))["error"]
    assert (error["code"], error["error_subcode"]) == (100, 33)
    await fb.simulation.deliveries.send_due()
    assert [value["verb"] for value in fb.values()] == ["add", "add", "remove", "remove"]
    assert set(fb.values()[-1]) == {"item", "verb", "comment_id", "post_id", "parent_id", "from"}


@pytest.mark.asyncio
async def test_a_page_that_is_not_subscribed_is_told_to_nobody(fb: Place) -> None:
    path, query = f"/v25.0/{PAGE}/subscribed_apps", {"access_token": TOKEN, "subscribed_fields": "feed"}
    assert len((await fb.graph.get(path, params=query)).json()["data"]) == 1
    await fb.graph.delete(path, params=query)
    assert (await fb.graph.get(path, params=query)).json() == {"data": []}
    write(fb)
    assert fb.simulation.deliveries.waiting() == 0
    assert (await fb.graph.post(path, params=query)).json() == {"success": True}
    write(fb)
    assert fb.simulation.deliveries.waiting() == 1


@pytest.mark.asyncio
async def test_writing_again_with_the_same_id_changes_nothing(fb: Place) -> None:
    body = {"post_id": POST, "message": "Hello", "comment_id": "884412005561010_1"}
    assert await fb.control("comments", body) == await fb.control("comments", {**body, "message": "Other"})
    assert (await fb.call(body["comment_id"]))["message"] == "Hello"
    assert fb.simulation.deliveries.waiting() == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("comments", {"post_id": POST}, 422),
        ("comments", {"post_id": POST, "message": "x", "hiden": True}, 422),
        ("comments", {"post_id": "nowhere", "message": "x"}, 404),
        ("comments/nobody/edit", {"message": "x"}, 404),
        ("fail", {"kind": "flood"}, 422),
        ("settings", {"late": 2}, 422),
    ],
)
@pytest.mark.asyncio
async def test_the_control_api_says_what_is_wrong(fb: Place, path: str, body: object, status: int) -> None:
    answer = await fb.graph.post(f"/control/{path}", json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


@pytest.mark.asyncio
async def test_half_a_surrogate_pair_is_no_text(fb: Place) -> None:
    body = b'{"post_id": "%s", "message": "\\ud83d"}' % POST.encode()
    assert (await fb.graph.post("/control/comments", content=body)).status_code == 422


@pytest.mark.asyncio
async def test_the_public_does_not_see_what_is_hidden_nor_the_replies_below(fb: Place) -> None:
    hidden = write(fb, "Buy pills")
    write(fb, "Good price", parent_id=hidden)
    write(fb, "<script>alert(1)</script>", author='"><img src=x>')
    await fb.hide(hidden)
    public, admin = [(await fb.graph.get("/", params=view)).text for view in ({}, {"as": "admin"})]
    assert "Buy pills" not in public
    assert "Good price" not in public
    assert "1 comment hidden from the public" in public
    assert "Buy pills" in admin
    assert "Hidden from the public" in admin
    assert "<script>alert" not in public + admin
    assert "<img" not in public + admin
    assert "&lt;script&gt;alert(1)" in public


def test_it_is_written_from_the_documentation_and_imports_nothing_of_the_product() -> None:
    for file in (ROOT / "tests/fakes/graph").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if name.split(".")[0] in ("shared", "services")], file.name


def test_each_sample_says_what_is_written_and_not_what_is_expected() -> None:
    lines = [json.loads(line) for line in (ROOT / "tests/demo/samples.jsonl").read_text().splitlines()]
    posts = {line["post"]: line["message"] for line in lines if "post" in line}
    comments = [line for line in lines if "on" in line]
    assert (len(posts), len({line["name"] for line in comments})) == (7, len(comments))
    assert 28 <= len(comments) <= 36
    for line in comments:
        assert {"name", "on", "author", "text"} <= set(line) <= {"name", "on", "author", "text", "then"}
        assert line["on"] in posts
        assert line.get("then", {}).keys() <= {"edit", "remove"}
