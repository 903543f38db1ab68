"""What a merge can be judged by, with labels or without: one record a criterion, and their values for any model."""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.evaluation.criteria.choice import VALIDATION, Choice, images_words
    from mloss_core.evaluation.criteria.judging import Judge, criterion_scores
    from mloss_core.evaluation.criteria.records import CRITERIA, LABEL_FREE, Criterion, CriterionScore, get_criterion

__all__ = [
    "CRITERIA",
    "LABEL_FREE",
    "VALIDATION",
    "Choice",
    "Criterion",
    "CriterionScore",
    "Judge",
    "criterion_scores",
    "get_criterion",
    "images_words",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "choice": ("VALIDATION", "Choice", "images_words"),
        "judging": ("Judge", "criterion_scores"),
        "records": ("CRITERIA", "LABEL_FREE", "Criterion", "CriterionScore", "get_criterion"),
    },
)
