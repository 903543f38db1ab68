import pytest

from mloss_core.evaluation.published import published_rows
from mloss_core.evaluation.published_averages import published_results
from ui.merge_published import published_frame, results_frame


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
