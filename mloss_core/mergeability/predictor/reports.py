"""A cross-validation as plain values, for JSON."""

from typing import Any

from mloss_core.mergeability.predictor.results import CrossValidation


def report(result: CrossValidation) -> dict[str, Any]:
    """What `predict --json` prints: correlations as they are, lost points in the target's unit (fractions).

    `baselines` holds the same figure as the headline: mean r over folds, or the pooled r under l2to, where a fold is
    one pair; null with the reason in `unavailable`.
    """
    scores, problem, pools = result.scores, result.problem, result.protocol.pools
    return {
        "target": problem.target.name,
        "solver": result.solver.name,
        "alpha": None if result.solver.alpha is None else result.alpha,
        "protocol": result.protocol.name,
        "rows": len(problem.target.values),
        "tasks": list(problem.rows.tasks),
        "metrics": list(result.metrics),
        "folds": _folds(result),
        "mean_pearson": scores.mean_pearson,
        "mean_spearman": scores.mean_spearman,
        "fisher_z": scores.fisher_z,
        "sd": scores.sd,
        "standard_error": scores.standard_error,
        "pooled": scores.pooled,
        "headline": "pooled" if pools else "mean_pearson",
        "baselines": {
            **{name: held.headline(pools) for name, held in result.baselines.items()},
            **dict.fromkeys(result.unavailable),
        },
        "unavailable": dict(result.unavailable),
        "coefficients": result.coefficients(),
        "coefficient_sd": result.coefficient_sd(),
        "selection_rate": result.selection_rate(),
        "importance": result.importance(),
        "lost_points": scores.lost,
        "lost": {"k": scores.k, "chance": scores.lost_random, **_lost(result)},
        "dropped": dict(problem.dropped),
        "notes": list(result.notes),
    }


def _folds(result: CrossValidation) -> list[dict[str, Any]]:
    return [
        {
            "task": fold.label,
            "n_train": fold.n_train,
            "n_val": fold.n_val,
            "pearson": fold.pearson,
            "spearman": fold.spearman,
            "train_pearson": outcome.train_pearson,
            "alpha": None if result.solver.alpha is None else outcome.alpha,
            "unseen": list(outcome.fold.unseen),
        }
        for fold, outcome in zip(result.scores.folds, result.outcomes, strict=True)
    ]


def _lost(result: CrossValidation) -> dict[str, Any]:
    baselines = {name: held.lost for name, held in result.baselines.items()}
    return {"predictor": result.scores.lost, "baselines": baselines}
