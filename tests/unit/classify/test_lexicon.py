"""Words behind drawn-out letters, alone and under signs."""

from __future__ import annotations

import pytest

from services.classify.lexicon import Kind, kind_of, shortened, unmasked


@pytest.mark.parametrize(
    ("drawn_out", "word"),
    [
        ("biiitch", "bitch"),
        ("SHIIIT", "SHIT"),
        ("FuUuck", "Fuck"),
        ("asssshole", "asshole"),
        ("bulllllshiiit", "bullshit"),
        ("soooo", None),
        ("bitch", None),
        ("aaabbbcccdddeee", None),
        ("", None),
    ],
)
def test_a_drawn_out_word_is_shortened_to_a_word_of_the_list(drawn_out: str, word: str | None) -> None:
    assert shortened(drawn_out) == word


@pytest.mark.parametrize(
    ("masked", "word"),
    [
        ("sh\u00a1t", "shit"),
        ("b!!!tch", "bitch"),
        ("f*ckkkk", "fuck"),
        ("f***ing", "fucking"),
        ("b!tchessss!!!", "bitches!!!"),
        ("a555", None),
        ("Que\u00a1bien", None),
    ],
)
def test_a_mask_is_undone_with_what_is_drawn_out(masked: str, word: str | None) -> None:
    assert unmasked(masked) == word


def test_the_kind_of_a_word_is_that_of_its_short_form() -> None:
    assert kind_of("FUCK") is Kind.STRONG
    assert kind_of("daaaamn") is Kind.OTHER
    assert kind_of("hello") is None
