"""
What every platform's receiving half promises, on recorded deliveries and signed vectors.

`platforms/vectors.json` holds byte-exact signed examples, with headers that must be refused; vectors of platforms that
have no adapter yet wait there. `platforms/deliveries.json` holds deliveries and what each must be read as.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.platforms import Inbound, SignatureInvalid
from shared.platforms.facebook.inbound import FacebookInbound
from shared.platforms.generic import GenericInbound, Sender, key_of
from shared.platforms.registry import READERS

FOLDER = Path(__file__).parent / "platforms"
VECTORS: list[dict[str, Any]] = json.loads((FOLDER / "vectors.json").read_text())
DELIVERIES: list[dict[str, Any]] = json.loads((FOLDER / "deliveries.json").read_text())
SIGNED = [
    vector
    for vector in VECTORS
    if vector["platform"] in READERS and vector["body"] is not None and vector["secret"] is not None
]
SIGNED_AT = datetime.fromtimestamp(1772352000, UTC)


def opened(platform: str, *secrets: str) -> Inbound:
    if platform == "facebook":
        return FacebookInbound(secrets, "riverbend-verify")
    return GenericInbound({"blog": Sender(tuple(key_of(secret) for secret in secrets), frozenset())})


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def by_name(item: dict[str, Any]) -> str:
    return f"{item['platform']}-{item['name']}"


@pytest.mark.parametrize("vector", SIGNED, ids=by_name)
def test_a_signed_vector_is_accepted_and_nothing_else(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    headers = lower(vector["headers"])
    inbound = opened(vector["platform"], vector["secret"])
    inbound.verify(headers, body, SIGNED_AT)
    with pytest.raises(SignatureInvalid):
        inbound.verify(headers, body + b" ", SIGNED_AT)
    with pytest.raises(SignatureInvalid):
        inbound.verify({}, body, SIGNED_AT)
    for key in (name for name in vector if name.startswith("wrong_header")):
        with pytest.raises(SignatureInvalid):
            inbound.verify({**headers, **lower(vector[key])}, body, SIGNED_AT)
    for secret in ("fb-app-secret-of-another-app", "whsec_" + "QUJD" * 10):
        if vector["platform"] == "facebook" or secret.startswith("whsec_"):
            with pytest.raises(SignatureInvalid):
                opened(vector["platform"], secret).verify(headers, body, SIGNED_AT)


@pytest.mark.parametrize("vector", SIGNED, ids=by_name)
def test_either_secret_verifies_while_rotating(vector: dict[str, Any]) -> None:
    other = "fb-app-secret-the-next" if vector["platform"] == "facebook" else "whsec_" + "QUJD" * 10
    for secrets in ((other, vector["secret"]), (vector["secret"], other)):
        opened(vector["platform"], *secrets).verify(lower(vector["headers"]), vector["body"].encode(), SIGNED_AT)
    if old := vector.get("old_secret"):
        opened("generic", old).verify(lower(vector["headers"]), vector["body"].encode(), SIGNED_AT)


@pytest.mark.parametrize("vector", SIGNED, ids=by_name)
def test_a_signed_vector_is_a_comment(vector: dict[str, Any]) -> None:
    [found] = READERS[vector["platform"]]().read(vector["body"].encode(), SIGNED_AT)
    assert found.kind in ("comment", "edit")
    assert found.event is not None


@pytest.mark.parametrize("delivery", DELIVERIES, ids=by_name)
def test_a_recorded_delivery_is_read_as_documented(delivery: dict[str, Any]) -> None:
    found = READERS[delivery["platform"]]().read(delivery["body"].encode(), SIGNED_AT)
    assert len(found) == len(delivery["expect"])
    for item, expected in zip(found, delivery["expect"], strict=True):
        for key, value in expected.items():
            seen = getattr(item, key)
            seen = seen.isoformat().replace("+00:00", "Z") if isinstance(seen, datetime) else seen
            assert seen == value, (key, item.why)
        assert (item.event is None) == (item.kind in ("ignore", "unreadable"))
        assert (item.why is None) == (item.event is not None)


@pytest.mark.parametrize("delivery", DELIVERIES, ids=by_name)
def test_a_repeated_delivery_gives_the_same_ids(delivery: dict[str, Any]) -> None:
    inbound, body = READERS[delivery["platform"]](), delivery["body"].encode()
    later = datetime(2026, 3, 2, tzinfo=UTC)
    first, second = inbound.read(body, SIGNED_AT), inbound.read(body, later)
    assert [item.event and item.event.id for item in first] == [item.event and item.event.id for item in second]


@pytest.mark.parametrize("delivery", [d for d in DELIVERIES if d["name"] not in ("nan", "a-key-twice")], ids=by_name)
def test_what_is_kept_for_one_thing_is_read_as_that_thing_again(delivery: dict[str, Any]) -> None:
    inbound = READERS[delivery["platform"]]()
    for item in inbound.read(delivery["body"].encode(), SIGNED_AT):
        if item.raw:
            assert inbound.read(item.raw.encode(), SIGNED_AT) == [item]
