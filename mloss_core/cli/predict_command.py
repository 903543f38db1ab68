"""`predict`: how well metrics predict which pairs merge well, on anyone's table of pairs."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mloss_core.cli.common import emit, json_text, names, out_file, table, write_out
from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability.metrics import METRIC_SETS
from mloss_core.mergeability.predictor.protocols import PROTOCOLS
from mloss_core.mergeability.predictor.solvers import NESTED, SOLVERS

if TYPE_CHECKING:
    from mloss_core.mergeability.predictor import CrossValidation, PairTable

_MOST_COEFFICIENTS = 12


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("predict", help="predict merge quality from a table of pairs, cross-validated")
    parser.add_argument(
        "tables",
        nargs="+",
        metavar="TABLE.csv",
        help="columns task_a, task_b, metrics, acc_M, normacc_M, acc_a_M, acc_b_M; or one file of metrics and one of "
        "merges",
    )
    parser.add_argument(
        "--target",
        metavar="COLUMN",
        help="what is predicted: a column, or worst_M, residual_M of a method M (default: the first normacc_M)",
    )
    defaults = ", ".join(f"{name} {solver.alpha:g}" for name, solver in SOLVERS.items() if solver.alpha is not None)
    parser.add_argument("--solver", default="lasso", metavar="NAME", help=f"{', '.join(SOLVERS)} (default: lasso)")
    parser.add_argument(
        "--alpha",
        metavar="NUMBER",
        help=f"penalty, or {NESTED} to choose it inside each training set (defaults: {defaults})",
    )
    parser.add_argument("--protocol", default="loto", metavar="NAME", help=f"{', '.join(PROTOCOLS)} (default: loto)")
    parser.add_argument(
        "--metrics",
        metavar="A,B",
        help=f"columns, or a set: {', '.join(METRIC_SETS)} (default: every known metric of the table)",
    )
    parser.add_argument(
        "--rows",
        default="common",
        metavar="NAME",
        help="common: pairs where all of the reference's methods were measured; own: where the target was "
        "(default: common)",
    )
    parser.add_argument("--impute", action="store_true", help="fill missing metrics by training medians, with a flag")
    parser.add_argument("--splits", type=int, default=20, help="random splits, for disjoint (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of splits and of seeded solvers (default: 0)")
    parser.add_argument("--best", type=int, default=5, metavar="K", help="pairs to choose by prediction (default: 5)")
    parser.add_argument("--details", action="store_true", help="also ablations, and every metric alone")
    parser.add_argument(
        "--new", metavar="FILE.csv", help="also predict the pairs of this table, which needs the metrics"
    )
    parser.add_argument("--replay", metavar="FILE.json", help="also hold stored coefficients against the table")
    parser.add_argument("--out", metavar="FILE", help="also write: .json the answer, .csv all validation predictions")
    parser.add_argument("--json", action="store_true", help="print one JSON object; accuracies are fractions")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Cross-validate and print."""
    out = None if options.out is None else out_file(options.out, (".json", ".csv"))
    read = [Path(path).resolve() for path in (*options.tables, options.new, options.replay) if path is not None]
    if out is not None and out.resolve() in read:
        raise InvalidOptionError(f"--out must not replace a file that is read; {out} is one.")
    from mloss_core.mergeability.predictor import cross_validate, join_tables, read_table, report

    pairs = join_tables([read_table(path) for path in options.tables])
    target = options.target or _default_target(pairs)
    result = cross_validate(
        pairs,
        _metrics(options.metrics),
        target,
        options.protocol,
        options.solver,
        alpha=_alpha(options.alpha),
        seed=options.seed,
        splits=options.splits,
        rows=options.rows,
        impute=options.impute,
        k=options.best,
    )
    answer = {**report(result), **_extras(options, pairs, target, result)}
    if out is not None:
        write_out(out, json_text(answer) if out.suffix == ".json" else result.predictions().to_csv(index=False))
    if options.json:
        emit(answer)
    else:
        _print(" and ".join(options.tables), answer, result)


def _default_target(pairs: "PairTable") -> str:
    from mloss_core.mergeability.predictor import target_names

    offered = target_names(pairs)
    if not offered:
        raise InvalidOptionError("the table must hold something to predict, such as a column normacc_ties; found none.")
    return next((name for name in offered if name.startswith("normacc_")), offered[0])


def _metrics(text: str | None) -> Any:
    listed = names(text)
    return listed[0] if listed and len(listed) == 1 and listed[0] in METRIC_SETS else listed


def _alpha(text: str | None) -> "float | str | None":
    if text is None or text == NESTED:
        return text
    try:
        return float(text)
    except ValueError as error:
        raise InvalidOptionError(f"--alpha must be a number or {NESTED}; found {text!r}.") from error


