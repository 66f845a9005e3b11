"""Standard Webhooks: what verifies, what is refused, who may speak for whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from shared.errors import SettingsInvalid
from shared.events import CommentReceived, How
from shared.platforms import SignatureInvalid
from shared.platforms.generic import GenericInbound, Sender, key_of

SECRET = "whsec_mdWvcNemyQ17ZXmybFtkiQ8aMVWv8tRuWav8FxYLHjE="
NOON = datetime(2026, 3, 4, 17, tzinfo=UTC)
BODY = b'{"type":"x"}'
INBOUND = GenericInbound({"blog": Sender((key_of(SECRET),), frozenset({"wordpress:news.riverbend.example"}))})


def headers(sent_at: datetime = NOON, message_id: str = "msg_1", body: bytes = BODY) -> dict[str, str]:
    """Signed by the specification's own library."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message_id, sent_at, body.decode()),
    }


def test_what_the_reference_library_signs_is_accepted() -> None:
    assert INBOUND.verify(headers(), BODY, NOON) == "blog"


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_timestamp_at_the_edge_is_accepted(seconds: int) -> None:
    INBOUND.verify(headers(NOON + timedelta(seconds=seconds)), BODY, NOON)


@pytest.mark.parametrize(
    "given",
    [
        headers(NOON + timedelta(seconds=301)),
        headers(NOON - timedelta(seconds=301)),
        headers(message_id="msg.1"),
        {**headers(), "webhook-timestamp": "1e3"},
        {**headers(), "webhook-timestamp": "\u0661" * 10},
        {**headers(), "webhook-signature": ""},
        {**headers(), "webhook-signature": "v1,not base64"},
        {**headers(), "webhook-signature": headers()["webhook-signature"].replace("v1,", "v1a,")},
        {**headers(), "webhook-signature": headers()["webhook-signature"].replace("v1,", "v2,")},
        {**headers(), "webhook-id": "msg_2"},
    ],
)
def test_everything_else_is_refused_with_one_reason(given: dict[str, str]) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        INBOUND.verify(given, BODY, NOON)
    assert caught.value.reason == "signature_wrong"


def test_one_matching_entry_among_unknown_versions_is_enough() -> None:
    signature = "v1a,AAAA v1,AAAA " + headers()["webhook-signature"]
    assert INBOUND.verify({**headers(), "webhook-signature": signature}, BODY, NOON) == "blog"


@pytest.mark.policy("A.1")
def test_a_sender_speaks_for_its_registered_accounts_only() -> None:
    assert INBOUND.speaks_for("blog", "wordpress", "news.riverbend.example")
    assert not INBOUND.speaks_for("blog", "facebook", "102938475610293")
    assert not INBOUND.speaks_for("another", "wordpress", "news.riverbend.example")


@pytest.mark.parametrize("secret", ["whsec_", "whsec_abc", "whsec_%%%%", "whsec_" + "QUJD" * 40])
def test_a_secret_that_cannot_be_one_stops_the_start(secret: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        key_of(secret)
    assert secret not in str(caught.value)


def test_a_typed_in_item_names_who_typed_it() -> None:
    data = {
        "platform": "nextdoor",
        "account_id": "riverbend",
        "comment_id": "n:1",
        "post_id": "p1",
        "text": "",
        "created_at": "2026-03-01T07:59:58Z",
        "capture": "manual",
        "entered_by": "J Rivera",
        "attachments": [{"type": "photo", "url": "https://a.example/1.jpg", "alt": "a sign"}],
    }
    body = {"type": "comment.created", "timestamp": "2026-03-01T08:00:00Z", "data": data}
    [found] = INBOUND.read(json.dumps(body).encode(), NOON)
    assert isinstance(found.event, CommentReceived)
    assert (found.event.how, found.event.entered_by) == (How.MANUAL, "person:J-Rivera")
    assert found.event.media[0].alt == "a sign"
