"""From features to predictions: logits under a zero-shot head, and the two ways to average models."""

from collections.abc import Sequence

import torch
from torch import Tensor


def logits(features: Tensor, head: Tensor) -> Tensor:
    """Class scores: `normalize(features) @ head.T`, in float32 or better.

    Args:
        features: (image, embed_dim), of any length; a feature of length 0 scores 0 for every class.
        head: (class, embed_dim), rows scaled by exp(logit scale).

    Returns:
        (image, class).

    Example:
        >>> logits(torch.tensor([[3.0, 4.0]]), torch.tensor([[10.0, 0.0], [0.0, 10.0]]))
        tensor([[6., 8.]])
    """
    return torch.nn.functional.normalize(features, dim=-1) @ head.to(features.dtype).T


def ensemble_logits(features: Sequence[Tensor], head: Tensor) -> Tensor:
    """The Ensemble: mean of the models' logits under one head, which is the head on the mean of normalised features.

    Args:
        features: one (image, embed_dim) a model, of the same images.
        head: (class, embed_dim).

    Returns:
        (image, class).
    """
    directions = [torch.nn.functional.normalize(feature, dim=-1) for feature in features]
    return torch.stack(directions).mean(dim=0) @ head.to(directions[0].dtype).T


def ensemble_features(features: Sequence[Tensor]) -> Tensor:
    """The second Ensemble row: mean of the models' raw features, in which a model with long features weighs more.

    Args:
        features: one (image, embed_dim) a model, of the same images.

    Returns:
        (image, embed_dim); `logits` of it are that Ensemble's.
    """
    return torch.stack(list(features)).mean(dim=0)
