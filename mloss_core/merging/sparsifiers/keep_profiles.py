"""The keep rates that follow from measured M-Loss, before anything is merged: per block, and for every node."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mloss_core.merging.sparsifiers.keep_rates import keep_rate_profile
from mloss_core.vision.architecture import scored_weight
from mloss_core.wording import percent, span


@dataclasses.dataclass(frozen=True)
class KeepProfile:
    """Row-wise keep rates of a recipe.

    Args:
        rates: float64 (nodes,) for each block, in node order, fractions.
        scores: M-Loss of the same nodes.
        guided: blocks whose rates follow M-Loss; the others keep `uniform` everywhere.
        uniform: keep rate k.
    """

    rates: Mapping[int, np.ndarray]
    scores: Mapping[int, np.ndarray]
    guided: tuple[int, ...]
    uniform: float

    @property
    def guided_mean(self) -> float:
        """Mean keep rate over the nodes of the guided blocks."""
        return float(np.concatenate([self.rates[block] for block in self.guided]).mean())

    @property
    def site_mean(self) -> float:
        """Mean keep rate over the nodes of all blocks."""
        return float(np.concatenate(list(self.rates.values())).mean())


def keep_profile(
    scores: Mapping[int, np.ndarray], options: Any, blocks: Sequence[int] | None, seed: int = 0
) -> KeepProfile:
    """The keep rates that `options` of an M-Loss guided method give.

    Args:
        scores: node M-Loss by block.
        options: the method's options record, with `keep_rate`, `span`, `ranking` and `schedule`.
        blocks: where M-Loss applies, None for everywhere.
        seed: of the random ranking.
    """
    guided = tuple(scores) if blocks is None else tuple(block for block in scores if block in set(blocks))
    rates = {
        block: keep_rate_profile(
            values,
            options.keep_rate,
            options.span,
            options.ranking,
            options.schedule,
            seed=seed,
            key=scored_weight(block),
        )
        if block in guided
        else np.full(len(values), options.keep_rate)
        for block, values in scores.items()
    }
    return KeepProfile(rates, scores, guided, options.keep_rate)


def budget_sentence(profile: KeepProfile) -> str:
    """What the profile keeps against the same keep rate everywhere, in one sentence."""
    if not profile.guided:
        return "No block is chosen, so every row keeps the same fraction."
    mean, uniform = profile.guided_mean, profile.uniform
    where = "all blocks" if len(profile.guided) == len(profile.rates) else f"blocks {span(profile.guided)}"
    if abs(mean - uniform) < 5e-4:
        return f"Rows of {where} keep {percent(mean)} on average: the same budget as a uniform k."
    return f"Rows of {where} keep {percent(mean)} on average; a uniform k would keep {percent(uniform)}."
