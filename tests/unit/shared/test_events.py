"""The contract: ids follow from causes, schemas are what is committed, readers are tolerant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scripts.docs import ROOT, generated, policy_map
from shared.bus import Message
from shared.bus.cloudevents import from_message, to_message
from shared.categories import CATEGORIES, Category
from shared.errors import Rejected
from shared.events import TOPICS, CommentRemoved, CommentVisibilityChanged, MessageDeadLettered, comment_subject

AT = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)


def removed(cause: str = "facebook:1:2", part: str = "", **fields: object) -> CommentRemoved:
    values = {"subject": "facebook:1:2", "time": AT, "platform": "facebook", "account": "1", "comment_id": "2"}
    return CommentRemoved.caused_by(cause, part, **{**values, **fields})


@pytest.mark.parametrize("name", sorted(generated()))
def test_what_is_generated_is_committed(name: str) -> None:
    assert (ROOT / name).read_text() == generated()[name], "run `make docs` and look at the difference"


def test_the_same_cause_gives_the_same_id_and_another_cause_another() -> None:
    assert removed().id == removed(time=AT + timedelta(hours=1)).id
    assert removed().id != removed("facebook:1:3").id
    assert removed().id != removed(part="again").id


def test_an_id_does_not_depend_on_the_topic_version_and_never_changes() -> None:
    assert removed("cause").id == UUID("89267f1c-916e-564b-a999-4c59c9df9da0")
    assert CommentRemoved.topic == "comment.removed.v1"


def test_another_type_with_the_same_cause_has_another_id() -> None:
    other = CommentVisibilityChanged.caused_by(
        "facebook:1:2", subject="s", time=AT, platform="facebook", account="1", comment_id="2", hidden=True
    )
    assert other.id != removed().id


def test_times_are_given_back_in_utc_and_naive_ones_are_refused() -> None:
    local = AT.astimezone(timezone(timedelta(hours=-5)))
    assert removed(time=local).time.tzinfo == UTC
    with pytest.raises(ValidationError):
        removed(time=datetime(2026, 3, 4, 17, 0))  # noqa: DTZ001 - naive on purpose


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_event_survives_the_bus(comment_id: str, raw: str) -> None:
    event = removed(comment_id=comment_id, raw=raw.encode("utf-8", "replace").decode())
    assert from_message(CommentRemoved, to_message(event, "ingest")) == event


def test_the_message_is_a_cloudevent_in_binary_mode() -> None:
    event = removed()
    message = to_message(event, "ingest")
    headers = dict(message.headers)
    read = from_binary_event(KafkaMessage(headers=headers, key=message.key, value=message.value), JSONFormat())
    assert read.get_id() == str(event.id)
    assert read.get_type() == "comment.removed.v1"
    assert read.get_source() == "/services/ingest"
    assert read.get_subject() == "facebook:1:2"
    assert read.get_time() == AT
    assert message.key == event.subject


def test_a_reader_ignores_fields_that_it_does_not_know() -> None:
    message = to_message(removed(), "ingest")
    grown = Message(message.topic, message.key, message.value[:-1] + b',"added_next_year":1}', message.headers)
    assert from_message(CommentRemoved, grown) == removed()


def test_an_unreadable_message_is_rejected_without_showing_its_content() -> None:
    with pytest.raises(Rejected) as failure:
        from_message(CommentRemoved, Message("comment.removed.v1", "k", b'{"subject": "secret words", "time": 5}'))
    assert failure.value.reason == "unreadable"
    assert "secret words" not in str(failure.value)
    assert "platform" in str(failure.value)


def test_every_event_names_its_publisher_and_readers() -> None:
    for topic, kind in TOPICS.items():
        assert "Published by" in (kind.__doc__ or ""), topic
        assert topic == topic.lower()
        assert "_" not in topic
        assert topic.rpartition(".")[2] == "v1"
    assert MessageDeadLettered.topic in TOPICS


@pytest.mark.policy("A.11")
def test_the_nine_categories_stand_in_the_order_of_the_policy() -> None:
    assert [category.clause for category in CATEGORIES] == [f"A.11.{letter}" for letter in "abcdefghi"]
    assert Category.SPAM_LINKS.clause == "A.11.i"


def test_a_subject_joins_its_three_parts() -> None:
    assert comment_subject("facebook", "1", "2_3") == "facebook:1:2_3"


def test_every_clause_that_code_carries_out_is_shown_by_a_test() -> None:
    parts = policy_map().split("## ")[1:]
    untested = [part.split()[0] for part in parts if "- code:" in part and "- test:" not in part]
    assert untested == []
