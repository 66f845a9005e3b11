"""The policy file: the shipped one is valid, and a wrong one is refused with the place at fault."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from shared.categories import CATEGORIES, Category
from shared.errors import SettingsInvalid
from shared.policy import SHIPPED, Mode, load_policy


def test_the_shipped_policy_names_every_category_with_its_clause() -> None:
    policy = load_policy()
    assert set(policy.categories) == set(CATEGORIES)
    for category, rule in policy.categories.items():
        assert rule.clause == category.clause
        assert rule.clause in rule.reason


@pytest.mark.policy("A.11.a", "A.11.h")
def test_off_topic_and_ownership_are_never_hidden_by_a_machine() -> None:
    policy = load_policy()
    assert policy.categories[Category.OFF_TOPIC].mode is Mode.PROPOSE
    assert policy.categories[Category.IP_VIOLATION].mode is Mode.PROPOSE


def test_the_version_changes_with_the_bytes(tmp_path: Path) -> None:
    changed = tmp_path / "policy.toml"
    changed.write_bytes(SHIPPED.read_bytes() + b"# a word more\n")
    assert load_policy(changed).version != load_policy().version
    assert load_policy().version == load_policy().version


@pytest.mark.parametrize(
    ("find", "put", "told"),
    [
        ('zone = "America/New_York"', 'zone = "Mars/Olympus"', "city.zone"),
        ('opens = "08:00"', 'opens = "18:00"', "opens must come before closes"),
        ("schema = 1", "schema = 2", "schema"),
        ("schema = 1", "schema = 1\nsurprise = true", "surprise"),
        ('clause = "A.11.i"', 'clause = "A.11.h"', "categories.spam_links"),
        ("(A.11.b).", ".", "reason must name the clause"),
        ("business_hours = 9", "business_hours = -1", "confirmation.business_hours"),
        ('lapse = "hidden"', 'lapse = "later"', "lapse"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_place(tmp_path: Path, find: str, put: str, told: str) -> None:
    text = SHIPPED.read_text()
    assert find in text
    wrong = tmp_path / "city.toml"
    wrong.write_text(text.replace(find, put, 1))
    with pytest.raises(SettingsInvalid, match=r"POLICY_FILE city\.toml") as failure:
        load_policy(wrong)
    assert told in str(failure.value)


@pytest.mark.parametrize("number", ["911", "none", ""])
def test_a_phone_number_of_the_division_has_seven_digits_at_least(tmp_path: Path, number: str) -> None:
    wrong = tmp_path / "policy.toml"
    wrong.write_text(SHIPPED.read_text().replace("757-555-0100", number))
    with pytest.raises(SettingsInvalid, match="phone_numbers"):
        load_policy(wrong)


def test_a_machine_cannot_be_told_to_hide_off_topic_comments(tmp_path: Path) -> None:
    text = SHIPPED.read_text()
    before, _, after = text.partition("[categories.off_topic]")
    wrong = tmp_path / "city.toml"
    wrong.write_text(before + "[categories.off_topic]" + after.replace('mode = "propose"', 'mode = "hide"', 1))
    with pytest.raises(SettingsInvalid, match="cannot be settled by text alone"):
        load_policy(wrong)


STATED = re.compile(r"^measured_at_hide = .*\n", re.MULTILINE)


@pytest.mark.policy("A.10", "A.11")
def test_what_is_shipped_to_hide_states_a_precision_of_at_least_0_95() -> None:
    hides = {name: rule.measured_at_hide for name, rule in load_policy().categories.items() if rule.mode is Mode.HIDE}
    assert [name for name, measured in hides.items() if measured is None or measured.precision < 0.95] == []


def without_measured_at_hide(category: Category, mode: Mode) -> str:
    """The shipped file, its ``category`` with this mode and without what was measured at its hide threshold."""
    before, head, after = SHIPPED.read_text().partition(f"[categories.{category}]\n")
    table, other, rest = after.partition("\n[")
    table = STATED.sub("", re.sub(r'^mode = "\w+"', f'mode = "{mode}"', table, flags=re.MULTILINE))
    return before + head + table + other + rest


@pytest.mark.policy("A.10")
@pytest.mark.parametrize("category", [Category.VULGAR, Category.SOLICITATION, Category.SPAM_LINKS])
def test_a_city_cannot_hide_with_a_precision_that_it_does_not_state(tmp_path: Path, category: Category) -> None:
    city = tmp_path / "city.toml"
    city.write_text(without_measured_at_hide(category, Mode.HIDE))
    with pytest.raises(SettingsInvalid, match=rf"city\.toml: .*{category} has the mode hide and no measured_at_hide"):
        load_policy(city)


@pytest.mark.parametrize("mode", [Mode.PROPOSE, Mode.OBSERVE])
def test_what_hides_nothing_may_leave_its_precision_out(tmp_path: Path, mode: Mode) -> None:
    city = tmp_path / "city.toml"
    city.write_text(without_measured_at_hide(Category.SPAM_LINKS, mode))
    assert load_policy(city).categories[Category.SPAM_LINKS].measured_at_hide is None


@pytest.mark.parametrize("content", [b"city = [", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    wrong = tmp_path / "city.toml"
    wrong.write_bytes(content)
    with pytest.raises(SettingsInvalid, match="is not TOML"):
        load_policy(wrong)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        load_policy(tmp_path / "none.toml")


def test_thresholds_are_where_a_policymaker_finds_them() -> None:
    shipped = tomllib.loads(SHIPPED.read_text())["categories"]
    for name, rule in shipped.items():
        assert 0 < rule["propose_threshold"] <= rule["hide_threshold"] <= 1, name
