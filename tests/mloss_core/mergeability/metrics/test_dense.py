"""Every one of the published metrics against the formula written out on whole vectors and matrices, in NumPy."""

import numpy as np
import pytest
import torch

from mloss_core.caching import Cache
from mloss_core.mergeability import pairwise_metrics
from mloss_core.mergeability.metrics.registry import PUBLISHED
from mloss_core.mergeability.sources import gradients
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.recipe import MLossOptions
from tests.zoos import tiny_zoo

FEW = MLossOptions(samples_per_task=4)
PAIR = ("apples", "boats")


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=2, layers=2)


@pytest.fixture(scope="module")
def frame(zoo, tmp_path_factory):
    return pairwise_metrics(zoo, PUBLISHED, options=FEW, cache=Cache(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def dense(zoo):
    changes = [task_vectors(zoo, task) for task in PAIR]
    return {**whole(*changes), **by_layer(*changes), **by_matrix(*changes), **activation(zoo), **gradient(zoo)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_metric_is_its_formula(frame, dense, name):
    assert frame[name][0] == pytest.approx(dense[name], rel=1e-4, abs=1e-7)


def task_vectors(zoo, task):
    base, tuned = zoo.pretrained.weights, zoo.finetuned[task].weights
    return {key: (tuned[key].double() - base[key].double()).numpy() for key in base}


def entropy_rank(rows):
    values = np.linalg.svd(rows, compute_uv=False)
    share = values[values > 0] / values.sum()
    return np.exp(-np.sum(share * np.log(share))), values


def whole(a, b):
    a, b = (np.concatenate([change[key].reshape(-1) for key in sorted(change)]) for change in (a, b))
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    cosine = a @ b / (lengths[0] * lengths[1])
    rank, values = entropy_rank(np.stack([a, b]))
    return {
        "task_vector_cosine_similarity": cosine,
        "task_vector_l2_distance": np.linalg.norm(a - b),
        "task_vector_dot_product": a @ b,
        "weight_space_angle": np.degrees(np.arccos(cosine)),
        "task_vector_magnitude_ratio": min(lengths) / max(lengths),
        "effective_rank": rank,
        "effective_rank_mergeability_score": 2 - rank,
        "stable_rank": values.sum() ** 2 / np.sum(values**2),
        "spectral_gap": (values[0] - values[1]) / values[0],
        "singular_value_ratio": values[1] / values[0],
    }


def by_layer(a, b):
    ranks, weights = [], []
    for key in a:
        rows = np.stack([a[key].reshape(-1), b[key].reshape(-1)])
        lengths = np.linalg.norm(rows, axis=1)
        if lengths.min() >= 1e-10:
            ranks.append(entropy_rank(rows)[0])
            weights.append(lengths.sum())
    mean = np.average(ranks, weights=weights)
    return {"layerwise_effective_rank": mean, "layerwise_effective_rank_mergeability_score": 2 - mean}


def by_matrix(a, b):
    found = {name: [] for name in PUBLISHED if "overlap" in name}
    for key in a:
        if a[key].ndim != 2 or not (a[key].any() and b[key].any()):
            continue
        (left_a, s_a, right_a), (left_b, s_b, right_b) = (np.linalg.svd(m[key], full_matrices=False) for m in (a, b))
        k = min(10, *a[key].shape)
        top = np.linalg.norm(right_a[:k] @ right_b[:k].T) / np.sqrt(k)
        bottom = np.linalg.norm(right_a[-k:] @ right_b[-k:].T) / np.sqrt(k)
        s_a, s_b = s_a[:100], s_b[:100]
        found["singular_value_overlap"].append(s_a @ s_b / np.linalg.norm(s_a) / np.linalg.norm(s_b))
        found["subspace_overlap"].append(np.linalg.norm(left_a[:, :k].T @ left_b[:, :k]) / np.sqrt(k))
        found["right_subspace_overlap_top_k"].append(top)
        found["right_subspace_overlap_bottom_k"].append(bottom)
        squares = [np.linalg.svd(v_a @ v_b.T, compute_uv=False) ** 2 for v_a, v_b in ends(right_a, right_b, k)]
        found["interaction_matrix_overlap_top_k"].append(squares[0].mean())
        found["interaction_matrix_overlap_bottom_k"].append(squares[1].mean())
    return {name: np.mean(values) for name, values in found.items()}


def ends(right_a, right_b, k):
    return (right_a[:k], right_b[:k]), (right_a[-k:], right_b[-k:])


def activation(zoo):
    """Through open_clip's own tower, a hook on its last block."""
    images = draw_calibration(zoo, PAIR, samples_per_task=FEW.samples_per_task, seed=FEW.seed).images
    means = []
    for task in PAIR:
        tower, kept = zoo.tower(zoo.finetuned[task].weights), []
        tower.transformer.resblocks[-1].register_forward_hook(
            lambda module, inputs, output, kept=kept: kept.append(output)
        )
        with torch.inference_mode():
            tower(images)
        means.append(kept[0].double().mean(dim=(0, 1)).numpy())
    a, b = means
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    return {
        "activation_l2_distance": np.linalg.norm(a - b),
        "activation_cosine_similarity": a @ b / (lengths[0] * lengths[1]),
        "activation_magnitude_ratio": min(lengths) / max(lengths),
        "activation_dot_product": a @ b,
    }


def gradient(zoo):
    """One backward pass of the mean loss over all images of both tasks."""
    of_weights, of_pixels = [], []
    drawn = {task: gradients._labelled(zoo, FEW.seed, task) for task in PAIR}
    for model in PAIR:
        tower = zoo.tower(zoo.finetuned[model].weights).requires_grad_(True).double()
        losses, pixels = [], []
        for task, one in drawn.items():
            images = one.images.double().requires_grad_()
            features = torch.nn.functional.normalize(tower(images), dim=-1)
            losses.append(
                torch.nn.functional.cross_entropy(features @ zoo.heads[task].double().T, one.labels, reduction="sum")
            )
            pixels.append(images)
        count = sum(len(one.labels) for one in drawn.values())
        (sum(losses) / count).backward()
        of_weights.append(torch.cat([p.grad.reshape(-1) for p in tower.parameters() if p.grad is not None]).numpy())
        of_pixels.append(torch.cat([image.grad.reshape(-1) for image in pixels]).numpy())
    return {**three("encoder_gradient", *of_weights), **three("input_gradient", *of_pixels)}


def three(name, a, b):
    return {
        f"{name}_cosine_similarity": a @ b / np.linalg.norm(a) / np.linalg.norm(b),
        f"{name}_l2_distance": np.linalg.norm(a - b),
        f"{name}_dot_product": a @ b,
    }
