"""Settings: validated at start, secrets never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import SettingsInvalid
from shared.settings import FacebookSettings, GenericSettings, SystemSettings


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BUS_URL", "DATABASE_URL", "HTTP_PORT", "SECRETS_DIR", "DATA_DIR", "PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_defaults_run_embedded_on_loopback() -> None:
    settings = SystemSettings.load()
    assert settings.embedded()
    assert settings.bus() == "sqlite:///.data/bus.db"
    assert settings.database() == "sqlite:///.data/moderation.db"
    assert settings.http_host == "127.0.0.1"


def test_a_wrong_value_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PORT", "hunter2")
    with pytest.raises(SettingsInvalid, match="HTTP_PORT") as failure:
        SystemSettings.load()
    assert "hunter2" not in str(failure.value)


def test_secrets_and_passwords_in_urls_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://mod:hunter2@db.example/mod")
    monkeypatch.setenv("FACEBOOK_APP_SECRETS", "first-secret, second-secret")
    monkeypatch.setenv("FACEBOOK_PAGE_TOKENS", '{"1029": "EAAB-token"}')
    shown = f"{SystemSettings.load().effective()} {FacebookSettings.load().effective()}"
    for secret in ("hunter2", "first-secret", "second-secret", "EAAB-token"):
        assert secret not in shown
    assert "***@db.example/mod" in shown
    assert [item.get_secret_value() for item in FacebookSettings.load().app_secrets] == [
        "first-secret",
        "second-secret",
    ]


def test_json_that_cannot_be_read_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEBOOK_PAGE_TOKENS", '{"1029": "EAAB-token"')
    with pytest.raises(SettingsInvalid, match="page_tokens") as failure:
        FacebookSettings.load()
    assert "EAAB" not in str(failure.value)


def test_a_sender_without_accounts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENERIC_SENDERS", '{"blog": {"secrets": ["whsec_abc"], "accounts": []}}')
    with pytest.raises(SettingsInvalid, match="ACCOUNTS") as failure:
        GenericSettings.load()
    assert "whsec_abc" not in str(failure.value)


def test_secrets_may_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "facebook_verify_token").write_text("from-a-file\n")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    assert FacebookSettings.load().verify_token.get_secret_value() == "from-a-file"
