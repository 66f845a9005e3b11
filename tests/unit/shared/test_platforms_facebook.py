"""Facebook: handshake, signatures, canonical ids, what errors mean, and the Graph API's answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from shared.errors import CommentGone, CredentialRefused, ModerationError, PlatformRefused, PlatformUnavailable
from shared.events import CommentReceived
from shared.platforms import SignatureInvalid
from shared.platforms.facebook.identifiers import canonical_comment, canonical_post, media_id, parent_of
from shared.platforms.facebook.inbound import FacebookInbound
from shared.platforms.facebook.outbound import FacebookGraph
from shared.platforms.facebook.usage import pause
from tests.conftest import Clock

PAGE, TOKEN, SECRET = "102938475610293", "EAAB-page-token-riverbend-example", "fb-app-secret-riverbend-0001"
PROOF = "4f1be05192d0d40f0d106b022ba7f87d15b8d36ad52b8d56d8cf84730174c1e8"
NOON = datetime(2026, 3, 4, 17, tzinfo=UTC)

Answerer = Callable[[httpx2.Request], httpx2.Response]


def graph(answer: Answerer, clock: Clock) -> FacebookGraph:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    return FacebookGraph(
        http,
        {PAGE: TOKEN},
        SECRET,
        url="https://graph.example",
        version="v25.0",
        timeout_seconds=2,
        now=clock,
    )


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"hub.mode": "subscribe", "hub.verify_token": "ours", "hub.challenge": "1158201444"}, 200),
        ({"hub.mode": "subscribe", "hub.verify_token": "theirs", "hub.challenge": "1"}, 403),
        ({"hub.mode": "unsubscribe", "hub.verify_token": "ours", "hub.challenge": "1"}, 403),
        ({"hub.mode": "subscribe", "hub.verify_token": "ours", "hub.challenge": "<script>"}, 403),
        ({"hub.mode": "subscribe", "hub.challenge": "1"}, 403),
        ({}, 403),
    ],
)
def test_the_handshake_gives_the_challenge_back_for_our_token_only(query: dict[str, str], status: int) -> None:
    answer = FacebookInbound([SECRET], "ours").handshake(query)
    assert answer.status == status
    assert answer.body == (query["hub.challenge"] if status == 200 else "")


def test_without_a_verify_token_nobody_can_shake_hands() -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "", "hub.challenge": "1"}
    assert FacebookInbound([SECRET], "").handshake(query).status == 403


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "signature_missing"),
        ({"x-hub-signature": "sha1=a9b53efbb3f0d211753aaab727fa217facce15dd"}, "signature_legacy"),
        ({"x-hub-signature-256": "sha256=" + "0" * 64}, "signature_wrong"),
        ({"x-hub-signature-256": ""}, "signature_wrong"),
        ({"x-hub-signature-256": "sha256=\u00e9"}, "signature_wrong"),
    ],
)
def test_a_wrong_signature_says_only_what_kind_of_wrong(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        FacebookInbound([SECRET]).verify(headers, b"{}", NOON)
    assert caught.value.reason == reason


def test_without_a_secret_nothing_is_verified() -> None:
    with pytest.raises(SignatureInvalid):
        FacebookInbound([]).verify({"x-hub-signature-256": "sha256=" + "0" * 64}, b"", NOON)


def test_ids_are_canonical() -> None:
    assert canonical_comment("1_88_99") == canonical_comment("88_99") == "88_99"
    assert canonical_post("1", "88") == canonical_post("1", "1_88") == "1_88"
    assert parent_of("1", "1_88", "1_88") is None
    assert parent_of("1", "88", "1_88") is None
    assert parent_of("1", "88_77", "1_88") == "88_77"
    assert media_id("https://a.example/s720/44_n.jpg?oh=1") == media_id("https://b.example/44_n.jpg?oh=2")


def change(**value: Any) -> bytes:
    whole = {"item": "comment", "verb": "add", "comment_id": "88_99", "post_id": f"{PAGE}_88", **value}
    return json.dumps(
        {"object": "page", "entry": [{"id": PAGE, "changes": [{"field": "feed", "value": whole}]}]}
    ).encode()


def received(body: bytes) -> CommentReceived:
    [found] = FacebookInbound().read(body, NOON)
    assert isinstance(found.event, CommentReceived)
    return found.event


def test_a_changed_text_is_another_revision_and_the_old_text_the_old_one() -> None:
    first, second, again = (received(change(message=text)) for text in ("A", "B", "A"))
    assert first.revision == again.revision != second.revision
    assert first.id == again.id != second.id


def test_an_add_and_an_edit_with_the_same_text_are_one_revision() -> None:
    assert received(change(message="A")).id == received(change(message="A", verb="edited")).id


def test_a_changed_photo_is_another_revision_and_a_new_address_of_it_is_not() -> None:
    one = received(change(photo="https://a.example/44_n.jpg?oh=1"))
    assert one.revision == received(change(photo="https://b.example/44_n.jpg?oh=2")).revision
    assert one.revision != received(change(photo="https://a.example/55_n.jpg?oh=1")).revision


def test_the_pages_own_comment_is_marked() -> None:
    assert received(change(message="A", **{"from": {"id": PAGE, "name": "Riverbend Police"}})).by_account
    assert not received(change(message="A", **{"from": {"id": "7", "name": "Riverbend Police"}})).by_account


def test_an_address_that_is_no_web_address_is_left_out() -> None:
    assert received(change(permalink_url="javascript:alert(1)")).url == "https://www.facebook.com/88_99"


def refusal(code: int, status: int = 400, **more: Any) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"message": "quotes the comment", "code": code, **more}})


@pytest.mark.parametrize(
    ("answer", "kind", "seconds"),
    [
        (refusal(1), PlatformUnavailable, None),
        (refusal(2, 500), PlatformUnavailable, None),
        *[(refusal(code), PlatformUnavailable, 300.0) for code in (4, 17, 32, 341, 613, 80001)],
        (refusal(368), PlatformUnavailable, 7200.0),
        *[(refusal(code), CredentialRefused, None) for code in (3, 10, 102, 190, 200, 299)],
        (refusal(190, 401, error_subcode=463), CredentialRefused, None),
        (refusal(100, error_subcode=33), CommentGone, None),
        (refusal(100), PlatformRefused, None),
        (refusal(506), PlatformRefused, None),
        (refusal(9999, is_transient=True), PlatformUnavailable, None),
        (httpx2.Response(502, text="<html>"), PlatformUnavailable, None),
        (httpx2.Response(429, headers={"Retry-After": "7"}), PlatformUnavailable, 7.0),
        (httpx2.Response(404, text="no such page"), PlatformUnavailable, None),
        (httpx2.Response(302, headers={"Location": "https://elsewhere.example"}), PlatformUnavailable, None),
        (httpx2.Response(403), CredentialRefused, None),
        (httpx2.Response(200, text="not JSON"), PlatformUnavailable, None),
        (httpx2.Response(200, json=[1]), PlatformUnavailable, None),
    ],
)
@pytest.mark.asyncio
async def test_the_error_table(
    answer: httpx2.Response, kind: type[ModerationError], seconds: float | None, clock: Clock
) -> None:
    with pytest.raises(kind) as caught:
        await graph(lambda _: answer, clock).look(PAGE, "88_99")
    assert type(caught.value) is kind
    assert "quotes" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    if isinstance(caught.value, PlatformUnavailable):
        assert caught.value.retry_after_seconds == seconds


@pytest.mark.asyncio
async def test_a_lost_connection_is_an_unknown_outcome(clock: Clock) -> None:
    def lose(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("lost", request=request)

    with pytest.raises(PlatformUnavailable):
        await graph(lose, clock).set_hidden(PAGE, "88_99", hidden=True)


@pytest.mark.asyncio
async def test_a_hide_sends_is_hidden_and_nothing_that_changes_the_text(clock: Clock) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={"success": True})

    await graph(answer, clock).set_hidden(PAGE, "88_99", hidden=True)
    [request] = seen
    assert (request.method, str(request.url)) == ("POST", "https://graph.example/v25.0/88_99")
    assert parse_qs(request.content.decode()) == {"is_hidden": ["true"], "appsecret_proof": [PROOF]}
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.asyncio
async def test_a_look_reads_the_state_and_the_revision_of_the_webhook(clock: Clock) -> None:
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.url))
        body = {
            "message": "A",
            "is_hidden": True,
            "can_hide": True,
            "from": {"id": "7", "name": "Dana"},
            "attachment": {"type": "photo", "media": {"image": {"src": "https://b.example/s720/44_n.jpg?oh=2"}}},
        }
        return httpx2.Response(200, json=body)

    calls = graph(answer, clock)
    state = await calls.look(PAGE, "88_99")
    webhook = received(change(message="A", photo="https://a.example/44_n.jpg?oh=1"))
    assert (state.hidden, state.can_hide, state.text, state.revision) == (True, True, "A", webhook.revision)
    assert (await calls.comment(PAGE, f"{PAGE}_88_99")).id == webhook.id
    assert not any(TOKEN in url for url in seen)


@pytest.mark.asyncio
async def test_a_page_without_a_token_is_refused_before_any_call(clock: Clock) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise AssertionError("called")

    with pytest.raises(CredentialRefused):
        await graph(answer, clock).look("another-page", "88_99")


@pytest.mark.asyncio
async def test_a_page_at_its_limit_is_not_called_until_the_time_is_over(clock: Clock) -> None:
    calls = 0
    usage = {PAGE: [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 12}]}

    def answer(_: httpx2.Request) -> httpx2.Response:
        nonlocal calls
        calls += 1
        headers = {"X-Business-Use-Case-Usage": json.dumps(usage)} if calls == 1 else {}
        return httpx2.Response(200, json={"is_hidden": False}, headers=headers)

    api = graph(answer, clock)
    await api.look(PAGE, "88_99")
    with pytest.raises(PlatformUnavailable) as caught:
        await api.look(PAGE, "88_99")
    assert (calls, caught.value.retry_after_seconds) == (1, 720.0)
    clock.advance(minutes=12)
    await api.look(PAGE, "88_99")
    assert calls == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-app-usage": '{"call_count":80,"total_time":10}'}, None),
        ({"x-app-usage": '{"call_count":90,"total_time":10}'}, 5.0),
        ({"x-app-usage": '{"call_count":10,"total_time":100}'}, 300.0),
        ({"x-app-usage": "not json"}, None),
        ({"x-app-usage": '{"call_count":null}'}, None),
        ({"x-business-use-case-usage": '{"1":[{"call_count":1},7],"2":8}'}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
    ],
)
def test_the_usage_headers_ask_for_a_pause(headers: dict[str, str], seconds: float | None) -> None:
    assert pause(headers) == seconds


@pytest.mark.asyncio
async def test_a_post_without_a_message_is_told_by_what_it_shares(clock: Clock) -> None:
    shared = {"data": [{"title": "Road closure", "description": "5th Street"}]}

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"id": "1", "attachments": shared, "created_time": "2026-03-01T00:00:02+0000"})

    api = graph(answer, clock)
    assert await api.post_text(PAGE, "88") == "Road closure\n5th Street"
    assert (await api.post(PAGE, "88")).subject == f"facebook:{PAGE}:{PAGE}_88"
