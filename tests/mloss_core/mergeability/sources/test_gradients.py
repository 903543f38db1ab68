import dataclasses

import numpy as np
import pytest
import torch

from mloss_core.caching import Cache
from mloss_core.errors import ZooError
from mloss_core.mergeability.sources import gradients
from tests.zoos import tiny_zoo


def test_a_sketch_keeps_inner_products(monkeypatch):
    """5,000 entries in 512 sums: within a few times 1/sqrt(512) of the lengths' product; the same twice."""
    monkeypatch.setattr(gradients, "SKETCH", 512)
    draw = torch.Generator().manual_seed(0)
    a, noise = torch.randn(5000, generator=draw), torch.randn(5000, generator=draw)
    b = a + noise
    parts = [[vector[:1234], vector[1234:]] for vector in (a, b)]
    of_a, of_b = (gradients._sketch(part) for part in parts)
    assert of_a.shape == (512,)
    scale = float(a.norm() * b.norm())
    assert float(of_a @ of_b) == pytest.approx(float(a @ b), abs=4 * scale / 512**0.5)
    assert torch.equal(of_a, gradients._sketch(parts[0]))


def test_small_gradients_are_kept_whole():
    parts = [torch.arange(3.0), torch.ones(2)]
    assert gradients._sketch(parts).tolist() == [0, 1, 2, 1, 1]


class HalfHidden:
    """A dataset of which every other training image hides its label, or all do."""

    def __init__(self, dataset, hidden):
        self._dataset, self._hidden = dataset, hidden

    def __getattr__(self, name):
        return getattr(self._dataset, name)

    def labels(self, split):
        labels = self._dataset.labels(split).clone()
        labels[self._hidden] = -1
        return labels


def test_images_whose_labels_are_hidden_are_not_drawn():
    zoo = tiny_zoo(tasks=1, layers=1)
    half, none = (HalfHidden(zoo.datasets["apples"], hidden) for hidden in (slice(None, None, 2), slice(None)))
    found = gradients._labelled(dataclasses.replace(zoo, datasets={"apples": half}), 0, "apples")
    assert bool((found.labels >= 0).all()) and len(found.images) == min(64, half.size("train") // 2)
    with pytest.raises(ZooError, match="labelled training images; apples has none"):
        gradients._labelled(dataclasses.replace(zoo, datasets={"apples": none}), 0, "apples")


def test_another_head_is_another_gradient(tmp_path):
    zoo, cache = tiny_zoo(tasks=1, layers=1), Cache(tmp_path)
    other = dataclasses.replace(zoo, heads={"apples": -zoo.heads["apples"]})
    there, here = (gradients.gradients_of(one, "apples", "apples", 0, cache) for one in (zoo, other))
    assert not np.allclose(there["encoder"], here["encoder"])
