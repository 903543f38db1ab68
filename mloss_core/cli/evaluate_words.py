"""What `evaluate` prints: the table, and sentences on how it came about."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mloss_core.cli.common import percent, table
from mloss_core.evaluation.criteria.choice import SOURCES, images_words
from mloss_core.evaluation.criteria.records import CRITERIA, Criterion, CriterionScore
from mloss_core.wording import listing

if TYPE_CHECKING:
    from mloss_core.evaluation import EvaluationRow, ScaleSearch, ThresholdSearch
    from mloss_core.zoo.model import Zoo


def print_table(zoo: "Zoo", split: str, rows: "list[EvaluationRow]") -> None:
    """The accuracy table."""
    from mloss_core.data.manifests import split_manifests

    tasks = list(rows[0].accuracy)
    print(f"{zoo.name}, {split} split, top-1 accuracy in percent")
    judged = rows[0].criteria.get("expert_agreement")
    body = [
        [
            row.model,
            *(percent(row.accuracy[task]) for task in tasks),
            f"{percent(row.average)} ± {percent(row.standard_error)}",
            percent(row.normalised),
            f"{1e4 * row.figure('variance'):.0f}",
            percent(row.worst),
            *([percent(row.expert_agreement)] if judged else []),
        ]
        for row in rows
    ]
    head = ["model", *tasks, "average", "normalised", "variance", "worst", *(["own expert"] if judged else [])]
    print(table(head, body))
    if any(row.kind == "per_task" for row in rows):
        print("(given the task): one model a task, told which task each image is of; a single model is told nothing.")
    for facts in split_manifests(zoo.datasets, tasks, split).values():
        if "left_out" in facts:
            print(facts["left_out"])
    print("± is one standard error from the number of images; variance over tasks in percent squared.")
    if judged is not None:
        print(f"own expert: {_agreement(judged)}.")


def print_unlabelled(zoo: "Zoo", rows: "list[EvaluationRow]", tasks: Sequence[str]) -> None:
    """What criteria say where images have no labels, the merges ranked by agreement with the own experts."""
    criteria = [CRITERIA[name] for name in rows[0].criteria]
    print(f"{zoo.name}: the images of {listing(tasks)} have no labels, so there are no accuracies.")
    body = [[row.model, *(_value(criterion, row) for criterion in criteria)] for row in rows]
    print(table(["model", *(criterion.name for criterion in criteria)], body))
    print(f"Merges are ranked by expert_agreement: {_agreement(rows[0].criteria['expert_agreement'])}.")
    for criterion in criteria:
        print(f"{criterion.name} ({_UNITS[criterion.unit]}, higher is better): {criterion.weakness}")


_UNITS = {"fraction": "percent", "nats": "nats", "cosine": "from -1 to 1"}


def _value(criterion: Criterion, row: "EvaluationRow") -> str:
    score = row.criteria[criterion.name]
    if criterion.unit == "fraction":
        return f"{percent(score.value)} ± {percent(score.standard_error)}"
    return f"{score.value:.3f} ± {score.standard_error:.3f}"


def _agreement(score: CriterionScore) -> str:
    count, kind = sum(score.images.values()), SOURCES[score.split]
    return (
        f"share of {count} {kind} on which a model and the task's own fine-tuned model name the same class, in percent"
    )


def search_words(search: "ScaleSearch | ThresholdSearch") -> str:
    """By what and on which images was chosen, and what came out."""
    from mloss_core.evaluation import ThresholdSearch

    count, kind = sum(search.counts.values()), images_words(search.choice)
    if isinstance(search, ThresholdSearch):
        chosen = ", ".join(f"{task} {threshold:g}" for task, threshold in search.thresholds.items())
        by = "" if search.choice.labels else f" by {search.choice.criterion}"
        return (
            f"{search.result.name}: each task's threshold was chosen on its own {kind} ({count} in all){by} from "
            f"{', '.join(f'{each:g}' for each in search.curve)}: {chosen}."
        )
    best = search.best
    more = " No scale beyond it was tried." if search.at_the_end else ""
    by = f"by normalised accuracy ({percent(best.normalised)} there)."
    if search.metric == "average":
        why = f": {search.fallback}" if search.fallback else ""
        by = f"by average accuracy ({percent(best.average)} there){why}."
    if not search.choice.labels:
        criterion = CRITERIA[search.choice.criterion]
        value = percent(best.value) if criterion.unit == "fraction" else f"{best.value:.3f}"
        by = f"by {criterion.name} ({value} there). {criterion.weakness}"
    return (
        f"{search.result.name}: the scale was chosen on {count} {kind} from "
        f"{search.curve[0].scale:g} to {search.curve[-1].scale:g}, {by}{more}"
    )
