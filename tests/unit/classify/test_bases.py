"""The base encoders: put together from their packages once, and only those that are expected."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from services.classify.training import bases

WEIGHTS = b"the weights"


class Installed:
    """A file of a package, as `importlib.metadata` tells it."""

    def __init__(self, path: Path) -> None:
        self.name, self._path = PurePosixPath(path).name, path

    def locate(self) -> Path:
        return self._path


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An archive in two packages; gives back a list that tells each reading of a package."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("all/model.safetensors", WEIGHTS)
        packed.writestr("all/1_Pooling/config.json", "{}")
        packed.writestr("all/config.json", "{}")
    content, read = archive.getvalue(), list[str]()
    for number, part in enumerate((content[:50], content[50:]), start=1):
        (tmp_path / f"all.zip.00{number}").write_bytes(part)

    def files(package: str) -> list[Installed]:
        read.append(package)
        return [Installed(tmp_path / "METADATA"), Installed(tmp_path / f"all.zip.00{package[-1]}")]

    monkeypatch.setattr(bases, "files", files)
    expected = bases.Base(("part-1", "part-2"), hashlib.sha256(WEIGHTS).hexdigest(), layers=6)
    monkeypatch.setitem(bases.BASES, "mpnet", expected)
    return read


def test_an_encoder_in_parts_is_put_together_once(parts: list[str], tmp_path: Path) -> None:
    folder = bases.base_folder("mpnet", tmp_path / "cache")
    assert {file.name for file in folder.iterdir()} == {"model.safetensors", "config.json"}
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert bases.base_folder("mpnet", tmp_path / "cache") == folder
    assert parts == ["part-1", "part-2"]


def test_other_weights_are_refused(parts: list[str], tmp_path: Path) -> None:
    folder = bases.base_folder("mpnet", tmp_path / "cache")
    (folder / "model.safetensors").write_bytes(b"others")
    with pytest.raises(FileNotFoundError, match="part-1 and part-2: not the expected encoder"):
        bases.base_folder("mpnet", tmp_path / "cache")


def test_a_package_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bases.BASES, "minilm", bases.Base(("no-such-encoder",), "", layers=6))
    with pytest.raises(FileNotFoundError, match="no-such-encoder is not installed"):
        bases.base_folder("minilm", tmp_path)
