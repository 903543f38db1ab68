"""Whether two models changed a matrix in the same directions: overlaps of singular subspaces, mean over matrices."""

from collections.abc import Callable

import numpy as np

from mloss_core.mergeability.metrics.record import FRACTION, POSITIVE, Facts, Metric, Undefined, Value

_CHANGED = "mean over the matrices that both models changed"
_RANKED = "mean over the matrices in which both changes have as many"


def _mean(name: str, *, squared: bool = False) -> Callable[[Facts], Value]:
    def function(facts: Facts) -> Value:
        found = facts[name]
        if not len(found):
            return Undefined(_why_none(facts["ranks"]))
        return float(np.mean(found**2 if squared else found))

    return function


def _why_none(ranks: np.ndarray) -> str:
    """Ranks of the changes of each matrix that both models changed, (matrix,)."""
    if not len(ranks):
        return "no matrix was changed by both models"
    most = int(ranks.max())
    if most == 0:
        return "no change of a matrix that both models changed is larger than the rounding of the stored weights"
    return f"the changes have a rank of at most {most}, fewer than the directions that are compared"


def _metric(name: str, fact: str, *, squared: bool = False, published: bool = True, **words: object) -> Metric:
    defaults: dict[str, object] = {
        "category": "subspace",
        "unit": "overlap",
        "range": FRACTION,
        "higher_is_better": True,
        "facts": "spectra",
    }
    return Metric(name=name, function=_mean(fact, squared=squared), published=published, **(defaults | words))  # type: ignore[arg-type]


SUBSPACE = (
    _metric(
        "singular_value_overlap",
        "values",
        title="Singular-value overlap",
        formula="⟨σ(a), σ(b)⟩ / (|σ(a)| |σ(b)|), the 100 largest",
        unit="cosine",
        summary=f"Cosine of the singular values of the two changes of a matrix, the 100 largest; {_CHANGED}.",
    ),
    _metric(
        "subspace_overlap",
        "left_top",
        title="Left subspace overlap, top",
        formula="‖U(a)ᵀ U(b)‖ / √k, k = 10",
        summary=f"Overlap of the 10 leading left singular directions (outputs): 1 the same, 0 orthogonal; {_RANKED}.",
    ),
    _metric(
        "right_subspace_overlap_top_k",
        "right_top",
        title="Right subspace overlap, top",
        formula="‖V(a)ᵀ V(b)‖ / √k, k = 10",
        summary=f"Overlap of the 10 leading right singular directions (inputs): 1 the same, 0 orthogonal; {_RANKED}.",
    ),
    _metric(
        "right_subspace_overlap_bottom_k",
        "right_bottom",
        title="Right subspace overlap, bottom",
        formula="‖V(a)ᵀ V(b)‖ / √k, the last k = 10",
        summary="Overlap of the 10 right singular directions with the smallest singular values of the thin "
        f"decomposition; {_RANKED}. Where a change's rank is below the matrix's smaller side they are arbitrary.",
    ),
    _metric(
        "interaction_matrix_overlap_top_k",
        "right_top",
        squared=True,
        title="Interaction overlap, top",
        formula="‖V(a)ᵀ V(b)‖² / k, k = 10",
        summary=f"Square of the right subspace overlap (top) of each matrix; {_RANKED}.",
    ),
    _metric(
        "interaction_matrix_overlap_bottom_k",
        "right_bottom",
        squared=True,
        title="Interaction overlap, bottom",
        formula="‖V(a)ᵀ V(b)‖² / k, the last k = 10",
        summary=f"Square of the right subspace overlap (bottom) of each matrix; {_RANKED}.",
    ),
)

INTERFERENCE = (
    _metric(
        "singular_task_interference",
        "interference",
        published=False,
        title="Singular task interference",
        formula="‖(UᵀU − I) Σ (VᵀV − I)‖₁ / Σ σ",
        unit="ratio",
        range=POSITIVE,
        higher_is_better=False,
        summary="Interference of the 10 leading singular triplets of the two changes of a matrix, as TSV-M's authors "
        f"define it, relative to their singular values; a change of lower rank has fewer; {_CHANGED}.",
    ),
)
