import pytest

from mloss_core.evaluation.published.averages import published_results
from mloss_core.evaluation.published.tables import published_rows
from mloss_core.evaluation.rows import EvaluationRow
from ui.merge.entries import row_key
from ui.merge.published import measured_here, planned_rows, published_frame, results_frame
from ui.zoo.facts import ZooFacts


def test_published_rows_are_shown_in_percent_as_recorded():
    frame = published_frame(published_rows(1, "ViT-B/32")).set_index("Method")
    assert frame.loc["M-TIES", "Average"] == pytest.approx(73.232)
    assert frame.loc["M-TIES", "RESISC45"] == pytest.approx(72.60)
    assert frame.loc["M-TIES", "Variance"] == pytest.approx(172.2, abs=0.1)
    assert frame.loc["TIES", "Setting"] == "k 0.2, global"


def test_every_table_has_its_rows():
    assert [len(published_frame(published_rows(number))) for number in (1, 2, 3)] == [12, 3, 3]


def test_averages_stand_under_the_baselines_and_best_first():
    frame = results_frame(published_results("iso_paper", "ViT-B/32", 20))
    assert list(frame["Method"])[:4] == ["Zero-shot", "Fine-tuned", "Iso-CTS", "TSV-M"]
    assert frame.set_index("Method").loc["Iso-CTS", "Normalised"] == pytest.approx(85.5)
    runs = results_frame(published_results("fusion_bench_runs", "ViT-B/32", 8))
    assert list(runs["Method"]) == ["TSV-M", "MagMax (0.6)", "EMR-Merging"], "told the task: last, whatever its level"
    assert list(runs["Told the task"]) == ["", "", "yes"]


def row_of(recipe, average):
    key = "ensemble_features" if recipe is None else row_key(recipe)
    return EvaluationRow(
        key=key, model="x", kind="merged", accuracy={"digits": average}, average=average, recipe=recipe
    )


def test_rows_of_the_comparison_stand_beside_what_they_repeat():
    zoo = facts(12)
    planned = planned_rows(zoo, 1)
    assert planned[0][0].method == "Simple Average" and planned[-1][1] is None
    published = published_rows(1)
    rows = [row_of(planned[0][1], 0.5), row_of(None, 0.7)]
    found = measured_here(published, planned, rows)
    assert found[:2] == [50.0, None] and found[5] == 70.0
    # The other backbone's rows of the table have other settings.
    assert found[6:] == [None] * 6
    assert measured_here(published, planned, rows[1:]) == []


def test_a_table_for_another_depth_is_not_repeated():
    assert planned_rows(facts(12), 3) == [] and planned_rows(facts(5), 1) == []
    assert len(planned_rows(facts(24), 3)) == 3


def facts(layers):
    return ZooFacts("demo", "d", ("digits", "letters"), layers, 16, 8, 1000, {})
