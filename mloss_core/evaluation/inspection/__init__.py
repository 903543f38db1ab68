"""Two models on the images of one task: where each is right, what they answer, and how they see the images."""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.evaluation.inspection.answers import Answers, Inspection
    from mloss_core.evaluation.inspection.block_similarity import BlockSimilarity
    from mloss_core.evaluation.inspection.by_block import similarity_by_block
    from mloss_core.evaluation.inspection.calibration import Reliability, reliability, reliability_curves
    from mloss_core.evaluation.inspection.cka import linear_cka
    from mloss_core.evaluation.inspection.comparing import inspect_models
    from mloss_core.evaluation.inspection.projection import Projection, projected_features

__all__ = [
    "Answers",
    "BlockSimilarity",
    "Inspection",
    "Projection",
    "Reliability",
    "inspect_models",
    "linear_cka",
    "projected_features",
    "reliability",
    "reliability_curves",
    "similarity_by_block",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "answers": ("Answers", "Inspection"),
        "block_similarity": ("BlockSimilarity",),
        "by_block": ("similarity_by_block",),
        "calibration": ("Reliability", "reliability", "reliability_curves"),
        "cka": ("linear_cka",),
        "comparing": ("inspect_models",),
        "projection": ("Projection", "projected_features"),
    },
)
