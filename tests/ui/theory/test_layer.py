import numpy as np
import pytest

from mloss_core.mloss.theory import angle_law
from ui.theory.layer import COLUMNS, ROWS, layer_of, node_mloss, row_angles, trimmed
from ui.theory.words import row_sentences


def test_node_mloss_comes_from_the_rows_alone():
    weights = np.array([[[1.0, 0.0], [2.0, 0.0]], [[0.0, 1.0], [2.0, 0.0]]])
    assert node_mloss(weights, "relu") == pytest.approx([angle_law(np.pi / 2), 0.0], abs=1e-12)
    assert row_angles(weights) == pytest.approx([90, 0])


def test_trimming_keeps_the_largest_of_each_row():
    vectors = np.array([[[1.0, -5.0, 2.0, 2.0], [0.1, 0.2, 0.4, -0.3]]])
    kept = trimmed(vectors, np.array([0.5, 0.25]))
    assert kept.astype(int).tolist() == [[[0, 1, 1, 0], [0, 0, 1, 0]]]
    assert not trimmed(vectors, np.zeros(2)).any()
    assert trimmed(vectors, np.ones(2)).all()


@pytest.mark.parametrize("models", [2, 3])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_keep_rate_falls_with_the_rank(models, activation):
    layer = layer_of(models, activation, 0.8, 0.4)
    assert layer.vectors.shape == layer.kept.shape == (models, ROWS, COLUMNS)
    assert np.allclose(layer.rates, 0.8 - 0.4 * (layer.ranks - 1) / (ROWS - 1))
    assert layer.counts[layer.mloss.argmax()] == 4
    assert layer.counts[layer.mloss.argmin()] == 8
    assert (layer.kept.sum(axis=2) == layer.counts).all()


def test_sentences_come_from_the_layer():
    layer = layer_of(2, "relu", 0.8, 0.4)
    words = " ".join(row_sentences(layer, 0.4))
    assert f"Node {layer.mloss.argmax()} conflicts most" in words
    assert "keep 60 % on average" in words


def test_nothing_trimmed_and_rows_trimmed_away_are_told():
    whole = layer_of(2, "relu", 1.0, 0.0)
    assert np.array_equal(whole.mloss, whole.trimmed_mloss)
    assert whole.kept_energy == 1
    words = row_sentences(whole, 0.0)
    assert "M-Loss plays no part" in words[0]
    assert "Nothing is trimmed" in words[1]
    empty = layer_of(2, "relu", 0.3, 0.8)
    assert "return to the pretrained encoder" in row_sentences(empty, 0.8)[-1]
