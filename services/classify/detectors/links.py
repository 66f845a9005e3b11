"""
Links to other sites.

A link counts unless it leads to the city's own sites (`policy.toml`, subdomains included) or to an address that the
official post itself gives: sharing what the post made public is no link to another site. Where anybody can publish
(a video platform, a shortener), the post's own address is allowed and its neighbours are not. A path is compared by
whole segments, after ``..`` and percent-encoding are resolved.

Only a link as a program would write it is certain. One that is spelled out or guessed has a source of its own, which
never hides (`shared.decision.ONLY_PROPOSES`).

Policy: A.11.i.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from services.classify.detectors import Evidence, Sample
from services.classify.detectors.addresses import (
    Address,
    Written,
    addresses,
    is_public_suffix,
    registered_domain,
    split_url,
)
from services.classify.detectors.plain import plain
from shared.categories import Category
from shared.errors import SettingsInvalid

SOURCE = "links"
LIKELY_SOURCE = "likely_link"
"""The source of what is not certain: it proposes, and never hides."""

SCORES = {Written.PLAIN: 1.0, Written.SPELLED: 0.85, Written.LIKELY: 0.6}
"""A written link is certain; one spelled out or only likely is for a person to judge."""

SHORTENERS = frozenset(
    [
        "bit.ly",
        "tinyurl.com",
        "t.co",
        "goo.gl",
        "ow.ly",
        "is.gd",
        "buff.ly",
        "rebrand.ly",
        "cutt.ly",
        "shorturl.at",
        "rb.gy",
        "tiny.cc",
        "t.ly",
        "bl.ink",
        "lnkd.in",
        "s.id",
        "v.gd",
        "adf.ly",
        "shorte.st",
        "linktr.ee",
        "trib.al",
        "dlvr.it",
        "amzn.to",
        "fb.me",
        "wa.me",
        "t.me",
        "soo.gd",
        "clck.ru",
    ]
)
OPEN_SITES = SHORTENERS | frozenset(
    [
        "facebook.com",
        "instagram.com",
        "x.com",
        "twitter.com",
        "youtube.com",
        "youtu.be",
        "tiktok.com",
        "linkedin.com",
        "reddit.com",
        "threads.net",
        "medium.com",
        "wordpress.com",
        "blogspot.com",
        "google.com",
        "gofundme.com",
        "telegram.org",
        "discord.gg",
        "vimeo.com",
        "github.io",
    ]
)
"""Sites where anybody publishes: a link in the post allows that address, not the whole site."""

WRAPPERS = frozenset({"t.co", "lnkd.in", "l.facebook.com", "lm.facebook.com", "l.instagram.com"})
"""Shorteners that a platform puts round every link by itself: where the comment tells its links, those are judged."""


@dataclass(frozen=True)
class Links:
    """
    The detector; ``allowed`` holds the city's domains, each perhaps with a path (``video.example/ourtown``).

    Raises `SettingsInvalid` when a domain is a public suffix, under which anybody may register a site.

    Policy: A.11.i.
    """

    allowed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for entry in self.allowed:
            if is_public_suffix(entry.partition("/")[0].lower()):
                raise SettingsInvalid(
                    "POLICY_FILE: city.allowed_domains holds a public suffix, which would allow every site below it: "
                    "write the city's own domain, such as riverbend.gov"
                )

    def __call__(self, sample: Sample) -> Sequence[Evidence]:
        """One piece of evidence for all links of the comment: the surest gives the score, each gives a span."""
        text = plain(sample.text)
        own = [split for split in map(split_url, self.allowed) if split]
        own += [(entry.lower(), "") for entry in self.allowed if "/" not in entry]
        given = [(a.host, a.path) for a in addresses(plain(sample.post or "").text)]
        found = [a for a in addresses(text.text) if not (a.host in WRAPPERS and sample.links)]
        inside = [a for a in found if not _is_allowed(a.host, a.path, own, given)]
        attached = [
            split for split in map(split_url, sample.links) if split and not _is_allowed(*split, own=own, given=given)
        ]
        if not inside and not attached:
            return ()
        sure = 1.0 if attached else max(SCORES[address.written] for address in inside)
        return (
            Evidence(
                category=Category.SPAM_LINKS,
                score=sure,
                source=SOURCE if sure == SCORES[Written.PLAIN] else LIKELY_SOURCE,
                spans=tuple(text.span(address.start, address.end) for address in inside),
                detail=_detail(inside, [host for host, _ in attached], sure),
            ),
        )


def _is_allowed(host: str, path: str, own: Sequence[tuple[str, str]], given: Sequence[tuple[str, str]]) -> bool:
    """Whether the city or its post allows this address."""
    if any(_below(host, allowed) and _within(path, start) for allowed, start in own):
        return True
    domain = registered_domain(host)
    for post_host, post_path in given:
        if domain is not None and domain == registered_domain(post_host) and domain not in OPEN_SITES:
            return True
        if host == post_host and path.rstrip("/") == post_path.rstrip("/") != "":
            return True
    return False


def _below(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


_DOT = re.compile("%2e", re.IGNORECASE)


def _within(path: str, start: str) -> bool:
    """Whether ``path`` is ``start`` or below it, both when an encoded slash parts segments and when it does not."""
    wanted = _segments(start)
    decoded = path
    for _ in range(3):
        decoded = unquote(decoded)
    return all(_segments(read)[: len(wanted)] == wanted for read in (_DOT.sub(".", path), decoded))


def _segments(path: str) -> list[str]:
    """The parts of a path, decoded, with ``.`` and ``..`` resolved as browsers do."""
    kept: list[str] = []
    for segment in path.replace("\\", "/").strip().removeprefix("/").removesuffix("/").split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(unquote(segment))
    return [] if kept == [""] else kept


def _detail(inside: Sequence[Address], attached: Iterable[str], sure: float) -> str:
    """A sentence that quotes nothing but the names of known shorteners."""
    hosts = {address.host for address in inside} | set(attached)
    short = sorted(hosts & SHORTENERS)
    if short:
        return f"It holds a link that hides where it leads, by the shortener {', '.join(short)}."
    if sure == SCORES[Written.PLAIN]:
        return "It holds a link to another site."
    if sure == SCORES[Written.SPELLED]:
        return "It spells out the address of another site so that no program takes it for a link."
    return "It holds what is likely the address of another site."
