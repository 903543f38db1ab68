"""M-Loss: how far the merged model's activations are from the ensemble's, per layer and node, and how sure that is.

Names are loaded when first used, so that the closed forms, a stored report and a node's detail cost no torch import.
"""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.mloss.detail import NodeDetail, TopImage
    from mloss_core.mloss.expert_gap import ExpertGapReport, measure_expert_gap
    from mloss_core.mloss.measure import measure_mloss
    from mloss_core.mloss.measure_node import node_detail
    from mloss_core.mloss.node import node_mloss
    from mloss_core.mloss.report import MLossReport
    from mloss_core.mloss.sampling import stability_curve
    from mloss_core.mloss.theory import expected_mloss, simulate_mloss


__all__ = [
    "ExpertGapReport",
    "MLossReport",
    "NodeDetail",
    "TopImage",
    "expected_mloss",
    "measure_expert_gap",
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
        "detail": ("NodeDetail", "TopImage"),
        "measure_node": ("node_detail",),
        "theory": ("expected_mloss", "simulate_mloss"),
        "expert_gap": ("ExpertGapReport", "measure_expert_gap"),
        "measure": ("measure_mloss",),
        "node": ("node_mloss",),
        "sampling": ("stability_curve",),
    },
)
