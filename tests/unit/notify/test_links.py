"""The link in a message."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from services.notify.links import LinkExpired, Links, LinkUnknown, kept_secret
from tests.conftest import NOON, Clock


def links(clock: Clock, key: str = "a key of the tests") -> Links:
    return Links(key, "https://notify.example/", clock)


def test_a_link_leads_to_its_delivery_and_stays_the_same(clock: Clock) -> None:
    delivery, until = uuid4(), NOON + timedelta(hours=1)
    url = links(clock).url(delivery, until)
    assert url == links(clock).url(delivery, until)
    assert links(clock).read(url.rpartition("/")[2]) == delivery


def test_a_link_ends_at_its_time(clock: Clock) -> None:
    token = links(clock).token(uuid4(), NOON + timedelta(hours=1))
    clock.advance(minutes=59)
    links(clock).read(token)
    clock.advance(minutes=1)
    with pytest.raises(LinkExpired):
        links(clock).read(token)


@pytest.mark.parametrize("change", [lambda t: t[:-2], lambda t: "x" + t, lambda t: "", lambda t: "a.b", lambda t: "é"])
def test_a_changed_link_is_not_ours(clock: Clock, change: object) -> None:
    token = links(clock).token(uuid4(), NOON + timedelta(hours=1))
    with pytest.raises(LinkUnknown):
        links(clock).read(change(token))  # type: ignore[operator]


def test_another_secret_signs_other_links(clock: Clock) -> None:
    token = links(clock).token(uuid4(), NOON + timedelta(hours=1))
    with pytest.raises(LinkUnknown):
        links(clock, "another secret").read(token)


def test_the_kept_secret_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "data" / "secret"
    secret = kept_secret(file)
    assert kept_secret(file) == secret
    assert len(secret) >= 32
    assert file.stat().st_mode & 0o077 == 0
