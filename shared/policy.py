"""
The city's policy as data: `policy.toml`, read, validated and hashed.

`Policy.version` is a hash of the file's bytes. It travels with every verdict, so that a record tells under which words
and numbers a comment was judged.

Policy: A.5 (business hours), A.10 (reasons), A.11 (categories), A.14 (weekends and outside business hours).
"""

import hashlib
import re
import tomllib
from datetime import date, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from shared.categories import CATEGORIES, Category
from shared.errors import SettingsInvalid
from shared.events import Urgency

SHIPPED = Path(__file__).with_name("policy.toml")
"""The policy that this repository ships."""

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Mode(StrEnum):
    """How far a machine may go, for a category and for an account; the more cautious of the two holds."""

    OBSERVE = "observe"
    PROPOSE = "propose"
    HIDE = "hide"


MODES: tuple[Mode, ...] = tuple(Mode)
"""From the most cautious to the least."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _known_zone(name: object) -> object:
    if isinstance(name, str) and name not in available_timezones():
        raise ValueError("is not a time zone of the IANA database")
    return name


_SUFFIX = re.compile(r"[^.]*|(?:ac|co|com|edu|gob|gov|net|org)\.[a-z]{2}|(?:(?:k12|cc|lib|state)\.)?[a-z]{2}\.us")
"""The common public suffixes; classify knows the whole list and refuses the others at start."""


def _site(entry: str) -> str:
    """A domain, perhaps with a path; `ValueError` says what to write instead, without the entry itself."""
    host, _, path = entry.partition("/")
    if not entry.strip():
        raise ValueError("is blank: write a domain such as riverbend.gov, or leave the entry out")
    if re.search(r"\s", entry):
        raise ValueError("holds a space: write each domain as an entry of its own")
    if "//" in entry or re.match(r"[a-z]+:(?![0-9])", host, re.IGNORECASE):
        raise ValueError("has a scheme or an empty part: write riverbend.gov, without https:// and without //")
    if host.startswith(("*", ".")):
        raise ValueError("begins with a wildcard: write riverbend.gov, its subdomains are included anyway")
    if ":" in host:
        raise ValueError("has a port: write the domain alone, every port of it is included")
    if host != host.lower():
        raise ValueError("has capitals in the domain: write it in small letters")
    if not re.fullmatch(r"(?!-)[\w-]{1,63}(?<!-)(?:\.(?!-)[\w-]{1,63}(?<!-))*", host):
        raise ValueError("is no domain: write letters, digits, hyphens and dots, such as riverbend.gov")
    if _SUFFIX.fullmatch(host):
        raise ValueError(
            "is a public suffix, which would allow every site below it: write the city's own domain, as riverbend.gov"
        )
    if re.search(r"[?#\\]|%2[ef]|(?:^|/)\.{1,2}(?:/|$)", path, re.IGNORECASE):
        raise ValueError("has a path that is not plain: write it without ?, #, \\, %2e, %2f, . and .. as parts")
    return entry


class City(_Table):
    """Whose pages these are."""

    name: str = Field(min_length=1)
    division: str = Field(min_length=1)
    zone: Annotated[str, BeforeValidator(_known_zone)] = Field(description="IANA zone of the city")
    allowed_domains: tuple[Annotated[str, AfterValidator(_site)], ...] = Field(
        default=(), description="domains in small letters, subdomains included; an entry may have a path (A.11.i)"
    )
    phone_numbers: tuple[Annotated[str, Field(pattern=r"(\D*\d){7,15}\D*$")], ...] = ()


class BusinessHours(_Table):
    """When designated members are at work, in the city's zone; ``closes`` is excluded (A.5)."""

    opens: time
    closes: time
    days: tuple[Day, ...]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("opens must come before closes")
        return self


class Holidays(_Table):
    """Which calendar of holidays the city keeps, and where it differs."""

    country: str = Field(min_length=2, max_length=2)
    subdivision: str | None = None
    extra: tuple[date, ...] = ()
    worked: tuple[date, ...] = ()


class Confirmation(_Table):
    """A provisional hide must be confirmed within so many business hours (A.10)."""

    business_hours: float = Field(gt=0, le=400)


class Alerts(_Table):
    """How pages bundle and escalate (A.14)."""

    escalate_after_minutes: float = Field(gt=0, le=1440)
    bundle_minutes: float = Field(ge=0, le=1440)
    late_after_hours: float = Field(gt=0, le=720)


class Measured(_Table):
    """What was measured at a threshold, on which data; see `docs/model/`."""

    precision: float = Field(ge=0, le=1)
    recall: float = Field(ge=0, le=1)


class CategoryRule(_Table):
    """
    One letter of A.11: its words, how far a machine may go, and from which score on.

    With the mode ``hide``, ``measured_at_hide`` is required: nothing is hidden with a precision that nobody states.
    """

    clause: str
    title: str = Field(min_length=1)
    reason: str = Field(min_length=1, description="the record's reason in plain words; names the clause (A.10)")
    mode: Mode
    propose_threshold: float = Field(gt=0, le=1)
    hide_threshold: float = Field(gt=0, le=1)
    urgency: Urgency
    lapse: Literal["visible", "hidden"]
    measured_at_propose: Measured | None = None
    measured_at_hide: Measured | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.propose_threshold > self.hide_threshold:
            raise ValueError("propose_threshold must not be above hide_threshold")
        if self.clause not in self.reason:
            raise ValueError("reason must name the clause (A.10)")
        return self


class Policy(_Table):
    """The whole file. Frozen; `version` is the hash of its bytes."""

    # `schema` is the file's word; pydantic keeps that name for itself.
    format: Literal[1] = Field(alias="schema")
    city: City
    business_hours: BusinessHours
    holidays: Holidays
    confirmation: Confirmation
    alerts: Alerts
    categories: dict[Category, CategoryRule]

    _version: str = PrivateAttr(default="")

    @property
    def version(self) -> str:
        """16 hex digits of SHA-256 over the file's bytes."""
        return self._version

    @property
    def zone(self) -> ZoneInfo:
        """The city's time zone."""
        return ZoneInfo(self.city.zone)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [category for category in CATEGORIES if category not in self.categories]
        if missing:
            raise ValueError(f"categories are missing: {', '.join(missing)}")
        for category, rule in self.categories.items():
            if rule.clause != category.clause:
                raise ValueError(f"{category} is clause {category.clause}")
        for category in (Category.OFF_TOPIC, Category.IP_VIOLATION):
            if self.categories[category].mode is Mode.HIDE:
                raise ValueError(f"{category} cannot be settled by text alone: its mode is propose or observe")
        for category, rule in self.categories.items():
            if rule.mode is Mode.HIDE and rule.measured_at_hide is None:
                raise ValueError(
                    f"{category} has the mode hide and no measured_at_hide: state the precision and the recall at its "
                    "hide_threshold, or let a person decide with the mode propose"
                )
        return self


def load_policy(file: Path | None = None) -> Policy:
    """
    Read the policy from ``file``, or the shipped one.

    Raises `SettingsInvalid` that names the file and each place at fault.
    """
    path = file or SHIPPED
    try:
        content = path.read_bytes()
        policy = Policy.model_validate(tomllib.loads(content.decode()))
    except OSError as error:
        raise SettingsInvalid(f"POLICY_FILE {path.name} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"POLICY_FILE {path.name} is not TOML: {error}") from None
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors()]
        raise SettingsInvalid(f"POLICY_FILE {path.name}: {'; '.join(faults)}") from None
    policy._version = hashlib.sha256(content).hexdigest()[:16]
    return policy
