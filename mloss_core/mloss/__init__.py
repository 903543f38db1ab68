"""M-Loss: how far the merged model's activations are from the ensemble's, per layer and node, and how sure that is.

Names are loaded when first used, so that the closed forms of `mloss_core.mloss.theory` cost no torch import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mloss_core.mloss.detail import NodeDetail, TopImage, node_detail
    from mloss_core.mloss.measure import measure_mloss
    from mloss_core.mloss.node import node_mloss
    from mloss_core.mloss.report import MLossReport
    from mloss_core.mloss.sampling import stability_curve
    from mloss_core.mloss.theory import expected_mloss, simulate_mloss

_HOMES = {
    "MLossReport": "report", "NodeDetail": "detail", "TopImage": "detail", "expected_mloss": "theory",
    "measure_mloss": "measure", "node_detail": "detail", "node_mloss": "node", "simulate_mloss": "theory",
    "stability_curve": "sampling",
}  # fmt: skip

__all__ = [
    "MLossReport",
    "NodeDetail",
    "TopImage",
    "expected_mloss",
    "measure_mloss",
    "node_detail",
    "node_mloss",
    "simulate_mloss",
    "stability_curve",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
