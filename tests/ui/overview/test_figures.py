import pandas as pd
import pytest

from ui.mloss_map.stability import stability_figure
from ui.overview.dumbbell import AVERAGE, Answerer, dumbbell_figure
from ui.overview.idea import idea_figure


def answerer(name="Zero-shot", kind="zero_shot", accuracy=None):
    accuracy = {"digits": 0.4, "signs": 0.6} if accuracy is None else accuracy
    return Answerer(name, kind, accuracy, {"digits": 0.02}, 0.5, 0.01)


def test_dumbbell_has_a_row_a_task_and_the_average_last():
    fig = dumbbell_figure(["digits", "signs"], [answerer(), answerer("Individual", "individual")])
    assert list(fig.layout.yaxis.categoryarray) == ["digits", "signs", AVERAGE]
    marks = [trace for trace in fig.data if trace.mode == "markers"]
    assert [trace.name for trace in marks] == ["Zero-shot", "Individual"]
    assert list(marks[0].x) == pytest.approx([40, 60, 50])
    assert marks[0].hovertext[0] == "Zero-shot on digits: 40.0 ± 2.0 %"
    assert marks[0].hovertext[2] == "Zero-shot on average: 50.0 ± 1.0 %"


def test_dumbbell_leaves_out_what_was_not_measured():
    fig = dumbbell_figure(["digits", "signs"], [answerer(accuracy={"signs": 0.6})])
    marks = next(trace for trace in fig.data if trace.mode == "markers")
    assert list(marks.y) == ["signs", AVERAGE]


def test_second_answerer_of_a_kind_looks_different():
    fig = dumbbell_figure(["digits"], [answerer("A", "merged"), answerer("B", "merged")])
    symbols = [trace.marker.symbol for trace in fig.data if trace.mode == "markers"]
    assert len(set(symbols)) == 2


def test_idea_names_both_ways_and_the_gap():
    words = " ".join(annotation.text for annotation in idea_figure(8).layout.annotations)
    for part in ("merged model", "8 source models", "mean", "M-Loss"):
        assert part in words


def test_stability_marks_the_current_number_of_images():
    curve = pd.DataFrame(
        {"samples_per_task": [2, 4, 8], "spearman_mean": [0.9, 0.95, 0.99], "spearman_worst": [0.8, 0.9, 0.98]}
    )
    fig = stability_figure(curve, 4)
    assert fig.layout.shapes[0].x0 == 4
    assert list(fig.data[0].y) == [0.9, 0.95, 0.99]
    assert fig.layout.yaxis.range[0] < 0.8
