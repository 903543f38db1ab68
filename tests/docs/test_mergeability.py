"""docs/mergeability.md holds the figures of its record, and the record those of the tables that ship."""

import json
from pathlib import Path

import pandas as pd
import pytest

from docs.measure_mergeability import OUT
from docs.mergeability_tables import tables_of
from mloss_core.mergeability.association import association
from mloss_core.mergeability.shipped import FOLDER

RECORD = json.loads(OUT.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", RECORD)
def test_the_page_shows_the_record(name):
    page = (Path(OUT).parent / "mergeability.md").read_text(encoding="utf-8")
    for table in tables_of(RECORD[name]["methods"]):
        assert "\n".join(table) in page


@pytest.mark.parametrize("name", RECORD)
def test_the_record_is_of_the_tables_that_ship(name):
    frame = pd.read_csv(FOLDER / f"{name}.csv")
    assert RECORD[name]["pairs"] == len(frame)
    pairs = list(frame[["task_a", "task_b"]].itertuples(index=False, name=None))
    for method, found in RECORD[name]["methods"].items():
        again = association(pairs, frame["mloss"], frame[f"normacc_{method}"])
        assert (found["mloss"]["r"], found["mloss"]["low"]) == pytest.approx((again.pearson, again.low))


def test_every_table_that_ships_is_in_the_record():
    assert set(RECORD) == {path.stem for path in FOLDER.glob("*.csv")}
