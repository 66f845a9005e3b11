"""
Notify's settings. Addresses of channels are secrets: they hold tokens and telephone numbers.
"""

import json
import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.settings import ServiceSettings


def _addresses(value: Any) -> Any:
    """Read a JSON list, or addresses apart by blanks or by commas; a comma inside an address stays."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            raise ValueError("is not a JSON list") from None
    return [part for part in re.split(r"[\s]+|,(?=\s*[A-Za-z0-9+.-]+://)", value.strip()) if part]


class OnCallPerson(BaseModel):
    """An administrator on call: how to reach this person, the best channel first."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    person: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="identifier, as in the directory")
    name: str = Field(min_length=1, max_length=255)
    channels: tuple[SecretStr, ...] = Field(min_length=1, description="Apprise URLs")


class NotifySettings(ServiceSettings):
    """Whom to tell, by which channels, and how hard to try."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_")

    team: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_addresses)] = Field(
        default=(), description="Apprise URLs of the team's channel, the best first; told in business hours"
    )
    oncall: tuple[OnCallPerson, ...] = Field(
        default=(), description="JSON list of {person, name, channels}, in the order in which they are paged"
    )
    link_secret: SecretStr = Field(
        default=SecretStr(""), description="signs the links in messages; embedded, one is made and kept"
    )
    link_hours: float = Field(default=72, gt=0, le=720, description="how long a link in a message works")
    console_url: str = Field(default="", description="the console's address for links; embedded: this process")
    channel_seconds: float = Field(default=15, gt=0, le=120, description="how long a channel may take")
    attempts: int = Field(default=3, ge=1, le=10, description="tries of one channel before the next")
    retry_seconds: float = Field(default=5, ge=0, le=600, description="wait after the first failure; it doubles")
    rounds: int = Field(default=3, ge=1, le=9, description="how often the list of administrators is gone through")

    @model_validator(mode="after")
    def _named_once(self) -> "NotifySettings":
        people = [person.person for person in self.oncall]
        if len(people) != len(set(people)):
            raise ValueError("oncall names a person twice")
        return self
