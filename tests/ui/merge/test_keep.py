import numpy as np
import pytest

from mloss_core.merging.flat.m_ties import MTiesOptions
from ui.merge.keep import keep_bars, keep_heatmap, keep_profile

SCORES = {0: np.array([3.0, 1.0, 2.0]), 1: np.array([1.0, 2.0, 9.0]), 2: np.array([5.0, 5.0, 5.0])}


def profile(blocks=None, **options):
    return keep_profile(SCORES, MTiesOptions(**{"keep_rate": 0.8, "span": 0.2, **options}), blocks)


def test_bars_show_mean_and_range_in_percent():
    span, mean = keep_bars(profile(blocks=(1,))).data
    assert list(mean.y) == pytest.approx([80, 70, 80])
    assert list(span.base) == pytest.approx([80, 60, 80]) and list(span.y) == pytest.approx([0, 20, 0])
    assert len(set(mean.marker.color)) == 2


def test_the_heatmap_orders_nodes_by_conflict():
    heatmap = keep_heatmap(profile(), "Keep rates").data[0]
    assert np.asarray(heatmap.z)[0] == pytest.approx([80, 70, 60])


def test_wide_blocks_are_gathered_into_columns():
    wide = {0: np.arange(1000.0)}
    cells = keep_heatmap(keep_profile(wide, MTiesOptions(keep_rate=0.8, span=0.2), None), "x").data[0].z
    assert np.asarray(cells).shape == (1, 64)
    assert np.asarray(cells).mean() == pytest.approx(70, abs=0.3)
