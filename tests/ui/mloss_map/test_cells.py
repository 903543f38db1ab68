import numpy as np
import pytest

from ui.mloss_map import cells as maps


def small_map(images=None):
    """Two blocks of three nodes."""
    node = np.array([[1.0, 2.0, 3.0], [0.0, 8.0, 4.0]])
    return maps.MapData(
        sites=("blocks.0.mlp.c_fc", "blocks.1.mlp.c_fc"),
        blocks=(0, 1),
        node=node,
        node_error=node / 10,
        block=node.mean(axis=1),
        block_error=node.mean(axis=1) / 10,
        images=images,
    )


def test_groups_are_means_and_the_last_one_may_be_smaller():
    cells = maps.gather(small_map(), 2)
    assert cells.first.tolist() == [0, 2]
    assert cells.last.tolist() == [1, 2]
    assert cells.centre.tolist() == [0.5, 2.0]
    assert cells.value.tolist() == [[1.5, 3.0], [4.0, 4.0]]
    assert cells.worst.tolist() == [[1, 2], [1, 2]]
    np.testing.assert_allclose(cells.error, [[0.15, 0.3], [0.4, 0.4]])


def test_group_errors_come_from_the_images_when_they_are_kept():
    # Node 0 and 1 of block 0 vary against each other: their mean is the same for both images.
    images = np.array([[[0.0, 3.0, 2.0], [2.0, 1.0, 4.0]], [[0.0, 8.0, 4.0], [0.0, 8.0, 4.0]]])
    cells = maps.gather(small_map(images), 2)
    assert cells.error[0, 0] == 0
    assert cells.error[0, 1] == pytest.approx(np.std([2.0, 4.0], ddof=1) / np.sqrt(2))
    assert cells.error[1].tolist() == [0, 0]


def test_group_of_one_and_group_of_all():
    data = small_map()
    assert maps.gather(data, 1).value.tolist() == data.node.tolist()
    assert maps.gather(data, 99).value.tolist() == [[2.0], [4.0]]


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
    text = maps.cell_text(data, maps.gather(data, 2))
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
