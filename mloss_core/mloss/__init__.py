"""M-Loss: how far the merged model's activations are from the ensemble's, per layer and node, and how sure that is.

Names are loaded when first used, so that the closed forms of `mloss_core.mloss.theory` cost no torch import.
"""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.mloss.detail import NodeDetail, TopImage, node_detail
    from mloss_core.mloss.measure import measure_mloss
    from mloss_core.mloss.node import node_mloss
    from mloss_core.mloss.report import MLossReport
    from mloss_core.mloss.sampling import stability_curve
    from mloss_core.mloss.theory import expected_mloss, simulate_mloss


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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "report": ("MLossReport",),
        "detail": ("NodeDetail", "TopImage", "node_detail"),
        "theory": ("expected_mloss", "simulate_mloss"),
        "measure": ("measure_mloss",),
        "node": ("node_mloss",),
        "sampling": ("stability_curve",),
    },
)
