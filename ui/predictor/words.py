"""What the numbers of the Predictor page say, in sentences: every r with its spread, every claim with its baseline."""

import math

from mloss_core.mergeability.predictor.baselines import BASELINES
from mloss_core.mergeability.predictor.columns import title
from mloss_core.mergeability.predictor.results import CrossValidation
from mloss_core.mergeability.predictor.targets import KINDS
from mloss_core.wording import listing
from ui.formats import plain
from ui.predictor.controls import Unit, method_title

SMALL_FOLD = 20
_SINGLE = ("best_single_metric", "mloss_alone")


def number(value: float) -> str:
    """A correlation with two decimals and a true minus; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.2f}".replace("-", "−")


def target_words(result: CrossValidation) -> str:
    """What is predicted, in words, as Markdown."""
    target = result.problem.target
    if target.kind == "other":
        return f"**{plain(target.name)}**"
    return f"the **{KINDS[target.kind][0].lower()}** of pairs merged by **{plain(method_title(target.method))}**"


def answer(result: CrossValidation, unit: Unit) -> str:
    """The page's first sentence: how well it predicts, against what knows no metric, and what choosing by it costs."""
    scores, pools = result.scores, result.protocol.pools
    count = len(result.metrics)
    metrics = f"**{plain(title(result.metrics[0]))}** alone" if count == 1 else f"{count} metrics"
    headline = result.headline
    if math.isnan(headline):
        return (
            f"{metrics} {'says' if count == 1 else 'say'} nothing of {target_words(result)}: no fold has a correlation."
        )
    spread = "" if pools or math.isnan(scores.standard_error) else f" ± {number(scores.standard_error)}"
    folds = f"over {len(scores.measured)} pairs" if pools else f"mean of {len(scores.folds)} folds"
    sd = "" if pools else f", sd {number(scores.sd)}"
    verb = "predicts" if count == 1 else "predict"
    text = f"{metrics} {verb} {target_words(result)} with **r = {number(headline)}{spread}** ({folds}{sd})."
    rivals = [
        f"{BASELINES[name].title.lower()} {number(held.headline(pools))}"
        for name, held in result.baselines.items()
        if not BASELINES[name].optional
    ]
    if rivals:
        text += f" Without them: {listing(rivals)}."
    alone = [result.baselines[name].headline(pools) for name in _SINGLE if name in result.baselines]
    if count > 1 and any(value > headline for value in alone):
        text += " **One metric alone does better than this fit.**"
    return text.replace("m-loss", "M-Loss") + f" {cost(result, unit)}"


def cost(result: CrossValidation, unit: Unit) -> str:
    """What choosing the best pairs by the prediction costs."""
    scores = result.scores
    pairs = "pair" if scores.k == 1 else f"{scores.k} pairs"
    return (
        f"Choosing the best {pairs} by it loses **{unit.lost(scores.lost)}**, choosing by chance "
        f"{unit.lost(scores.lost_random)}."
    )


def cautions(result: CrossValidation, reference: bool) -> list[str]:
    """What to keep in mind with these figures, as Markdown sentences."""
    scores, kind, pools = result.scores, result.problem.target.kind, result.protocol.pools
    found = []
    total = result.baselines.get("sum_of_individual_accuracies")
    if kind == "raw" and total is not None:
        found.append(
            "Raw accuracy mostly measures how hard the tasks are: adding the accuracies of the two models, without any "
            f"metric, gives r = {number(total.headline(pools))}. Prefer the normalised target."
        )
    if kind == "residual":
        found.append("The residual is what is truly about the pair. It is small, and so are correlations with it.")
    if result.protocol.partners and kind != "residual":
        found.append(
            "The partner of the task that is left out was seen in training, which is what additive task effects use; "
            "for two unseen models choose another way of holding out."
        )
    if not result.protocol.partners:
        found.append("Additive task effects are unavailable for unseen tasks: here alone can metrics be of help.")
    if not pools and max(fold.n_val for fold in scores.folds) < SMALL_FOLD:
        found.append(
            f"A fold has at most {max(fold.n_val for fold in scores.folds)} pairs, so its own r is uncertain by about "
            f"{number(1 / math.sqrt(max(fold.n_val for fold in scores.folds) - 1))}."
        )
    if not pools and not math.isnan(scores.standard_error):
        found.append("± is the standard error of the mean over folds. Folds share pairs, so the truth is less certain.")
    found += _of_the_solver(result)
    if reference:
        found.append(
            "In this published table gradient cosines and dot products are computed with random heads, and each merge "
            "was measured once."
        )
    return found


def _of_the_solver(result: CrossValidation) -> list[str]:
    name = result.solver.name
    if name == "ref_adam":
        return ["The reference's objective has no minimiser: which metrics drop out depends on when it stops."]
    if name == "mlp":
        return ["The network is experimental: its figures vary with the seed."]
    if result.solver.grid and result.alpha != "nested":
        return ["A fixed penalty was looked at on these folds; Nested is the honest figure."]
    return []
