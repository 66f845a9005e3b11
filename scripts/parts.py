"""
Run the tests in parts, one after the other, and print how long each took.

``python scripts/parts.py test`` is what CI runs. All parts run even when one fails, so that one run shows all that is
wrong; the exit code is 1 when any failed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PY = sys.executable
PYTEST = [PY, "-m", "pytest", "-q"]

FORMAT = ("format", [PY, "-m", "ruff", "format", "--check", "-q", "."])
LINT = ("lint", [PY, "-m", "ruff", "check", "-q", "."])
TYPES = ("types", [PY, "-m", "mypy"])
UNIT = ("unit", [*PYTEST, "tests/unit"])
CONTRACT_EMBEDDED = ("contract, embedded", [*PYTEST, "tests/contract", "-k", "not kafka and not postgresql"])
CONTRACT = ("contract", [*PYTEST, "tests/contract"])
NEUTRALITY = ("neutrality", [*PYTEST, "tests/neutrality"])
INTEGRATION = ("integration", [*PYTEST, "tests/integration"])
END_TO_END = ("end to end", [*PYTEST, "tests/e2e"])
CHAOS_SHORT = ("chaos, short", [*PYTEST, "tests/chaos"])
CHAOS = ("chaos, long", [*PYTEST, "tests/chaos", "-s", "-m", "long"])
LONG = ("long tests", [*PYTEST, "tests", "-m", "long", "--ignore", "tests/chaos"])
BENCH = [
    ("bench: intake and end to end", [PY, "-m", "tests.bench.bench_path"]),
    ("bench: scoring", [PY, "-m", "tests.bench.bench_score"]),
    ("bench: the model alone", [PY, "-m", "tests.bench.bench_model"]),
]

PARTS: dict[str, list[tuple[str, list[str]]]] = {
    "check": [FORMAT, LINT, TYPES, UNIT, CONTRACT_EMBEDDED],
    "test": [FORMAT, LINT, TYPES, UNIT, NEUTRALITY, CONTRACT, INTEGRATION, END_TO_END, CHAOS_SHORT],
    "bench": BENCH,
    "chaos": [CHAOS],
    "long": [CHAOS, LONG],
}


def main() -> int:
    """Run the parts of the suite that the command line names; gives back the exit code."""
    if len(sys.argv) != 2 or sys.argv[1] not in PARTS:
        print(f"usage: parts.py {'|'.join(PARTS)}", file=sys.stderr)
        return 2
    results: list[tuple[str, bool, float]] = []
    for name, command in PARTS[sys.argv[1]]:
        print(f"\n== {name}", flush=True)
        begun = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        results.append((name, code == 0, time.monotonic() - begun))
    print(f"\n{'part':<34} {'result':<8} {'seconds':>8}")
    for name, passed, seconds in results:
        print(f"{name:<34} {'passed' if passed else 'FAILED':<8} {seconds:>8.1f}")
    print(f"{'all':<34} {'':<8} {sum(seconds for *_, seconds in results):>8.1f}")
    failed = sum(not passed for _, passed, _ in results)
    print(f"parts: {len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