def _extras(options: argparse.Namespace, pairs: "PairTable", target: str, result: "CrossValidation") -> dict[str, Any]:
    """What was asked for beside the cross-validation."""
    import dataclasses

    from mloss_core.mergeability.predictor import (
        ablations,
        fit_predictor,
        read_coefficients,
        read_table,
        replay,
        single_metrics,
    )

    extras: dict[str, Any] = {}
    if options.details:
        extras["ablations"] = [dataclasses.asdict(one) for one in ablations(result, options.seed, options.splits)]
        extras["single_metrics"] = [dataclasses.asdict(one) for one in single_metrics(result.problem)]
    if options.new is not None:
        predictor = fit_predictor(
            pairs,
            result.metrics,
            target,
            options.solver,
            alpha=_alpha(options.alpha),
            seed=options.seed,
            rows=options.rows,
            impute=options.impute,
        )
        extras["predictions"] = [dataclasses.asdict(one) for one in predictor.predict(read_table(options.new))]
    if options.replay is not None:
        scores = replay(pairs, target, read_coefficients(options.replay), rows=options.rows)
        extras["replay"] = {
            "folds": [{"task": fold.label, "pearson": fold.pearson} for fold in scores.folds],
            "mean_pearson": scores.mean_pearson,
            "sd": scores.sd,
        }
    return extras


def _print(path: str, answer: dict[str, Any], result: "CrossValidation") -> None:
    from mloss_core.mergeability.predictor import BASELINES

    pools, scores = result.protocol.pools, result.scores
    alpha = "" if answer["alpha"] is None else f", alpha {answer['alpha']}"
    print(f"{path}: {answer['rows']} pairs of {len(answer['tasks'])} tasks, {len(answer['metrics'])} metrics")
    print(f"Target {answer['target']}; {result.solver.title}{alpha}; {result.protocol.title.lower()}")
    if not pools:
        rows = [
            [fold.label, str(fold.n_train), str(fold.n_val), _r(fold.pearson), _r(fold.spearman)]
            for fold in scores.folds
        ]
        print(table(["left out", "fitted on", "held against", "r", "rho"], rows))
    rows = [["predictor", *_figures(scores, pools)]]
    rows += [[BASELINES[name].title, *_figures(held, pools)] for name, held in result.baselines.items()]
    unit = "lost" if scores.lost > 1 else "points lost"
    print(table(["", "pooled r" if pools else "mean r", "sd", "Fisher z", "pooled", f"{unit}, {scores.k} best"], rows))
    print(f"Choosing {scores.k} pairs by chance loses {_lost(scores.lost_random)}.")
    for name, reason in result.unavailable.items():
        print(f"{BASELINES[name].title}: {reason}.")
    _print_coefficients(result)
    _print_extras(answer)
    for note in answer["notes"]:
        print(f"note: {note}")


def _figures(scores: Any, pools: bool) -> list[str]:
    return [_r(scores.headline(pools)), _r(scores.sd), _r(scores.fisher_z), _r(scores.pooled), _lost(scores.lost)]


def _r(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _lost(value: float) -> str:
    """A difference of accuracies in points; of anything else as it is."""
    return f"{100 * value:.2f}" if value < 1 else f"{value:.3g}"


def _print_coefficients(result: "CrossValidation") -> None:
    means, spread = result.coefficients(), result.coefficient_sd()
    rates, weight = result.selection_rate(), result.importance()
    if means is None or spread is None or rates is None or weight is None:
        return
    order = sorted(means, key=lambda name: -weight[name])[:_MOST_COEFFICIENTS]
    rows = [[name, f"{means[name]:+.3f}", f"{spread[name]:.3f}", f"{rates[name]:.2f}"] for name in order]
    print(table(["metric", "coefficient", "sd", "selected"], rows))
    if len(means) > len(order):
        print(f"... and {len(means) - len(order)} smaller ones (--json has all)")


def _print_extras(answer: dict[str, Any]) -> None:
    if "ablations" in answer:
        rows = [
            [one["category"], _r(one["headline"]), _r(one["change"]), _r(one["standard_error"])]
            for one in answer["ablations"]
        ]
        print(table(["without", "r", "change", "standard error"], rows))
        rows = [
            [one["metric"], str(one["n"]), _r(one["pearson"]), _r(one["spearman"]), _r(one["p"]), _r(one["p_family"])]
            for one in answer["single_metrics"]
        ]
        print(table(["metric alone", "pairs", "r", "rho", "p", "p of all"], rows))
    if "predictions" in answer:
        rows = [
            [
                " + ".join(one["tasks"]),
                f"{one['value']:.4f}",
                f"{one['low']:.4f}",
                f"{one['high']:.4f}",
                "outside" if one["outside"] else "",
            ]
            for one in answer["predictions"]
        ]
        print(table(["pair", "predicted", "low", "high", "training range"], rows))
    if "replay" in answer:
        print(f"stored coefficients: mean r {_r(answer['replay']['mean_pearson'])}, sd {_r(answer['replay']['sd'])}")
