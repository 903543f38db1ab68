"""Where inside does a model leave the task's own expert? Linear CKA of both, block by block, on shared images."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mloss_core.errors import InvalidOptionError
from mloss_core.types import Progress, part, silent
from mloss_core.zoo.model import Encoder, Zoo

IMAGES = 256
GROUPS = 16
"""Parts of the images that are left out in turn for the standard error."""
EXPERT = "individual"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockSimilarity:
    """Linear CKA of models with the task's own expert at the input of every block's MLP, where M-Loss is measured.

    Args:
        models: key, model and kind of each, as plain values.
        blocks: block indices.
        cka: (model, block); 1 means the same geometry of images up to rotation and scale, 0 nothing in common.
        error: its standard error from the choice of images, (model, block).
        images: number of images.
    """

    models: tuple[Mapping[str, str], ...]
    blocks: tuple[int, ...]
    cka: np.ndarray
    error: np.ndarray
    images: int

    def to_entry(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Plain values and arrays, as a result store keeps them."""
        meta = {"models": [dict(one) for one in self.models], "blocks": list(self.blocks), "images": self.images}
        return meta, {"cka": self.cka, "error": self.error}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; an undefined number is None."""
        meta, arrays = self.to_entry()
        return meta | {name: [[_defined(value) for value in row] for row in array] for name, array in arrays.items()}

    @classmethod
    def from_entry(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "BlockSimilarity":
        """The similarity of `to_entry`."""
        return cls(
            models=tuple(meta["models"]),
            blocks=tuple(meta["blocks"]),
            images=meta["images"],
            cka=arrays["cka"],
            error=arrays["error"],
        )


def linear_cka(first: np.ndarray, second: np.ndarray) -> float:
    """Linear centred kernel alignment of two sets of features of the same images, without the bias of few images.

    With K = X X^T and L = Y Y^T, both without their diagonals and U-centred: <K, L> / sqrt(<K, K> <L, L>), the ratio of
    unbiased estimates of HSIC (Song et al. 2012; Nguyen et al. 2021, arXiv 2010.15327). The plain form (Kornblith et
    al. 2019, arXiv 1905.00414) comes out near 1 whatever the features, once there are more of them than images.

    Args:
        first: (image, feature), at least 4 images; `second` likewise, perhaps with another number of features.

    Returns:
        At most 1; 1 for features that are equal up to rotation, scale and shift; about 0 for unrelated ones, also a
        little below; NaN where one of them is the same for all images.

    Raises:
        InvalidOptionError: fewer than 4 images, or different numbers of them.
    """
    if len(first) != len(second) or len(first) < 4:
        raise InvalidOptionError(
            f"CKA compares features of the same images, at least 4; found {len(first)} and {len(second)}."
        )
    return _alignment(_gram(first), _gram(second))


def similarity_by_block(
    zoo: Zoo,
    task: str,
    models: Sequence[Any],
    split: str = "test",
    *,
    images: int = IMAGES,
    tokens: str = "all",
    progress: Progress = silent,
) -> BlockSimilarity:
    """Compare models with the task's own expert, block by block.

    All models run through the blocks together: one block of each is in memory at a time, and of every image only the
    mean over its tokens is kept.

    Args:
        zoo, task, split: as in `inspect_models`.
        models: as its `a` and `b`. Those that are the expert itself, or several encoders (an Ensemble), are left out.
        images: at most so many of the split, drawn at random once.
        tokens: whose mean stands for an image: all, class or patches.
        progress: told after each block.

    Raises:
        InvalidOptionError: fewer than 4 images.
    """
    from mloss_core.evaluation.inspection.comparing import with_images
    from mloss_core.evaluation.inspection.models import task_contenders

    few = with_images(zoo, task, split, images)
    expert = few.finetuned[task]
    compared = {
        one.encoders[task][0].digest: (one, one.encoders[task][0])
        for one in task_contenders(few, task, models, part(progress, 0, 0.5))
        if len(one.encoders[task]) == 1 and one.encoders[task][0].digest != expert.digest
    }
    blocks = tuple(range(zoo.architecture.layers))
    count = few.datasets[task].size(split)
    if count < 4:
        raise InvalidOptionError(f"CKA needs at least 4 images; the {split} split of {task} has {count}.")
    encoders = [expert, *(encoder for _, encoder in compared.values())]
    grams = _grams(few, task, split, encoders, tokens, part(progress, 0.5, 1))
    found = np.array(
        [[_with_error(first, own) for own, first in zip(grams[0], model, strict=True)] for model in grams[1:]]
    )
    found = found.reshape(len(compared), len(blocks), 2)
    return BlockSimilarity(
        models=tuple({"key": one.key, "model": one.model, "kind": one.kind} for one, _ in compared.values()),
        blocks=blocks,
        cka=found[..., 0],
        error=found[..., 1],
        images=count,
    )


def _grams(
    zoo: Zoo, task: str, split: str, encoders: Sequence[Encoder], tokens: str, progress: Progress
) -> list[list[np.ndarray]]:
    """Products of the images' mean tokens, (image, image), by encoder and block."""
    from mloss_core.mloss.inputs import site_inputs

    dataset, layers = zoo.datasets[task], zoo.architecture.layers
    pictures = dataset.images(split, range(dataset.size(split)))
    networks = [encoder.weights for encoder in encoders]
    means: list[list[list[np.ndarray]]] = [[[] for _ in range(layers)] for _ in networks]
    done = 0
    for site in site_inputs(zoo, networks, pictures, range(layers), tokens):
        for place, inputs in enumerate(site.inputs):
            means[place][site.block].append(inputs.mean(dim=1).double().cpu().numpy())
        done += site.images.stop - site.images.start
        progress(done / (len(pictures) * layers), f"block {site.block}")
    return [[_gram(np.concatenate(parts)) for parts in network] for network in means]


def _gram(features: np.ndarray) -> np.ndarray:
    """Products of the features (image, image), around their mean, which takes rounding away and changes nothing."""
    centred = np.asarray(features, float) - np.mean(features, axis=0, dtype=float)
    return centred @ centred.T


def _u_centred(gram: np.ndarray) -> np.ndarray:
    """The matrix without its diagonal, minus row and column sums over n - 2, plus the total over (n - 1) (n - 2)."""
    count = len(gram)
    bare = gram - np.diag(np.diag(gram))
    sums = bare.sum(axis=0) / (count - 2)
    centred = bare - sums[:, None] - sums[None, :] + bare.sum() / ((count - 1) * (count - 2))
    np.fill_diagonal(centred, 0)
    return centred


def _alignment(first: np.ndarray, second: np.ndarray) -> float:
    a, b = _u_centred(first), _u_centred(second)
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else float("nan")


def _with_error(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The alignment, and its standard error: groups of images left out in turn (jackknife)."""
    count = len(first)
    groups = min(GROUPS, count // 4)
    if groups < 2:
        return _alignment(first, second), float("nan")
    member = np.arange(count) % groups
    kept = [np.flatnonzero(member != group) for group in range(groups)]
    left = np.array([_alignment(first[np.ix_(keep, keep)], second[np.ix_(keep, keep)]) for keep in kept])
    return _alignment(first, second), float(np.sqrt((groups - 1) * left.var()))


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
