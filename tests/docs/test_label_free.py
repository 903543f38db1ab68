"""docs/label_free.md says what was recorded."""

from pathlib import Path

import pytest

from docs.measure_label_free import GRIDS, tables
from mloss_core.evaluation.criteria.measured import measured
from mloss_core.merging import METHODS
from mloss_core.options import build_options

TEXT = Path("docs/label_free.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("zoo", list(measured()))
def test_the_tables_are_those_of_the_record(zoo):
    for line in tables(measured()[zoo]).splitlines():
        assert line in TEXT


def test_every_recipe_of_the_study_can_be_made():
    for (method, options), scales in GRIDS.items():
        for scale in scales:
            build_options(METHODS[method].options_type, {**dict(options), "scale": scale})
