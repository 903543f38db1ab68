"""docs/demo20.md shows of the zoos that do not ship what their tables of pairs hold of them."""

import json
from pathlib import Path

import pytest

from mloss_core.evaluation.cards import rows_of_card
from mloss_core.mergeability.shipped import FOLDER

PAGE = (Path(__file__).parents[2] / "docs" / "demo20.md").read_text(encoding="utf-8")
TITLES = {
    "zero_shot": "Zero-shot",
    "simple_average": "Simple Average",
    "task_arithmetic": "Task Arithmetic, tuned",
    "tsv_m": "TSV-M, tuned",
    "ensemble_logits": "Ensemble",
    "individual": "Individual",
}


@pytest.mark.parametrize(("name", "column"), [("demo20_sgd", 2), ("demo20_w32", 3)])
def test_the_page_shows_how_good_they_are(name, column):
    card = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["card"]
    table = PAGE.partition("| twenty models |")[2]
    rows = {cells[1].strip(): cells[2:] for line in table.splitlines() if len(cells := line.split("|")) == 6}
    found = {row.name: row for row in rows_of_card(card)}
    assert set(TITLES) <= set(found)
    for key, title in TITLES.items():
        row = found[key]
        expected = f"{100 * row.averages['test']:.1f} ± {100 * row.errors['test']:.1f}"
        assert rows[title][column - 1].strip() == expected, title
    vectors = card["task_vectors"]
    length, cosine = (rows[title][column - 1].strip() for title in list(rows)[-2:])
    assert length == f"{100 * vectors['relative_length']:.1f} %"
    assert cosine == f"{vectors['mean_cosine']:.3f}"
