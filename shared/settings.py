"""
Settings that all services share, read from the environment and validated at start.

Defaults run the whole system on a laptop. A default that would be unsafe in production does not exist: there is none
for a secret. Secrets are `SecretStr`; a file in the folder that ``SECRETS_DIR`` names is read in place of a variable.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from shared.errors import SettingsInvalid


def _split(value: Any) -> Any:
    """Read ``a,b`` as a list. A secret never holds a comma: platforms give out letters and digits."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class ServiceSettings(BaseSettings):
    """What every settings class keeps: frozen, from the environment, secrets masked."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, enable_decoding=True, hide_input_in_errors=True
    )

    @classmethod
    def load(cls) -> Self:
        """Read and validate. Raises `SettingsInvalid` naming each setting at fault, never its value."""
        folder = os.environ.get("SECRETS_DIR")
        try:
            return cls(_secrets_dir=folder) if folder else cls()
        except ValidationError as error:
            prefix = cls.model_config.get("env_prefix", "")
            faults = [f"{prefix}{'.'.join(map(str, f['loc']))}".upper() + f": {f['msg']}" for f in error.errors()]
            raise SettingsInvalid("; ".join(faults)) from None
        except SettingsError as error:
            raise SettingsInvalid(str(error)) from None

    def effective(self) -> dict[str, object]:
        """The settings in force, for the log at start: secrets masked, passwords in URLs too."""
        return {name: _masked(value) for name, value in self.model_dump(mode="python").items()}


def _masked(value: object) -> object:
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    if isinstance(value, Mapping):
        return {str(key): _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    text = str(value)
    if "://" in text and "@" in text:
        scheme, _, rest = text.partition("://")
        return f"{scheme}://***@{rest.rpartition('@')[2]}"
    return text if isinstance(value, Path) else value


class SystemSettings(ServiceSettings):
    """Where the bus, the database and the policy are, and how the process serves."""

    data_dir: Path = Field(default=Path(".data"), description="embedded mode keeps its two database files here")
    bus_url: str = Field(default="", description="sqlite:///FILE or kafka://HOST:PORT[,HOST:PORT]; empty: embedded")
    database_url: str = Field(default="", description="sqlite:///FILE or postgresql://...; empty: embedded")
    policy_file: Path | None = Field(default=None, description="the city's policy; empty: the shipped one")
    http_host: str = Field(default="127.0.0.1", description="the address to listen on; loopback by default")
    http_port: int = Field(default=8000, ge=0, le=65535)
    public_url: str = Field(default="", description="how people reach this system, for links in messages")
    instance: str = Field(
        default="0", pattern=r"^[A-Za-z0-9._-]{1,63}$", description="name of this copy; stays over restarts"
    )
    drain_seconds: float = Field(default=20.0, gt=0, le=300, description="how long SIGTERM waits for work under way")
    log_level: str = Field(default="INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")

    def bus(self) -> str:
        """The bus URL in force."""
        return self.bus_url or f"sqlite:///{self.data_dir / 'bus.db'}"

    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'moderation.db'}"

    def embedded(self) -> bool:
        """Whether the database is the embedded one: then migrations are applied at start."""
        return self.database().startswith("sqlite")

    def address(self) -> str:
        """The address for links in messages: the public one, or where the process listens."""
        return self.public_url.rstrip("/") or f"http://{self.http_host}:{self.http_port}"


class FacebookSettings(ServiceSettings):
    """Credentials of the Facebook app and its pages (`docs/platforms.md`)."""

    model_config = SettingsConfigDict(env_prefix="FACEBOOK_")

    app_secrets: Annotated[list[SecretStr], NoDecode, BeforeValidator(_split)] = Field(
        default=[], description="app secrets, the newest first; several while rotating"
    )
    verify_token: SecretStr = Field(default=SecretStr(""), description="the string of the subscription's handshake")
    page_tokens: dict[str, SecretStr] = Field(default={}, description="JSON: page id to Page access token")
    graph_url: str = Field(default="https://graph.facebook.com", pattern=r"^https?://[^\s?#]+$")
    graph_version: str = Field(default="v25.0", pattern=r"^v\d+\.\d+$")
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)


class GenericSender(BaseModel):
    """One sender of Standard Webhooks: its secrets, and the accounts that it may speak for."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    secrets: list[SecretStr] = Field(min_length=1, description="`whsec_...`; several while rotating")
    accounts: list[str] = Field(min_length=1, description="`platform:account` pairs")


class GenericSettings(ServiceSettings):
    """Senders of Standard Webhooks (`docs/platforms.md`)."""

    model_config = SettingsConfigDict(env_prefix="GENERIC_")

    senders: dict[str, GenericSender] = Field(default={}, description="JSON: sender's name to its secrets and accounts")
