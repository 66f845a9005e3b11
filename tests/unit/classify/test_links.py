"""Links to other sites (A.11.i): what is one, what only looks like one, and what the city or its post allows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.detectors import Evidence, Sample
from services.classify.detectors.links import Links
from shared.decision import ONLY_PROPOSES
from shared.errors import SettingsInvalid

CITY = ("riverbend.example", "video.example/riverbend")
detect = Links(CITY)

PLAIN = [
    "look at https://shop.example.com/deal",
    "http://a-b.example.net",
    "www.cheap-pills.example.org now",
    "go to cheap-pills.example.com today",
    "bit.ly/3xYz",
    "news: gazette.com/story?id=4",
    "ÉCOLE.example.com/é",
    "visit https://bücher.example.com",
    "(see gazette.com)",
    "read gazette.com.",
    "HTTPS://GAZETTE.COM/A",
    "try t.me/freecoins",
    "https://riverbend.example.evil.com/login",
    "notriverbend.example.com",
    "https://video.example.com/other",
    "claim it at sol-drop.cc",
    "ask shop.gazette.de about it",
    "free at etc.so/win",
    "http://192.0.2.7/setup",
    "ftp://files.gazette.org",
    "пример.рф",
    "see ga\u200bzette.com",
    "see gazette\uff0ecom",
    "gazette.com:8080/a",
    "https://video.example/riverbendevil",
    "https://video.example/riverbend/../other",
    "https://video.example/riverbend/%2E%2e/other",
    "https://video.example/riverbend/..%2fother",
    "https://video.example/riverbend%2f..%2Fother",
    "https://video.example/riverbend/%252e%252e/other",
    "https://video.example/other//../riverbend",
    "https://video.example/other/%2f..%2friverbend",
    "https://video.example/Riverbend",
    "https://evil.com\\@riverbend.example/x",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/x",
    "http://0177.0.0.1",
    "http://017700000001/a",
    "https://riverbend.example@3221225991/",
    "http://[2001:db8::1]/x",
]
DISGUISED = [
    "cheap-pills dot com is the place",
    "cheap-pills [.] com",
    "cheap-pills(dot)com",
    "hxxps://cheap-pills.com/x",
    "cheap-pills . com for more",
    "cheap-pills [dot] co [dot] uk",
    "cheappills,com",
    "cheap-pills dot live/now",
    "watchmovies dot to",
    "snapfun dot lol",
    "visit cheappills.shop today",
    "win4free.to",
    "hxxp[:]//cheap-pills.com",
    "entra en cheap-pills punto com",
    "e x a m p l e . c o m",
    "visit e x a m p l e dot c o m now",
    "more at r u m b l e . c o m / harbor",
    "cheappills d o t com",
    "cheappills dot c o m",
    "cheappills [d0t] com",
    "cheappills(d o t)com",
    "cheappills-dot-com",
    "cheappills *dot* com",
    "cheappills_dot_com",
    "CHEAPPILLS DOT COM",
    "cheappills•com",
    "cheappills [•] com",
    "cheappills.c0m",
    "cheappills dot cоm",
    "www cheappills com",
    "www . cheappills . com",
    "bit ly/abc",
    "bit . ly / abc",
    "join t me/abc",
    "t dot me/abc",
    "tiny url . com /harbor",
    "bitly/harbor-ufo",
    "mega-clips . ru/harbor",
    "dr0pvid. me/harbor",
]
NONE = [
    "Thank you, officers.",
    "I live in Norfolk,VA and it is 3.30pm",
    "That was 2.5 miles e.g. from here",
    "etc.so they left",
    "The U.S. and the U.K.",
    "v2.0.1 of the form",
    "He said it.It was wrong",
    "write to desk@riverbend.example please",
    "mail me at john.doe@gazette.com",
    "report.pdf and photo.jpg are attached",
    "Mr.Smith and Mrs.Jones",
    "at 10.15 p.m. on 4.5.2026",
    "no comment...really",
    "@riverbendpd great job",
    "#nojustice.nopeace",
    "Officer J. Doe did well",
    "5th.Street is closed",
    "¿Qué pasó?Nadie sabe.",
    "A.11.i says so",
    "ok.thanks",
    "the dot com boom",
    "a polka dot dress and a polka dot shop",
    "connect the dot to the line",
    "great job.live with it",
    "bien.Es verdad",
    "body-cam.mov and run.sh",
    "Norfolk.VA is far",
    "I was at work.it was late",
    "gov,com and net",
    "that is it. com on",
    "Lt.Gov. Ames spoke",
    "http://localhost/x",
    "mail bob (at) gazette dot com",
    "email bob at gazette dot com",
    "@jane.doe.co said so",
    "Ph.D. in 2.0 days, No.1",
    "St.Louis and Ft.Worth",
    "1.5.2026 10.30am 192.0.2.7",
    "remember the years of dot com bubble",
    "it failed during dot com crash",
    "the late dot-com days",
    "the end.So what",
    "I was there at 5.It was late",
    "v1.2.3 of file.tar.gz, build 0x7f000001",
    "Virginia DOT to close the bridge",
    "contact vermont DOT info line",
    "a polka-dot-shop",
    "can t me/you agree",
    "you don t me/him neither",
    "he had a bit ly",
    "facebook us at fb me/text me",
    "a b c d e f g",
    "W h a t s A p p",
    "p l e a s e . c o m e here",
    "milk • com • net",
    "www is slow",
    "http://5/",
    "case 2130706433/7",
    "10-4.Copy that",
    "unit 12-a, live at 5/6",
]
ALLOWED = [
    "the map: https://www.riverbend.example/roads",
    "riverbend.example has it",
    "jobs.riverbend.example/apply",
    "https://video.example/riverbend/clip1",
    "https://video.example/riverbend",
    "https://video.example/riverbend/?a=1",
    "https://video.example/other/../riverbend/clip1",
    "https://video.example/riverbend/./clip%201",
    "riverbend[.]example has it",
]


def found(text: str, post: str | None = None, links: tuple[str, ...] = ()) -> Evidence | None:
    evidence = detect(Sample(text, post, links))
    return evidence[0] if evidence else None


@pytest.mark.policy("A.11.i")
@pytest.mark.parametrize("text", PLAIN)
def test_a11i_a_written_link_is_certain(text: str) -> None:
    evidence = found(text)
    assert evidence is not None
    assert (evidence.score, evidence.source) == (1.0, "links")
    assert evidence.spans


@pytest.mark.parametrize("text", DISGUISED)
def test_a_spelled_out_link_is_evidence_for_a_person(text: str) -> None:
    evidence = found(text)
    assert evidence is not None
    assert 0.5 <= evidence.score <= 1.0


@pytest.mark.policy("A.11.i")
@pytest.mark.parametrize("text", DISGUISED)
def test_a11i_a_link_that_is_not_certain_never_hides(text: str) -> None:
    evidence = found(text)
    assert evidence is not None
    assert evidence.source == "likely_link"
    assert evidence.source in ONLY_PROPOSES


def test_one_certain_link_makes_the_whole_comment_certain() -> None:
    evidence = found("cheappills dot com or https://gazette.com/a")
    assert evidence is not None
    assert (evidence.source, len(evidence.spans)) == ("links", 2)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("more at r u m b l e . c o m / harbor ok", "r u m b l e . c o m / harbor"),
        ("see che\u200bappills d o t com ok", "che\u200bappills d o t com"),
        ("see cheappills*dot*com ok", "cheappills*dot*com"),
        ("see ｗｗｗ cheappills com ok", "ｗｗｗ cheappills com"),
        ("join t me/abc ok", "t me/abc"),
        ("see http://2130706433/ ok", "http://2130706433/"),
    ],
)
def test_a_span_is_the_exact_stretch_of_the_original(text: str, held: str) -> None:
    evidence = found(text)
    assert evidence is not None
    assert [text[span.start : span.end] for span in evidence.spans] == [held]


@pytest.mark.parametrize("entry", ["com", "co.uk", "va.us", "pvt.k12.ma.us", "gov/riverbend"])
def test_a_public_suffix_is_no_site_of_a_city(entry: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"city\.allowed_domains holds a public suffix"):
        Links(("riverbend.example", entry))


@pytest.mark.parametrize(
    "link",
    [
        "https:evil.com/x",
        "https:\\\\evil.com\\x",
        "https://evil%2ecom/x",
        "https://evil.com\\@riverbend.example/",
        "gazette.com/a//b",
    ],
)
def test_an_attached_link_is_read_as_browsers_read_it(link: str) -> None:
    evidence = found("", links=(link,))
    assert evidence is not None
    assert evidence.score == 1.0


@pytest.mark.parametrize("text", NONE)
def test_what_only_looks_like_a_link_is_none(text: str) -> None:
    assert found(text) is None


@pytest.mark.policy("A.11.i")
@pytest.mark.parametrize("text", ALLOWED)
def test_a11i_the_citys_own_sites_are_allowed(text: str) -> None:
    assert found(text) is None


def test_what_the_post_itself_made_public_may_be_shared() -> None:
    post = "The story is at https://gazette.com/road and the form at https://youtu.be/abc."
    assert found("read gazette.com/other first", post) is None
    assert found("https://youtu.be/abc says it", post) is None
    assert found("https://youtu.be/xyz is better", post) is not None


def test_an_attached_link_counts_without_words() -> None:
    evidence = found("", links=("https://shop.example.com/deal",))
    assert evidence is not None
    assert (evidence.score, evidence.spans) == (1.0, ())
    assert found("", links=("https://riverbend.example/x",)) is None


def test_the_reason_never_quotes_the_comment() -> None:
    evidence = found("my-secret-words.example.com/very-private")
    assert evidence is not None
    assert "secret" not in evidence.detail
    assert "private" not in evidence.detail


PIECES = [
    "shop",
    "a",
    "c o m",
    "com",
    "c0m",
    " dot ",
    " d o t ",
    "[d0t]",
    "-dot-",
    "*",
    "•",
    ".",
    ",",
    " ",
    "/",
    "www ",
]
PIECES += [
    "t me/",
    "bit ly/",
    "http://",
    "0x7f",
    "2130706433",
    "017",
    "[",
    "]",
    "@",
    "\\",
    "\u200b",
    "ﬁ",
    "％",
    "..",
    "%2e",
]


@given(st.text(max_size=400) | st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(deadline=None)
def test_any_text_gives_spans_inside_it(text: str) -> None:
    for evidence in detect(Sample(text)):
        for span in evidence.spans:
            assert 0 <= span.start < span.end <= len(text)


def test_a_very_long_text_is_looked_at_in_part() -> None:
    assert found("gazette.com " + "x " * 100_000) is not None
