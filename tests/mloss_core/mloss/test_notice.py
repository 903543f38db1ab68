import numpy as np
import pytest

from mloss_core.mloss.notice import AGREEMENT, notice


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ([[1, 2, 3], [0, 8, 4]], "Block 1 carries 67 % of the M-Loss (50 % if all blocks were alike)."),
        ([[1], [9], [1], [1], [1], [8]], "Blocks 1 and 5 carry 81 % of the M-Loss (33 % if all blocks were alike)."),
        ([[2], [2], [2], [3]], "M-Loss is spread over the blocks; block 3 carries the most, 33 % of the M-Loss (25 %"),
    ],
)
def test_blocks_that_stand_out_are_named(node, words):
    assert notice(range(len(node)), np.array(node)).startswith(words)


def test_the_most_conflicted_nodes_are_counted():
    node = np.ones((2, 100))
    node[0, :2] = 51
    assert notice((0, 1), node).endswith("The most conflicted 1 % of nodes carry 34 %.")


def test_models_that_agree():
    assert notice((0,), np.zeros((1, 2))) == AGREEMENT
