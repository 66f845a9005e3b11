"""Disguises are undone, meaning is kept, and every character leads back to the original."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.classify.lexicon import LEXICON, Kind
from services.classify.normalise import normalise

DISGUISED = [
    ("F U C K you", "FUCK you"),
    ("f.u.c.k off", "fuck off"),
    ("sh1t happens", "shit happens"),
    ("you a$$hole", "you asshole"),
    ("what a b!tch, such @ssholes!!", "what a bitch, such assholes!!"),
    ("f*ck this sh*t, f**king b****", "fuck this shit, fucking bitch"),
    ("F*CK OFF", "FUCK OFF"),
    ("tap the l i n k i n b i o", "tap the linkinbio"),
    ("d@mn, total bullsh1t", "damn, total bullshit"),
    ("h3ll0 there", "hello there"),
    ("\u0430\u0435\u043eb", "aeob"),
    ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
    ("sooooo gooood", "soo good"),
    ("what???!!!!", "what??!!"),
    ("a\u0301\u0301\u0301bc", "\u00e1bc"),
    ("two\n\n  lines\t", "two lines"),
    ("see https://www.Shop.example/deals/free-money?x=1", "see link shop.example deals free money"),
    ("see shop.example.com/deals/x?y=1 now", "see link shop.example.com deals now"),
    ("see www.shop.example:8080/deals", "see link shop.example deals"),
    ("log in: user:pw@evil.com:8080", "log in: link evil.com"),
    ("log in: user:pw@evil.com:8080/free/money!", "log in: link evil.com free money"),
    ("https://user:pw@www.evil.com:8080/free?a=1 ok", "link evil.com free ok"),
    ("https://user@evil.com, https://evil.com:80.", "link evil.com, link evil.com."),
    ("https://evil.com\\@good.example", "link evil.com good example"),
    ("https://evil.com?ref=bonus", "link evil.com ref bonus"),
    ("f\u057dck and \u0192uck and \ua730uck", "fuck and fuck and Fuck"),
    ("f\u00fcck it, F\u00dcCK it, f\u00fc\u00fc\u00fc\u00fcck it", "fuck it, FUCK it, fuck it"),
    ("🅵🆄🅲🅺 off, 🅕🅡🅔🅔", "FUCK off, FREE"),
    ("🅵 🆄 🅲 🅺 off", "FUCK off"),
    ("🅱\ufe0fitch, 🅱itch", "Bitch, Bitch"),
    ("⒡⒰⒞⒦ and ⒡\u200b⒰⒞⒦", "fuck and fuck"),
    ("ʙɪᴛᴄʜ ꜰᴜᴄᴋ", "BITCH FUCK"),
    ("\ua4dd\ua4f4\ua4da\ua4d7 this", "FUCK this"),
    ("fu\u0441\u043a, f\u0446ck, \u0432itch", "fuck, fuck, bitch"),
    ("he is \u0430 \u0441\u043e\u0440", "he is a cop"),
    ("f u \u0441 k", "fuck"),
    ("sh\u00a1t, b\u00a1tch", "shit, bitch"),
    ("biiiitch, BULLLLSHIIIIT, fffuuuck", "bitch, BULLSHIT, fuck"),
    ("asssshole, weeeed, hellllo", "asshole, weed, hello"),
    ("f*ckkkk, b!!!!tch, b1tchhhh", "fuck, bitch, bitch"),
    ("f u u u u c k, F U U U C K", "fuck, FUCK"),
    ("f\u200duck, \u200dshit, f\ufe0fu\ufe0fck", "fuck, shit, fuck"),
]
KEPT = [
    "call 555-0142 after 7pm",
    "on 5th Street, the 1st of May",
    "K9 unit, I-64, exit B4",
    "costs $5 or 4,000 dollars",
    "¡Gracias! ¿Mañana también, niño?",
    "Élan and naïveté",
    "U.S.A. today",
    "👍 👨\u200d👩\u200d👧 great",
    "don't re-enter",
    "@maria and @SherryL98, thanks",
    "A B C D grades for x y z w",
    "wow!that was quick!!",
    "*so* proud of a C+ student & 4x4s",
    "A&E, R&B and c++, d***, hell@",
    "save 20% on a T-shirt #PrideMonth",
    "COVID19 and MS13",
    "write to me@mail.example or email:maria@city.example",
    "maria@mail.example:8080",
    "see city.gov/jobs, city.gov/jobs? yes, and city.gov.",
    "at 5:30 p.m, St.Louis:10",
    "\u041e\u043d \u0441\u0430\u043c\u0430 \u0430 \u0441\u043e\u0440 \u0432 \u0448\u043e\u043a\u0435",
    "\u0441\u043e\u0441\u043a",
    "hi \u12d0",
    "the word \u0430 means and: \u0434\u0430 \u0430 \u0447\u0442\u043e",
    "\u03ba\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1 \u03b1",
    "PDF\u043a\u0430 and 5 \u03bcm",
    "\u062f\u0647 \u05d5\u05e1 \u65e5\u672c",
    "mañana está el fútbol, Que¡bien, über",
    "se los rapé, un café à la crème, müde",
    "🅿\ufe0f at the lot, blood 🅰\ufe0f, 🅱 or 🅰🅱, park🅿\ufe0f",
    "1\ufe0f\u20e3 ☕\ufe0f ❤\ufe0flove 🇺🇸 🏳\ufe0f\u200d🌈",
]

ALIKE = {
    "a": "а\u03b1ａ𝐚", "c": "сⅽ", "d": "ԁ", "e": "е", "g": "ɡ", "h": "һ", "i": "і\u0456ɪ", "l": "ⅼ", "m": "ⅿ", "n": "ո",
    "o": "о\u03bfօ", "p": "р\u03c1", "r": "ʀ", "s": "ѕꜱ", "t": "ᴛｔ", "u": "ս\u03c5ᴜ", "w": "ԝ", "x": "х", "y": "у",
}  # fmt: skip
"""Letters and some that look like them."""
UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u180e\ufe0f"
SPANISH = ("¿Mañana", "está", "el", "niño?", "¡Fútbol", "también!", "pingüino", "corazón", "acción", "él", "después")
EMOJI = (
    "👍",
    "👨\u200d👩\u200d👧",
    "❤\ufe0f",
    "🇵🇷",
    "1\ufe0f\u20e3",
    "🅿\ufe0f",
    "👮🏽\u200d♀\ufe0f",
    "🏳\ufe0f\u200d🌈",
)
RUSSIAN = ("Он", "сама", "а", "сор", "шоке", "оса", "facebook", "и", "рос", "полиция")
GREEK = ("καλημέρα", "και", "το", "α", "αστυνομία", "νυν", "ρω", "police")
PIECES = st.lists(
    st.one_of(
        st.sampled_from("fuckshitbe AS.-_*!@$#¡?&/:=015\u200b\u200d\ufe0f\u0301сорѕіжαρνλսօƒꜰ🅵🆄🅲🅱🅿⒡⒰üéñꓝ日🇺"),
        st.sampled_from(
            ["https://", "www.", "evil.com", ":8080", "?x=", "user:pw@", "fuck", "sh1t", "b*tch", "f u c k "]
        ),
        st.sampled_from(["жук", "сор", "iiii", "ооо", "kill"]),
    ),
    max_size=25,
).map("".join)
"""Texts made of disguises and of what is close to them."""

PROSE = ("the", "officers", "closed", "Elm", "street", "again", "today", "and", "nobody", "knows", "why")


@pytest.mark.parametrize(("given_text", "plain"), DISGUISED)
def test_a_disguise_is_undone(given_text: str, plain: str) -> None:
    assert normalise(given_text).text == plain


@pytest.mark.parametrize("text", KEPT)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert normalise(text).text == text


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_it_never_raises_and_a_second_time_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once.text).text == once.text


@given(st.text(max_size=200))
@settings(deadline=None)
def test_every_character_leads_back_into_the_original(text: str) -> None:
    found = normalise(text)
    assert len(found.offsets) == len(found.text)
    assert list(found.offsets) == sorted(found.offsets)
    assert all(0 <= offset < len(text) for offset in found.offsets)
    for start in range(len(found.text)):
        begin, end = found.original_span(start, start + 1)
        assert 0 <= begin < end <= len(text)


@given(st.lists(st.sampled_from(PROSE), max_size=30))
def test_plain_prose_is_not_touched(words: list[str]) -> None:
    assert normalise(" ".join(words)).text == " ".join(words)


def test_a_span_of_the_plain_text_is_found_in_the_original() -> None:
    original = "you  f.u.c.k  clown"
    found = normalise(original)
    start = found.text.index("fuck")
    begin, end = found.original_span(start, start + 4)
    assert original[begin:end].startswith("f.u.c.k"[:1])
    assert begin == original.index("f")


@given(PIECES)
@example("_ü\u043eéü&&&\u200d🅿\u043e\u043e\u043e")
@settings(max_examples=400, deadline=None)
def test_disguises_on_disguises_are_settled_at_once_and_lead_back(text: str) -> None:
    once = normalise(text)
    assert normalise(once.text).text == once.text
    assert len(once.offsets) == len(once.text)
    assert list(once.offsets) == sorted(once.offsets)
    for start in range(len(once.text)):
        begin, end = once.original_span(start, start + 1)
        assert 0 <= begin < end <= len(text)


@given(st.data(), st.sampled_from(sorted({*LEXICON, *PROSE})))
@settings(deadline=None)
def test_invisible_characters_in_a_word_change_nothing(data: st.DataObject, word: str) -> None:
    unseen = data.draw(st.lists(st.text(UNSEEN, max_size=2), min_size=len(word) - 1, max_size=len(word) - 1))
    hidden = "".join(char + after for char, after in zip(word, [*unseen, ""], strict=True))
    assert normalise(f"so {hidden} now").text == f"so {word} now"


@given(st.data(), st.sampled_from(sorted(LEXICON)))
@settings(max_examples=300, deadline=None)
def test_letters_that_look_alike_in_a_word_of_the_lexicon_change_nothing(data: st.DataObject, word: str) -> None:
    hidden = "".join(data.draw(st.sampled_from(char + ALIKE.get(char, ""))) for char in word)
    assert normalise(hidden).text.lower() == word
    assert normalise(f"so {hidden} now").text.lower() == f"so {word} now"


@given(st.sampled_from(sorted(LEXICON)), st.integers(0, 20), st.integers(2, 9))
@settings(deadline=None)
def test_a_drawn_out_word_of_the_lexicon_is_itself(word: str, place: int, more: int) -> None:
    at = place % len(word)
    assert normalise(word[:at] + word[at] * more + word[at:]).text == word


@given(
    st.sampled_from(sorted(word for word in LEXICON if len(word) >= 5)), st.integers(2, 6), st.text(UNSEEN, max_size=2)
)
@settings(deadline=None)
def test_a_disguise_on_a_disguise_is_undone(word: str, more: int, unseen: str) -> None:
    starred = normalise(word[0] + "*" + word[2:] + word[-1] * more).text
    assert starred in LEXICON
    assert LEXICON[word] is not Kind.STRONG or LEXICON[starred] is Kind.STRONG
    assert normalise(f" {unseen}".join(word)).text == word


@pytest.mark.parametrize("words", [SPANISH, EMOJI, RUSSIAN, GREEK], ids=["spanish", "emoji", "russian", "greek"])
@given(data=st.data())
@settings(deadline=None)
def test_other_languages_and_emoji_are_not_touched(words: tuple[str, ...], data: st.DataObject) -> None:
    text = " ".join([words[0], *data.draw(st.lists(st.sampled_from(words), max_size=12))])
    assert normalise(text).text == text


@pytest.mark.parametrize("piece", ["\u200d", "a", "é", "сa", "🅱a", "aaab", "a.bc/", "a:b@", "a.bc?", "b!", "⒡", "ж а "])
def test_the_work_grows_with_the_length(piece: str) -> None:
    begun = time.process_time()
    normalise("❤" + piece * (20_000 // len(piece)))
    assert time.process_time() - begun < 1.5


def test_the_span_of_a_look_alike_is_its_place_in_the_original() -> None:
    original = "you \u200bf\u057d\u200dck, b\u00a1\u00a1\u00a1tch"
    found = normalise(original)
    assert found.text == "you fuck, bitch"
    begin, end = found.original_span(4, 8)
    assert original[begin:end] == "f\u057d\u200dck"
    begin, end = found.original_span(10, 15)
    assert original[begin:end] == "b\u00a1\u00a1\u00a1tch"
