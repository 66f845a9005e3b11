"""Notify's settings: addresses are secrets."""

from __future__ import annotations

import json

import pytest

from services.notify.settings import NotifySettings
from shared.errors import SettingsInvalid


def test_nothing_needs_to_be_set() -> None:
    settings = NotifySettings.load()
    assert settings.team == ()
    assert settings.oncall == ()


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ('["json://a.example/x", "ntfy://topic"]', 2),
        ("json://a.example/x, ntfy://topic", 2),
        ("json://a.example/x ntfy://topic", 2),
        ("mailto://u:p@a.example?to=a@a.example,b@a.example", 1),
    ],
)
def test_the_teams_addresses_are_a_list(monkeypatch: pytest.MonkeyPatch, value: str, count: int) -> None:
    monkeypatch.setenv("NOTIFY_TEAM", value)
    assert len(NotifySettings.load().team) == count


def test_addresses_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    person = {"person": "rivera", "name": "R. Rivera", "channels": ["slack://TOKENA/TOKENB/TOKENC"]}
    monkeypatch.setenv("NOTIFY_ONCALL", json.dumps([person]))
    monkeypatch.setenv("NOTIFY_TEAM", "slack://TOKENA/TOKENB/TOKENC")
    settings = NotifySettings.load()
    assert "TOKEN" not in json.dumps(settings.effective(), default=str)
    assert settings.oncall[0].channels[0].get_secret_value().startswith("slack://")


@pytest.mark.parametrize(
    "value",
    [
        '[{"person": "a b", "name": "x", "channels": ["json://s3cret"]}]',
        '[{"person": "a", "name": "x", "channels": []}]',
        '[{"person": "a", "name": "x", "channels": ["json://s3cret"]}, {"person": "a", "name": "y", "channels": ["j://s3cret"]}]',
        "not json s3cret",
    ],
)
def test_a_wrong_rota_is_refused_without_its_addresses(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NOTIFY_ONCALL", value)
    with pytest.raises(SettingsInvalid) as refused:
        NotifySettings.load()
    assert "s3cret" not in str(refused.value)
