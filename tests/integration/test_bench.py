"""The benchmarks of the model: what they count is right, and they run without PyTorch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from services.classify.model import SHIPPED
from tests.bench import floor
from tests.bench.fresh import at
from tests.system import ROOT


def test_the_operations_of_a_product_are_counted_from_its_shapes() -> None:
    side = floor.SIDE
    product = floor.product(side)
    assert floor.operations(product, [3, 5, 3]) == {3: 2 * 3 * side**2, 5: 2 * 5 * side**2}
    assert floor.weights(product) == {(side, side): 1}


def test_the_operations_of_the_shipped_model_grow_as_those_of_a_transformer() -> None:
    told = floor.operations(SHIPPED / "model.onnx", [16, 32, 48, 64])
    first, second, third, fourth = told.values()
    # Products with weights grow with the length and attention with its square.
    assert third - 2 * second + first > 0
    assert fourth - 3 * third + 3 * second - first == 0
    (given, out), count = max(floor.weights(SHIPPED / "model.onnx").items(), key=lambda size: size[1])
    assert first > 16 * 2 * given * out * (count - 1)


@pytest.mark.timeout(300)
def test_the_benchmark_tells_its_machine_its_command_and_every_way() -> None:
    command = [sys.executable, "-m", "tests.bench.bench_model", "--comments", "4", "--starts", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for told in (
        "machine  ",
        "command  python -m tests.bench.bench_model --comments 4 --starts 1",
        "ours, one at a time, one core, 8 bits",
        "ours, batches of 32, one core, 8 bits",
        "comments/s of the floor",
        "python -m services.classify score, until the first verdict",
        "python -m services.classify, until ready, new database",
    ):
        assert told in done.stdout
    assert ("skipped: the rows of transformers" in done.stdout) != ("transformers, one at a time" in done.stdout)


def test_no_values_have_no_share() -> None:
    assert at([3.0, 1.0, 2.0], 0.5) == 2.0
    assert str(at([], 0.5)) == "nan"
