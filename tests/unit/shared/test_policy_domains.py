"""The city's own sites in the policy file (A.11.i): what an entry may be, and what is said about one that may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from publicsuffixlist import PublicSuffixList

from shared.errors import SettingsInvalid
from shared.policy import SHIPPED, City, load_policy


def _policy(folder: Path, entry: str) -> Path:
    file = folder / "city.toml"
    shipped = SHIPPED.read_text()
    assert 'allowed_domains = ["riverbend.example"]' in shipped
    file.write_text(shipped.replace('["riverbend.example"]', f"['riverbend.example', '{entry}']", 1))
    return file


@pytest.mark.policy("A.11.i")
@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("com", "write the city's own domain"),
        ("gov", "write the city's own domain"),
        ("co.uk", "write the city's own domain"),
        ("va.us", "write the city's own domain"),
        ("k12.va.us", "write the city's own domain"),
        ("com/riverbend", "write the city's own domain"),
        ("localhost", "write the city's own domain"),
        ("*.riverbend.gov", "its subdomains are included anyway"),
        (".riverbend.gov", "its subdomains are included anyway"),
        ("https://riverbend.gov", "without https://"),
        ("HTTPS://riverbend.gov", "without https://"),
        ("//riverbend.gov", "without https://"),
        ("mailto:desk@riverbend.gov", "without https://"),
        ("riverbend.gov:443", "write the domain alone"),
        ("riverbend.gov:443/police", "write the domain alone"),
        ("", "is blank"),
        ("  ", "is blank"),
        (" riverbend.gov", "holds a space"),
        ("riverbend.gov, police.gov", "holds a space"),
        ("Riverbend.gov", "in small letters"),
        ("riverbend.gov.", "is no domain"),
        ("desk@riverbend.gov", "is no domain"),
        ("river_bend!.gov", "is no domain"),
        ("-riverbend.gov", "is no domain"),
        ("/police", "is no domain"),
        ("riverbend.gov/a/../b", "has a path that is not plain"),
        ("riverbend.gov/a%2Fb", "has a path that is not plain"),
        ("riverbend.gov/?page=1", "has a path that is not plain"),
    ],
)
def test_a11i_a_wrong_domain_is_refused_with_what_to_write(tmp_path: Path, entry: str, told: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"city\.allowed_domains\.1: ") as failure:
        load_policy(_policy(tmp_path, entry))
    assert told in str(failure.value)


@pytest.mark.parametrize(
    "entry",
    [
        "riverbend.gov",
        "www.riverbend.gov",
        "ci.riverbend.va.us",
        "riverbend.va.us",
        "video.example/riverbend",
        "video.example/@RiverbendPD/",
        "video.example/caf%C3%A9",
        "bücher.example",
        "xn--bcher-kva.example",
        "riverbend-police.co.uk",
    ],
)
def test_a_domain_perhaps_with_a_path_is_taken_as_it_is(tmp_path: Path, entry: str) -> None:
    assert load_policy(_policy(tmp_path, entry)).city.allowed_domains[1] == entry


@pytest.mark.parametrize("suffix", ["co.uk", "com.mx", "gob.mx", "gov.au", "ac.uk", "va.us", "k12.va.us", "lib.ca.us"])
def test_what_is_refused_as_a_suffix_is_one(suffix: str) -> None:
    assert PublicSuffixList(accept_unknown=False, only_icann=True).is_public(suffix)
    with pytest.raises(ValueError, match="is a public suffix"):
        City(name="Riverbend", division="Police", zone="America/New_York", allowed_domains=(suffix,))
