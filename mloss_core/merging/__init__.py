"""Merging: methods, sparsifiers, consensus, M-Loss keep rates. Names load on first use, so that forms need no torch."""

import importlib
from typing import TYPE_CHECKING, Any

from mloss_core.merging.keep_rates import keep_rate_profile, keep_rates

if TYPE_CHECKING:
    from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule
    from mloss_core.merging.labels import block_presets, command, describe
    from mloss_core.merging.methods import METHODS, Method, check_recipe, get_method
    from mloss_core.merging.processors import POST, PRE
    from mloss_core.merging.pure import merge_state_dicts
    from mloss_core.merging.results import MergedWeights, MergeResult
    from mloss_core.merging.statistics import CoefficientSystem, GivenStatistics
    from mloss_core.merging.zoo_merge import merge, needs_measuring
    from mloss_core.merging.zoo_statistics import collect_stats

__all__ = [
    "METHODS", "POST", "PRE", "CoefficientSystem", "GivenStatistics", "MergeInputs", "MergeResult", "MergeRule",
    "MergedTensor", "MergedWeights", "Method", "block_presets", "check_recipe", "collect_stats", "command",
    "describe", "get_method", "keep_rate_profile", "keep_rates",
    "merge", "merge_state_dicts", "needs_measuring",
]  # fmt: skip

_HOMES = {
    "inputs": ("MergeInputs", "MergeRule", "MergedTensor"),
    "labels": ("block_presets", "command", "describe"),
    "methods": ("METHODS", "Method", "check_recipe", "get_method"),
    "processors": ("POST", "PRE"),
    "pure": ("merge_state_dicts",),
    "results": ("MergeResult", "MergedWeights"),
    "statistics": ("CoefficientSystem", "GivenStatistics"),
    "zoo_merge": ("merge", "needs_measuring"),
    "zoo_statistics": ("collect_stats",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
