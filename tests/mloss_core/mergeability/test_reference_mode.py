import dataclasses

import numpy as np
import pytest
import torch

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability import pairwise_metrics
from mloss_core.mergeability.metrics.registry import PUBLISHED
from mloss_core.mergeability.reference_mode import reference_metrics
from mloss_core.recipe import MLossOptions
from mloss_core.zoo.model import Encoder
from tests.zoos import tiny_zoo


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=3, layers=2)


@pytest.fixture(scope="module")
def tables(zoo, tmp_path_factory):
    cache = Cache(tmp_path_factory.mktemp("cache"))
    ours = pairwise_metrics(zoo, PUBLISHED, options=MLossOptions(samples_per_task=4), cache=cache)
    return reference_metrics(zoo, cache=cache), ours


def test_the_published_mode_says_what_it_is(tables):
    theirs, ours = tables
    assert theirs.attrs["mode"] == "reference" and list(theirs.columns) == list(ours.columns)
    assert np.isfinite(theirs[list(PUBLISHED)].to_numpy()).all()


def test_effective_ranks_are_the_same_and_the_left_overlap_ends_lower(tables):
    theirs, ours = tables
    same = ["effective_rank", "layerwise_effective_rank", "right_subspace_overlap_top_k", "singular_value_overlap"]
    np.testing.assert_allclose(theirs[same], ours[same])
    np.testing.assert_allclose(theirs["subspace_overlap"] * np.sqrt(10), ours["subspace_overlap"])
    np.testing.assert_allclose(theirs["task_vector_l2_distance"], ours["task_vector_l2_distance"], rtol=1e-5)


def test_a_matrix_that_nobody_changed_counts_as_wholly_shared(zoo):
    still = "positional_embedding"
    base = zoo.pretrained.weights
    moved = {t: Encoder(t, {**e.weights, still: base[still]}, f"{t}, still") for t, e in zoo.finetuned.items()}
    other = dataclasses.replace(zoo, finetuned=moved)
    names = ["right_subspace_overlap_top_k"]
    theirs, ours = reference_metrics(other, names), pairwise_metrics(other, names)
    matrices = sum(tensor.ndim == 2 for tensor in base.values())
    np.testing.assert_allclose(theirs[names], (ours[names] * (matrices - 1) + 1) / matrices)


def test_random_heads_make_gradients_disagree_with_themselves(tables):
    """Cosine and inner product of the same gradients have one sign; with a head drawn for each metric they need not."""
    theirs, ours = tables
    for kind in ("encoder", "input"):
        names = [f"{kind}_gradient_cosine_similarity", f"{kind}_gradient_dot_product"]
        assert (np.sign(ours[names[0]]) == np.sign(ours[names[1]])).all()
        assert not np.allclose(theirs[names[0]], ours[names[0]], rtol=0.2)


def test_batches_count_alike_whatever_their_size(zoo, monkeypatch):
    """30 images in batches of 32 are one batch; of 20, the last ten weigh as much as the first twenty."""
    from mloss_core.mergeability import reference_mode

    one = reference_metrics(zoo, ["activation_dot_product"])
    monkeypatch.setattr(reference_mode, "BATCH", 20)
    two = reference_metrics(zoo, ["activation_dot_product"])
    assert not np.allclose(one["activation_dot_product"], two["activation_dot_product"], rtol=1e-7)
    assert torch.get_num_threads() >= 1


def test_metrics_that_were_not_published_are_refused(zoo):
    with pytest.raises(InvalidOptionError, match="published 28 metrics alone; mloss is none of them"):
        reference_metrics(zoo, ["effective_rank", "mloss"])
