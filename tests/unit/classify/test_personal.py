"""What may compromise somebody's safety (A.11.g): what is seen, how surely, and the neighbours that stay up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.detectors import LONGEST, Evidence, Sample
from services.classify.detectors.identifiers import CERTAIN, LIKELY, WEAK
from services.classify.detectors.personal import Personal
from services.classify.policy import findings
from shared.categories import CATEGORIES, Category
from shared.decision import decide
from shared.events import Action
from shared.policy import Mode, Policy, load_policy

detect = Personal(own_numbers=("757-555-0100",))

SEEN = [
    # The comment, what its span holds, and the score.
    ("lives at 412 Maple St", "412 Maple St", CERTAIN),
    ("hes at 88 oak ave apt 3", "88 oak ave apt 3", CERTAIN),
    ("she stays at 19 N. Birch Lane, unit 4", "19 N. Birch Lane, unit 4", CERTAIN),
    ("Officer Kyle Renner lives at 61 Elk Loop", "61 Elk Loop", CERTAIN),
    ("his house is 1204 W 9th Street", "1204 W 9th Street", CERTAIN),
    ("her address is forty two Oak Street", "forty two Oak Street", CERTAIN),
    ("they live at twelve Birch Road", "twelve Birch Road", CERTAIN),
    ("he resides at 4 1 2 Maple St", "4 1 2 Maple St", CERTAIN),
    ("Dana Kessler's home address: 2209 Fulton Pl", "2209 Fulton Pl", CERTAIN),
    ("that cop's house is at 12 Dune Ct, go say hi", "12 Dune Ct", CERTAIN),
    ("badge 2217, lives at 40 Larkspur Dr", "40 Larkspur Dr", CERTAIN),
    ("hes in Carrick now, 17 Elm Court, go knock", "17 Elm Court", CERTAIN),
    ("his mama lives at 220 Alamo apt C", "220 Alamo apt C", LIKELY),
    ("stays at his grandma's 4107 W 41st", "4107 W 41st", LIKELY),
    ("it was Kendra Wills, 220 Kettle St apt 3", "220 Kettle St apt 3", LIKELY),
    ("the guy at 9 Heron Ct did it, go look at him", "9 Heron Ct", LIKELY),
    ("the hothead is Dale Whit, 77 Pinfold Road", "77 Pinfold Road", WEAK),
    ("he's at 12 Oak Ave", "12 Oak Ave", LIKELY),
    ("people living at 412 Maple St", "412 Maple St", LIKELY),
    ("Harvest's address is 12 Oak Ave", "12 Oak Ave", LIKELY),
    ("come to the fundraiser at Bell's house, 14 Fern Ave", "14 Fern Ave", WEAK),
    ("they're at 12 Oak Ave", "12 Oak Ave", WEAK),
    ("socks are wanted there, their address is 12 Oak Ave", "12 Oak Ave", WEAK),
    ("who lives at 412 Maple St?", "412 Maple St", WEAK),
    ("my sister lives at 412 Maple St", "412 Maple St", WEAK),
    ("the lost dog is Buddy, his owner lives at 412 Maple St", "412 Maple St", LIKELY),
    ("her cell is 555-0188", "555-0188", CERTAIN),
    ("Brandt's home phone: 804.555.0117", "804.555.0117", CERTAIN),
    ("his personal number is (804) 555-0117", "(804) 555-0117", CERTAIN),
    ("officer Ruiz's cell number is +1 804-555-0117", "+1 804-555-0117", CERTAIN),
    ("her cell is five five five oh one eight eight", "five five five oh one eight eight", CERTAIN),
    ("his cell 5 5 5 0 1 8 8", "5 5 5 0 1 8 8", CERTAIN),
    ("his number is 555-0198, let him know", "555-0198", LIKELY),
    ("here's his number: 757-555-0182", "757-555-0182", LIKELY),
    ("757-555-0182 is her number", "757-555-0182", LIKELY),
    ("works the parts counter, cell 555-0129", "555-0129", LIKELY),
    ("the advocate's cell number is 555-0144", "555-0144", LIKELY),
    ("the dog ran off, her cell is 555-0188", "555-0188", LIKELY),
    ("her cell is 555-0188 if you see him", "555-0188", WEAK),
    ("call his mum 555-0117", "555-0117", WEAK),
    ("my brother's cell is 555-0117", "555-0117", WEAK),
    ("gray Altima, plate HRK 2217", "HRK 2217", CERTAIN),
    ("his plate is 7KJX221", "7KJX221", CERTAIN),
    ("wife's car is the silver CRV tag JWM 2281", "JWM 2281", CERTAIN),
    ("she parks that white Jeep there, vanity plate REYDAY", "REYDAY", CERTAIN),
    ("plate 7KJX221", "7KJX221", LIKELY),
    ("tag number ABC-1234", "ABC-1234", LIKELY),
    ("license plate reads HRK 2217", "HRK 2217", LIKELY),
    ("that officer drives it, plate starts 4RT", "4RT", LIKELY),
    ("white Tahoe RTX-4471", "RTX-4471", LIKELY),
    ("AMBER alert from the state: silver Honda plate ABC-1234", "ABC-1234", LIKELY),
    ("a cop is parked at the Shell right now", "cop is parked at the Shell", LIKELY),
    ("trooper hiding behind the billboard, heads up", "trooper hiding behind the billboard", LIKELY),
    ("cops sitting at 5th and Main right now", "cops sitting at 5th and Main", LIKELY),
    ("checkpoint at 5th and Main right now", "checkpoint at 5th and Main", LIKELY),
    ("retén en la 31 y Cobb ahorita", "retén en la 31 y Cobb", LIKELY),
    ("two snipers on the roof of the bank", "snipers on the roof", LIKELY),
    ("cop car behind the Dollar General on 9, slow down", "cop car behind the Dollar", LIKELY),
    ("trooper in the median at mile 22 rn", "trooper in the median", LIKELY),
    ("state police running radar on 41 near the exit rn", "state police running radar on 41 near the exit", LIKELY),
    ("2 unmarked cars by the Shell", "unmarked cars by the Shell", WEAK),
    ("DUI checkpoint on Rt 9 by the bridge", "checkpoint on Rt 9", WEAK),
    ("3 cops parked behind the church", "cops parked behind the church", WEAK),
    ("her SSN is 219-09-9999", "219-09-9999", LIKELY),
    ("his email is kyle.renner@mail.example", "kyle.renner@mail.example", LIKELY),
    ("email her at d.kessler@mail.example", "d.kessler@mail.example", WEAK),
]
DISGUISED = [
    ("her home address is ４１２ Maple St", "４１２ Maple St"),
    ("he l\u200bives at 41\u200b2 Map\u200ble St ok", "41\u200b2 Map\u200ble St"),
    ("😡 she lives at 412 Maple St 😡", "412 Maple St"),
    ("his cell is ５５５-０１８８", "５５５-０１８８"),
    ("gray Altima, pl\u200date HRK\u200b 2217", "HRK\u200b 2217"),
]
NONE = [
    "the station at 100 Main St",
    "meet at the library, 12 Park Ave",
    "St. Mary Church, 100 Hill St",
    "Joe's Pizza, 12 Park Ave",
    "Miller's at 412 Main St has good pie",
    "Mayor Ames, 100 Main St, City Hall",
    "the chief's office is at 100 Main St",
    "he works at 100 Main St",
    "the band plays live at 12 Oak Ave",
    "Yard sale at 22 Tern St, 7 til noon",
    "I live at 412 Maple St and nobody came",
    "We live at 12 Oak Ave, please send someone",
    "nobody lives at 412 Maple St",
    "he used to live at 412 Maple St",
    "She has lived at 412 Maple St all her life",
    "firefighters saved lives at 412 Maple St",
    "we lost two lives at 100 Oak Ave",
    "crashes at 500 Main St every week",
    "the 400 block of Maple St",
    "412 Maple St",
    "he lives 20 minutes from Oak Street",
    "she lives on a one way street",
    "3.5 miles down Oak Road",
    "John Smith, 45 Years of service",
    "Sgt. Ames retired, 12 Monday shifts left",
    "5th and Main needs a light",
    "5th and Main right now is a mess",
    "in 1987 we moved here",
    "it cost $412 and 88 cents",
    "between 10:30 and 11:45",
    "Gulls won 21-14 last night",
    "he scored 88 in a row",
    "case number 24-001234 is still open",
    "Highway 41 and Route 9 are closed",
    "Exit 12 to Route 9 East",
    "badge number 2217",
    "his jersey number is 2024",
    "the bill, HB 1234, passed",
    "call 911 or 311",
    "dial 988 if you need help",
    "call 1-800-555-0199 with tips",
    "her hotline number is 1-888-555-0170",
    "Gutter cleaning, call Ray 555-0131",
    "I got a call from 757-555-0182 saying I owe money",
    "call us at 804-555-0117",
    "my number is 555-0117",
    "whatsapp him at 555-0188, he got my money back",
    "the department's number is 555-0100",
    "Councilman Smith's number is 555-0144, ask him",
    "the desk's number is 757-555-0100",
    "her line is 757-555-0100",
    "tag 5 friends to win",
    "TAG 10 FRIENDS",
    "his tag #BLM2020 is everywhere",
    "her name tag reads KTT 4409",
    "save me a plate Rosie",
    "plate covers, $29 each",
    "my plate is 7KJX221 and I want it back",
    "my car was stolen, silver Civic, plate ABC-1234",
    "the license plate reader cameras cost 400000",
    "Boeing 737 and BMW 328 and RAM 1500",
    "Ford F-150, the 2014 model",
    "my car was parked at the mall yesterday",
    "I saw a cop while I was parked at the mall",
    "they always sit behind the Shell",
    "Your deputies sit at the speed trap on 9 all day",
    "cops were parked behind the church last night",
    "why are there 3 cops parked at the school right now?",
    "when is the next checkpoint at 5th and Main?",
    "there should be a checkpoint at 5th and Main",
    "a checkpoint at every bar would help",
    "hiding behind their badges",
    "cops hiding behind the union",
    "officers are sitting on their asses",
    "cops sitting at their desks right now",
    "Thank you deputies parked by the school right now",
    "police are set up at the library right now handing out candy",
    "police at the park tomorrow",
    "the officer on Main Street right now is directing traffic",
    "is the checkpoint on Main still there?",
    "two officers at the library waved at my kids",
    "write to desk@riverbend.gov",
    "his email is ames@council.riverbend.gov",
    "email me at me@mail.example",
    "my SSN is 219-09-9999",
    "219-09-9999",
    "",
]
PUBLIC = [
    # The post, and a comment that only repeats it.
    ("A fire at 412 Maple Street.", "he lives at 412 maple st"),
    ("Search at 818 Kessler today.", "she lives at 818 Kessler St"),
    ("Call Det. Ames at (757) 555-0117.", "Ames's cell is 757-555-0117"),
    ("Call Det. Ames at 757.555.0117.", "her cell is 555-0117"),
    ("Look for a gray Altima, plate HRK-2217.", "gray Altima, plate HRK 2217"),
    ("Checkpoint tonight at 5th and Main.", "checkpoint at 5th and Main right now"),
    ("Write to kyle.renner@mail.example.", "his email is Kyle.Renner@mail.example"),
]
LONG = [
    "lives at 412 Maple St ",
    "1 ",
    "5 5 5 ",
    "one ",
    "cops at the ",
    "they they ",
    "plate plate ",
    "tag A1 ",
    "a@a.",
    "A B ",
    "his ",
    "12 a b c ",
    "checkpoint at a and ",
    "\u200b",
    "１",
    "'s ",
]


def found(text: str, post: str | None = None) -> Evidence | None:
    evidence = detect(Sample(text, post))
    return evidence[0] if evidence else None


@pytest.mark.policy("A.11.g")
@pytest.mark.parametrize(("text", "held", "score"), SEEN)
def test_a11g_what_may_endanger_somebody_is_seen(text: str, held: str, score: float) -> None:
    evidence = found(text)
    assert evidence is not None
    source = "personal" if score == CERTAIN else "likely_personal"
    assert (evidence.category, evidence.source, evidence.score) == (Category.PUBLIC_SAFETY, source, score)
    assert held in [text[span.start : span.end] for span in evidence.spans]


@pytest.mark.parametrize(("text", "held"), DISGUISED)
def test_a_span_is_the_exact_stretch_of_the_original(text: str, held: str) -> None:
    evidence = found(text)
    assert evidence is not None
    assert evidence.score == CERTAIN
    assert [text[span.start : span.end] for span in evidence.spans] == [held]


@pytest.mark.policy("A.11.g")
@pytest.mark.parametrize("text", NONE)
def test_a11g_innocent_neighbours_stay_up(text: str) -> None:
    assert found(text) is None


@pytest.mark.parametrize(("post", "text"), PUBLIC)
def test_what_the_post_itself_made_public_may_be_shared(post: str, text: str) -> None:
    assert found(text) is not None
    assert found(text, post) is None
    assert found(text, "Thank you all for coming.") is not None


def hiding_from(threshold: float) -> Policy:
    """The shipped policy, which hides in the category from ``threshold``."""
    shipped = load_policy()
    change = {"mode": Mode.HIDE, "propose_threshold": 0.4, "hide_threshold": threshold}
    rule = shipped.categories[Category.PUBLIC_SAFETY].model_copy(update=change)
    return shipped.model_copy(update={"categories": {**shipped.categories, Category.PUBLIC_SAFETY: rule}})


@pytest.mark.policy("A.11.g")
@pytest.mark.parametrize(("text", "held", "score"), SEEN)
def test_a11g_only_what_is_certain_hides_whatever_the_thresholds(text: str, held: str, score: float) -> None:
    policy = hiding_from(0.5)
    seen = findings([0.0] * len(CATEGORIES), detect(Sample(text)), policy, post_known=False)
    assert decide(seen, policy).action is (Action.HIDE if score == CERTAIN else Action.PROPOSE)


def test_what_is_certain_can_hide_and_the_rest_is_proposed_by_the_shipped_policy() -> None:
    rule = load_policy().categories[Category.PUBLIC_SAFETY]
    assert rule.propose_threshold <= WEAK < LIKELY < CERTAIN
    assert rule.hide_threshold <= CERTAIN


def test_all_finds_share_one_piece_of_evidence() -> None:
    text = "He lives at 209 Reed Terrace apt 6, wife's car is the silver CRV tag JWM 2281, his cell is 555-0188"
    (evidence,) = detect(Sample(text))
    held = [text[span.start : span.end] for span in evidence.spans]
    assert held == ["209 Reed Terrace apt 6", "JWM 2281", "555-0188"]


@pytest.mark.parametrize(("text", "held", "score"), SEEN)
def test_the_reason_never_quotes_the_comment(text: str, held: str, score: float) -> None:
    evidence = found(text)
    assert evidence is not None
    assert held.lower() not in evidence.detail.lower()
    assert not any(letter.isdigit() for letter in evidence.detail)


@pytest.mark.parametrize("text", [row[0] for row in SEEN] + NONE)
def test_the_same_comment_gives_the_same_evidence(text: str) -> None:
    assert detect(Sample(text, "A post.")) == Personal(("757-555-0100",))(Sample(text, "A post."))


PARTS = [*sorted({word for text, *_ in SEEN for word in text.split()}), "\u200b", "４", "\n", "?", "İ", "ﬃ", "½"]


@given(st.one_of(st.text(max_size=400), st.lists(st.sampled_from(PARTS), max_size=40).map(" ".join)), st.text())
@settings(deadline=None)
def test_any_text_gives_spans_inside_it(text: str, post: str) -> None:
    for evidence in detect(Sample(text, post)):
        assert evidence.spans
        assert list(evidence.spans) == sorted(evidence.spans, key=lambda span: (span.start, span.end))
        for span in evidence.spans:
            assert 0 <= span.start < span.end <= len(text)


@pytest.mark.parametrize("part", LONG)
def test_a_very_long_text_is_looked_at_in_part(part: str) -> None:
    text = part * (10 * LONGEST // len(part))
    for evidence in detect(Sample(text, text[: LONGEST // 2] + "A post.")):
        assert all(span.end <= LONGEST for span in evidence.spans)


def test_twice_the_text_gives_twice_the_finds() -> None:
    part = "he lives at 412 Maple St. gray Altima, plate HRK 2217. her cell is 555-0188. "
    one, two = found(part * 50), found(part * 100)
    assert one is not None
    assert two is not None
    assert (len(one.spans), len(two.spans)) == (150, 300)
