import numpy as np
import pytest

from mloss_core.mloss import MLossReport, measure_mloss
from tests.ui.fake_payloads import report_of
from tests.zoos import tiny_zoo
from ui.formats import measured
from ui.mloss_map import cells as maps


def small_map():
    """Two blocks of three nodes."""
    node = np.array([[1.0, 2.0, 3.0], [0.0, 8.0, 4.0]])
    return report_of(node, node / 10)


def test_scales():
    value = np.array([[1.0, 10.0], [0.0, 0.0]])
    assert maps.scaled(value, "Linear").tolist() == value.tolist()
    assert maps.scaled(value, "Log")[0].tolist() == [0.0, 1.0]
    assert np.isfinite(maps.scaled(value, "Log")).all()
    assert maps.scaled(value, "Per block").tolist() == [[0.1, 1.0], [0.0, 0.0]]


def test_keep_rates_follow_the_rank_in_the_chosen_blocks_only():
    rates = maps.keep_rates(small_map(), 0.8, 0.2, (1,))
    np.testing.assert_allclose(rates, [[0.8, 0.8, 0.8], [0.8, 0.6, 0.7]])
    np.testing.assert_allclose(maps.keep_rates(small_map(), 0.8, 0.2, None)[0], [0.8, 0.7, 0.6])


def test_order_runs_from_the_most_conflicted_node():
    assert maps.order_of(small_map()) == [(1, 1), (1, 2), (0, 2), (0, 1), (0, 0), (1, 0)]


def test_cell_text_is_a_sentence_with_the_error():
    data = small_map()
    text = maps.cell_text(data, data.groups(2))
    assert text[0] == "Block 0, nodes 0–1<br>M-Loss 1.50 ± 0.15"
    assert text[3].startswith("Block 1, node 2<br>")


def test_table_has_one_row_a_node():
    frame = maps.table(small_map())
    assert list(frame.columns) == ["block", "site", "node", "mloss", "standard_error"]
    assert len(frame) == 6
    assert frame.iloc[4].to_dict() == {
        "block": 1,
        "site": "blocks.1.mlp.c_fc",
        "node": 1,
        "mloss": 8.0,
        "standard_error": 0.8,
    }


@pytest.fixture(scope="module")
def report():
    return measure_mloss(tiny_zoo(3), samples_per_task=6)


@pytest.mark.parametrize("size", [1, 8, 50])
def test_the_map_says_what_the_library_says(report, size):
    """The page opens the stored report; its cells have the errors of the library's table."""
    opened = MLossReport.from_entry(*report.to_entry())
    said = [text.rpartition("M-Loss ")[2] for text in maps.cell_text(opened, opened.groups(size))]
    rows = report.to_frame(size).itertuples()
    assert said == [measured(row.mloss, row.standard_error) for row in rows]


def test_the_map_exports_the_nodes_of_the_library(report):
    shown, frame = maps.table(MLossReport.from_entry(*report.to_entry())), report.to_frame()
    assert shown["mloss"].tolist() == frame["mloss"].tolist()
    assert shown["standard_error"].tolist() == frame["standard_error"].tolist()
    assert shown["node"].tolist() == frame["first_node"].tolist()
