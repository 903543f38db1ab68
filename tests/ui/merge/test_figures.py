import pytest

from tests.ui.merge.test_rows import TASKS, row
from ui.merge.figures import bars_sentence, block_strip, task_bars, toggled


def test_bars_are_in_percent_with_binomial_errors():
    fig = task_bars([row("m", counts={"digits": 100, "shapes": 84}), row("ens", "ensemble")], TASKS)
    assert [bar.name for bar in fig.data] == ["m", "ens"]
    assert list(fig.data[0].y) == pytest.approx([50, 70])
    assert list(fig.data[0].error_y.array) == pytest.approx([5, 5])
    assert list(fig.data[1].error_y.array) == [None, None]
    assert fig.data[0].marker.color != fig.data[1].marker.color


def test_merges_have_colours_of_their_own():
    fig = task_bars([row(str(index)) for index in range(5)], TASKS)
    assert len({bar.marker.color for bar in fig.data}) == 5


def test_a_task_without_accuracy_has_no_bar():
    fig = task_bars([row("m")], ("digits", "terrain"))
    assert fig.data[0].y[1] is None


def test_the_chart_is_told_in_words():
    assert bars_sentence([row("m")], TASKS) == "Accuracy by task: m from 50.0 % on digits to 70.0 % on shapes."


def test_the_strip_has_a_clickable_square_for_each_block():
    fig = block_strip(4, (1, 2), {0: 1e-6, 1: 2e-6, 2: 3e-6, 3: 4e-6})
    heat, clicks = fig.data
    assert list(heat.z[0]) == [1e-6, 2e-6, 3e-6, 4e-6]
    assert [point[0] for point in clicks.customdata] == [0, 1, 2, 3]
    assert "leave out" in clicks.text[1] and "click to choose" in clicks.text[0]
    assert list(fig.layout.xaxis.ticktext) == ["0", "<b>1</b>", "<b>2</b>", "3"]


def test_the_strip_works_before_m_loss_is_measured():
    assert "M-Loss" not in block_strip(2, (), None).data[1].text[0]


def test_toggling_adds_and_takes_out():
    assert toggled([8, 9], 10, 12) == [8, 9, 10]
    assert toggled([8, 9], 8, 12) == [9]
    assert toggled([8, 9], 12, 12) == [8, 9]
