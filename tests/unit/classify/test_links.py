"""Links to other sites (A.11.i): what is one, what only looks like one, and what the city or its post allows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.detectors import Evidence, Sample
from services.classify.detectors.links import Links

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
]
ALLOWED = [
    "the map: https://www.riverbend.example/roads",
    "riverbend.example has it",
    "jobs.riverbend.example/apply",
    "https://video.example/riverbend/clip1",
]


def found(text: str, post: str | None = None, links: tuple[str, ...] = ()) -> Evidence | None:
    evidence = detect(Sample(text, post, links))
    return evidence[0] if evidence else None


@pytest.mark.policy("A.11.i")
@pytest.mark.parametrize("text", PLAIN)
def test_a11i_a_written_link_is_certain(text: str) -> None:
    evidence = found(text)
    assert evidence is not None
    assert evidence.score == 1.0
    assert evidence.spans


@pytest.mark.parametrize("text", DISGUISED)
def test_a_spelled_out_link_is_evidence_for_a_person(text: str) -> None:
    evidence = found(text)
    assert evidence is not None
    assert 0.5 <= evidence.score <= 1.0


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


@given(st.text(max_size=400))
@settings(deadline=None)
def test_any_text_gives_spans_inside_it(text: str) -> None:
    for evidence in detect(Sample(text)):
        for span in evidence.spans:
            assert 0 <= span.start < span.end <= len(text)


def test_a_very_long_text_is_looked_at_in_part() -> None:
    assert found("gazette.com " + "x " * 100_000) is not None
