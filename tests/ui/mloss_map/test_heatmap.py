import numpy as np
import pytest

from tests.ui.fake_payloads import report_of
from tests.ui.mloss_map.test_cells import small_map
from ui.mloss_map.cells import keep_rates
from ui.mloss_map.heatmap import MANY_CELLS, heatmap_height, keep_figure, mloss_figure


def traces(fig):
    return {trace.type: trace for trace in fig.data}


def test_blocks_run_from_top_to_bottom_and_share_the_axis_with_the_profile():
    data = small_map()
    fig = mloss_figure(data, data.groups(1), "Linear")
    top, bottom = fig.layout.yaxis.range
    assert top > bottom
    assert traces(fig)["bar"].yaxis in (None, "y")
    assert np.asarray(traces(fig)["heatmap"].z).tolist() == data.values.tolist()
    assert list(traces(fig)["bar"].x) == data.layer_values.tolist()


def test_click_layer_covers_every_cell_and_names_its_most_conflicted_node():
    data = small_map()
    fig = mloss_figure(data, data.groups(2), "Linear")
    layer = traces(fig)["scatter"]
    assert [item[0] for item in layer.customdata] == ["0:1", "0:2", "1:1", "1:2"]
    assert list(layer.y) == [0, 0, 1, 1]
    assert layer.opacity == 0
    assert layer.text[0] == "Block 0, nodes 0–1<br>M-Loss 1.50 ± 0.15"


@pytest.mark.parametrize("scale", ["Linear", "Log", "Per block"])
def test_every_scale_names_its_colours(scale):
    data = small_map()
    bar = traces(mloss_figure(data, data.groups(1), scale))["heatmap"].colorbar
    assert bar.title.text


def test_small_values_are_shown_in_engineering_units():
    data = small_map()
    tiny = report_of(data.values * 1e-6, data.errors * 1e-6)
    fig = mloss_figure(tiny, tiny.groups(1), "Linear")
    np.testing.assert_allclose(np.asarray(traces(fig)["heatmap"].z), data.values)
    assert traces(fig)["heatmap"].colorbar.title.text == "M-Loss, × 10⁻⁶"
    assert fig.layout.xaxis2.title.text == "Block mean, × 10⁻⁶"


@pytest.mark.parametrize("scale", ["Linear", "Log", "Per block"])
@pytest.mark.parametrize("power", range(-12, 13))
def test_maps_of_any_magnitude_can_be_drawn(scale, power):
    node = np.array([[3.2, 4.0], [2.0, 9.9]]) * 10.0**power
    data = report_of(node, node / 10)
    bar = traces(mloss_figure(data, data.groups(1), scale))["heatmap"].colorbar
    assert bar.title.text and len(bar.tickvals or ()) == len(bar.ticktext or ())


def test_chosen_node_gets_a_frame_around_its_group():
    data = small_map()
    shape = mloss_figure(data, data.groups(2), "Linear", chosen=(1, 2)).layout.shapes[0]
    assert (shape.x0, shape.x1, shape.y0, shape.y1) == (1.5, 2.5, 0.5, 1.5)
    assert not mloss_figure(data, data.groups(2), "Linear", chosen=(7, 0)).layout.shapes


def test_many_cells_are_drawn_by_webgl():
    nodes = MANY_CELLS // 2 + 1
    node = np.ones((2, nodes))
    data = report_of(node, node)
    assert "scattergl" in traces(mloss_figure(data, data.groups(1), "Log"))


def test_maps_of_zeros_can_be_drawn():
    zero = np.zeros((2, 3))
    data = report_of(zero, zero)
    for scale in ("Linear", "Log", "Per block"):
        assert np.isfinite(np.asarray(traces(mloss_figure(data, data.groups(1), scale))["heatmap"].z)).all()


def test_keep_rates_are_shown_in_percent():
    data = small_map()
    fig = keep_figure(data, data.groups(3), keep_rates(data, 0.8, 0.2, None))
    np.testing.assert_allclose(np.asarray(traces(fig)["heatmap"].z), [[70.0], [70.0]])
    assert "Keeps 70.0 % of its weights" in traces(fig)["scatter"].text[0]
    assert list(fig.layout.xaxis2.range) == [0, 100]


def test_heights_fit_a_laptop_screen():
    assert heatmap_height(12) <= 430
    assert heatmap_height(24) <= 520
