"""
The direction of all imports, and where the environment and drivers may be touched.

The table is the design's: core, logic, edges, roots. A new file falls under it by its name.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("ingest", "classify", "retention", "notify")

DRIVERS = {
    "aiokafka": ("shared/bus/kafka.py",),
    "sqlite3": ("shared/bus/",),
    "aiosqlite": ("shared/bus/sqlite",),
    "sqlalchemy": ("store", "tables.py", "queries.py", "session.py", "invariants.py", "shared/db.py",
                   "shared/directory.py", "shared/migrate.py", "shared/migrations/", "shared/invariants.py"),
    "alembic": ("shared/migrate.py", "shared/migrations/"),
    "onnxruntime": ("services/classify/",),
    "tokenizers": ("services/classify/",),
    "transformers": ("services/classify/huggingface.py", "services/classify/training/"),
    "torch": ("services/classify/huggingface.py", "services/classify/training/"),
    "apprise": ("services/notify/channels",),
    "uvicorn": ("shared/runtime.py",),
}  # fmt: skip
"""Which files may import a driver: those whose path holds one of the strings."""

CORE = ("shared/events.py", "shared/categories.py", "shared/errors.py", "shared/policy.py", "shared/decision.py")
CORE_MAY = {"pydantic", "shared"}

FILES = sorted(path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_imports_point_in_one_direction(path: Path) -> None:
    name = _name(path)
    for module in _imports(path):
        top, _, rest = module.partition(".")
        if top == "services" and rest:
            service = rest.partition(".")[0]
            if name.startswith("shared/"):
                pytest.fail(f"{name} imports {module}: shared imports no service")
            if name != "services/__main__.py" and service in SERVICES:
                assert name.startswith(f"services/{service}/"), f"{name} imports {module}: no service imports another"
        if top == "tests" or top == "scripts":
            pytest.fail(f"{name} imports {module}: the product does not know its tests")


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_driver_is_imported_at_the_edge_only(path: Path) -> None:
    name = _name(path)
    for module in _imports(path):
        allowed = DRIVERS.get(module.partition(".")[0])
        if allowed is not None:
            assert any(part in name for part in allowed), f"{name} imports {module}"


@pytest.mark.parametrize("name", CORE)
def test_the_core_needs_nothing_but_pydantic(name: str) -> None:
    for module in _imports(ROOT / name):
        top = module.partition(".")[0]
        assert top in CORE_MAY or top in sys.stdlib_module_names, f"{name} imports {module}"


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "policy.py"], ids=_name)
def test_policy_is_pure(path: Path) -> None:
    for module in _imports(path):
        top = module.partition(".")[0]
        assert top in CORE_MAY | {"services"} or top in sys.stdlib_module_names, f"{_name(path)} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_only_settings_read_the_environment(path: Path) -> None:
    if path.name == "settings.py":
        return
    source = path.read_text()
    for word in ("os.environ", "os.getenv", "BaseSettings"):
        assert word not in source, f"{_name(path)} reads the environment: settings.py does that"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_the_clock_is_read_in_one_place(path: Path) -> None:
    if _name(path) == "shared/runtime.py" or "/training/" in _name(path):
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            assert called not in ("datetime.now", "datetime.utcnow", "time.time", "date.today"), (
                f"{_name(path)} reads the clock: it is passed in"
            )


@pytest.mark.parametrize(
    "path", [path for path in FILES if "/training/" not in _name(path) and "/migrations/" not in _name(path)], ids=_name
)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) < 400, f"{_name(path)} has {len(lines)} lines"
    if path.name != "__init__.py" or lines:
        assert ast.get_docstring(ast.parse(path.read_text())), f"{_name(path)} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_names_say_what_a_module_is(path: Path) -> None:
    for word in ("utils", "helpers", "manager", "base", "common", "misc"):
        assert word not in path.stem.split("_"), f"{_name(path)}: name what it does"
