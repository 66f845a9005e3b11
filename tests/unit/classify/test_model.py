"""The card of a model's folder, and what a comment of several windows scores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from services.classify.model import FILES, OFF_TOPIC, SHIPPED, OnnxModel, Pair, read_card
from shared.errors import SettingsInvalid


def folder_with(folder: Path, **more: object) -> Path:
    for name in FILES:
        shutil.copy(SHIPPED / name, folder / name)
    card = json.loads((SHIPPED / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**card, **more}))
    return folder


def test_what_the_card_says_of_the_training_changes_nothing(tmp_path: Path) -> None:
    card, shipped = read_card(folder_with(tmp_path, training={"epochs": 3, "seed": 1903})), read_card(SHIPPED)
    assert card.version == shipped.version
    assert (card.slopes.tolist(), card.shifts.tolist()) == (shipped.slopes.tolist(), shipped.shifts.tolist())


@pytest.mark.parametrize("calibration", [{}, [], None, {"vulgar": [1.0]}])
def test_a_card_with_a_calibration_that_is_none_stops_the_process(tmp_path: Path, calibration: object) -> None:
    with pytest.raises(SettingsInvalid, match="CLASSIFY_MODEL_DIR"):
        read_card(folder_with(tmp_path, calibration=calibration))


@pytest.mark.asyncio
async def test_the_strongest_window_decides_and_for_off_topic_the_weakest() -> None:
    model = OnnxModel(SHIPPED, workers=1)
    post = "The swimming pool on Elm Street is open again from Monday."
    pair = Pair("The pool is open again, my children love to swim there. " * 9 + "Cheap shoes, call now. " * 30, post)
    _, [found] = await model._in_windows([pair])
    [logits] = await model.logits([pair])
    await model.close()
    assert len(found.rows) > 1
    expected = found.rows.max(axis=0)
    expected[OFF_TOPIC] = found.rows[:, OFF_TOPIC].min()
    assert np.array_equal(logits, expected)
    assert found.rows[:, OFF_TOPIC].max() - logits[OFF_TOPIC] > 0.1
