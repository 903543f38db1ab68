"""Merging: methods, sparsifiers, consensus, M-Loss keep rates. Names load on first use, so that forms need no torch."""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names
from mloss_core.merging.sparsifiers.keep_rates import keep_rate_profile, keep_rates

if TYPE_CHECKING:
    from mloss_core.merging.data_driven.statistics import CoefficientSystem, GivenStatistics
    from mloss_core.merging.data_driven.zoo_statistics import collect_stats
    from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule
    from mloss_core.merging.labels import block_presets, command, describe
    from mloss_core.merging.methods import METHODS, Method, check_recipe, get_method
    from mloss_core.merging.processors import POST, PRE
    from mloss_core.merging.results import MergedWeights, MergeResult
    from mloss_core.merging.state_dict_merge import merge_state_dicts
    from mloss_core.merging.zoo_merge import merge, needs_measuring

__all__ = [
    "METHODS",
    "POST",
    "PRE",
    "CoefficientSystem",
    "GivenStatistics",
    "MergeInputs",
    "MergeResult",
    "MergeRule",
    "MergedTensor",
    "MergedWeights",
    "Method",
    "block_presets",
    "check_recipe",
    "collect_stats",
    "command",
    "describe",
    "get_method",
    "keep_rate_profile",
    "keep_rates",
    "merge",
    "merge_state_dicts",
    "needs_measuring",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "inputs": ("MergeInputs", "MergeRule", "MergedTensor"),
        "labels": ("block_presets", "command", "describe"),
        "methods": ("METHODS", "Method", "check_recipe", "get_method"),
        "processors": ("POST", "PRE"),
        "state_dict_merge": ("merge_state_dicts",),
        "results": ("MergeResult", "MergedWeights"),
        "data_driven.statistics": ("CoefficientSystem", "GivenStatistics"),
        "zoo_merge": ("merge", "needs_measuring"),
        "data_driven.zoo_statistics": ("collect_stats",),
    },
)
