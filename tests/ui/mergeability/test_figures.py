import numpy as np
import pandas as pd
import pytest

from tests.ui.mergeability.test_matrices import BLOCKS, TASKS, view
from ui import theme
from ui.mergeability.figures import matrix_figure, pair_of, profile_figure, unit_of
from ui.mergeability.matrices import View, block_profile, clustering, leaf_order, mean_profile
from ui.mergeability.scatter import goes_with, scatter_figure


@pytest.mark.parametrize(
    ("values", "factor", "words"),
    [
        ([2.5e-6, 1e-7], 1e6, "× 10⁻⁶"),
        ([0.3, -0.02], 1.0, ""),
        ([np.nan], 1.0, ""),
        ([0.0], 1.0, ""),
        ([4.2e-4], 1e6, "× 10⁻⁶"),
        ([5e4], 1e-3, "× 10³"),
    ],
)
def test_units_keep_numbers_readable(values, factor, words):
    found, unit = unit_of(np.array(values))
    assert found == pytest.approx(factor) and unit == words


def figure(**changes):
    return matrix_figure(view(), "M-Loss of each pair", label="M-Loss", **{"tree": None, "chosen": None, **changes})


def test_each_off_diagonal_cell_can_be_clicked():
    clicks = figure().data[1]
    assert len(clicks.x) == 6
    place = [point[0] for point in clicks.customdata].index("a|b")
    assert (clicks.x[place], clicks.y[place]) == (1, 0)
    assert clicks.text[place] == "a and b<br>M-Loss 3.00"


def test_an_empty_cell_says_why():
    values = view().values.copy()
    values[0, 1] = values[1, 0] = np.nan
    fig = matrix_figure(
        View(TASKS, values),
        "t",
        label="Cosine",
        tree=None,
        chosen=None,
        reasons={frozenset("ab"): "a task vector is zero"},
    )
    assert any(text == "a and b<br>Cosine: none, a task vector is zero" for text in fig.data[1].text)
    assert np.isnan(np.asarray(fig.data[0].z)[0, 1])


def test_the_tree_stands_above_the_matrix():
    tree = clustering(view())
    fig = matrix_figure(view().reordered(leaf_order(tree, 3)), "t", label="M-Loss", tree=tree, chosen=None)
    assert sum(trace.yaxis == "y2" for trace in fig.data) == 2
    assert fig.layout.yaxis.domain[1] < fig.layout.yaxis2.domain[0]


def test_the_chosen_pair_is_framed_on_both_sides():
    assert len(figure(chosen=("a", "c")).layout.shapes) == 2
    assert not figure(chosen=("a", "x")).layout.shapes


def test_a_diverging_scale_is_symmetric_around_zero():
    heat = figure(diverging=True).data[0]
    assert (heat.zmin, heat.zmax) == (-3.0, 3.0)


def test_the_profile_shows_the_pair_against_the_mean():
    fig = profile_figure(block_profile(BLOCKS, "a", "b", "mloss"), mean_profile(BLOCKS, "mloss"), "a and b")
    assert list(fig.data[0].y) == [2.0, 4.0] and list(fig.data[1].y) == [2.0, 2.0]
    assert list(fig.data[0].x) == [0, 1]


def test_tiny_profiles_are_drawn_in_a_named_unit():
    tiny = pd.Series({0: 1e-6, 1: 3e-6})
    fig = profile_figure(tiny, tiny, "x")
    assert list(fig.data[0].y) == pytest.approx([1, 3]) and fig.layout.title.text == "M-Loss by block (× 10⁻⁶)"


@pytest.mark.parametrize(
    ("text", "pair"),
    [("a|b", ("a", "b")), ("a|a", None), ("a|x", None), ("a", None), (None, None), (7, None), ("a|b|c", None)],
)
def test_a_pair_is_read_from_a_click_or_a_link(text, pair):
    assert pair_of(text, TASKS) == pair


ODD = ("a|b", "a", "50% & more", "<i>'x'", "Größe, 数")


def test_pairs_of_any_names_can_be_clicked():
    """What is in the figure as it is drawn, whose foreign tags are shown as text, names each pair."""
    view = View(ODD, np.arange(25.0).reshape(5, 5))
    matrix = theme.without_markup(matrix_figure(view, "t", label="M-Loss", tree=None, chosen=None))
    found = goes_with(view, view)
    points = theme.without_markup(scatter_figure(view, view, label="x", method="y", found=found, chosen=None, text=str))
    for trace, count in ((matrix.data[1], 20), (points.data[-1], 10)):
        pairs = [pair_of(point[0], ODD) for point in trace.customdata]
        assert len(pairs) == count == len(set(pairs)) and None not in pairs


def test_a_name_is_no_template_of_the_hover_text():
    profile = pd.Series({0: 1e-6})
    fig = profile_figure(profile, profile, "%{x} and b")
    assert "%{x} and b" in fig.data[0].text[0] and fig.data[0].hovertemplate.count("%{x}") == 1
