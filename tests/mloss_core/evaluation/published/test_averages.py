import csv
import os
from collections import defaultdict
from pathlib import Path

import pytest

from mloss_core.errors import UnknownNameError
from mloss_core.evaluation.published.averages import comparability_warnings, published_results, published_sources
from mloss_core.evaluation.published.tables import published_rows

SOURCES = {
    "iso_paper": "iso_paper:table1",
    "iso_paper_ta": "iso_paper:table4_TA_ckpts",
    "tsv_paper": "tsv_paper:table3",
    "fusion_bench": "fusion_bench:clip_vit_md",
    "model_merging": "crisostomi_repo:results_json",
    "fusion_bench_runs": "fusion_bench:tsvm_json",
    "svc_notes": "SECONDARY_notes_on_SVC",
}
"""Our sources, and the same ones in the reference table."""


def test_one_source_backbone_and_number_of_tasks():
    rows = published_results("iso_paper", "ViT-B/32", 8)
    assert {row.method: (row.average, row.normalised) for row in rows} == {
        "zero_shot": (0.483, None),
        "individual": (0.928, None),
        "average": (0.663, 0.721),
        "task_arithmetic": (0.708, 0.765),
        "ties": (0.751, 0.81),
        "consensus": (0.75, 0.808),
        "tsv_m": (0.859, 0.923),
        "iso_c": (0.863, 0.929),
        "iso_cts": (0.862, 0.928),
    }
    assert len(published_results("iso_paper")) == 9 * 9 and len(published_results("tsv_paper")) == 3 * 9
    assert published_results(method="wudi")[0].average == 0.845
    assert {row.source for row in published_results(method="m_ties")} == {"mloss"}


def test_the_page_of_m_loss_is_the_same_table():
    ours = published_results("mloss", "ViT-B/32")
    assert [row.average for row in ours] == [row.average for row in published_rows(1, "ViT-B/32")]


def test_every_row_has_a_source_with_an_address_and_most_have_warnings():
    assert {row.source for row in published_results()} == set(published_sources())
    for row in published_results():
        assert row.url.startswith("https://") and 0 < row.average < 1
        assert row.normalised is None or row.average <= row.normalised < 1.01
    assert any("DTD" in heading for heading, _ in comparability_warnings("iso_paper"))
    assert all(text.endswith(".") for name in published_sources() for _, text in comparability_warnings(name))
    with pytest.raises(UnknownNameError, match="did you mean 'iso_paper'"):
        published_results("iso_papers")


def test_no_method_is_twice_in_a_ranking():
    seen = defaultdict(list)
    for row in published_results():
        seen[row.source, row.backbone, row.tasks].append(row.title)
    assert all(len(titles) == len(set(titles)) for titles in seen.values())


@pytest.mark.skipif(not os.environ.get("MLOSS_REFERENCE_DATA"), reason="MLOSS_REFERENCE_DATA names no reference tables")
@pytest.mark.parametrize("source", SOURCES)
def test_our_numbers_are_those_of_the_reference_table(source):
    path = Path(os.environ["MLOSS_REFERENCE_DATA"]) / "published_accuracy.csv"
    known = {}
    with path.open(encoding="utf-8", newline="") as file:
        for values in csv.DictReader(file):
            if values["source"] == SOURCES[source] and values["task"] == "avg":
                place = (values["backbone"], values["num_tasks"], values["kind"], letters(values["method"]))
                known[place] = float(values["accuracy_pct"])
    checked = 0
    for row in published_results(source):
        for kind, value in (("abs", row.average), ("norm", row.normalised)):
            there = known.get((row.backbone.replace("/", "-"), str(row.tasks), kind, letters(row.title)))
            if value is not None and there is not None:
                checked += 1
                assert 100 * value == pytest.approx(there, abs=0.06), (row, kind)
    assert checked >= MATCHED[source]


MATCHED = {
    "iso_paper": 144,
    "iso_paper_ta": 20,
    "tsv_paper": 54,
    "fusion_bench": 28,
    "fusion_bench_runs": 2,
    "model_merging": 4,
    "svc_notes": 6,
}
"""How many numbers of ours are in those tables; the others come from further files of the same projects."""


def letters(title):
    """A method's name without settings and punctuation."""
    known = {"WEMoE": "weightensemblingmoe"}
    return known.get(title) or "".join(
        letter for letter in title.partition("(")[0].lower() if letter.isalpha() or letter == "+"
    )
