"""Accuracy rows as text: CSV for machines, Markdown for people."""

import json
from collections.abc import Sequence
from typing import Any

from mloss_core.evaluation.ranking import best_merge
from mloss_core.evaluation.rows import EvaluationRow


def rows_csv(rows: Sequence[EvaluationRow], tasks: Sequence[str]) -> str:
    """The finished rows as CSV, in fractions, with the recipe as JSON."""
    import pandas

    records = [
        {
            "model": row.model,
            "kind": row.kind,
            **{task: row.accuracy.get(task) for task in tasks},
            **row.numbers(),
            "expert_agreement": row.expert_agreement,
            "expert_agreement_standard_error": row.expert_agreement_error,
            "agreement": row.agreement,
            "kl": row.kl,
            "kept_fraction": row.kept,
            "seconds": row.seconds,
            "recipe": json.dumps(dict(row.recipe)) if row.recipe else "",
        }
        for row in rows
        if row.done or row.criteria
    ]
    return pandas.DataFrame(records).to_csv(index=False)


def rows_markdown(rows: Sequence[EvaluationRow], tasks: Sequence[str]) -> str:
    """The finished rows as a Markdown table in percent, the best merge in bold."""
    best = best_merge(rows)
    head = [
        "Model",
        *tasks,
        "Average",
        "± SE",
        "Normalised",
        "Variance (%²)",
        "Worst",
        "Own expert",
        "Ensemble",
        "Kept",
    ]
    lines = [_line(head), _line(["---", *["--:"] * (len(head) - 1)])]
    for row in rows:
        if not (row.done or row.criteria):
            continue
        cells = [
            row.model.replace("|", "\\|"),
            *(_percent(row.accuracy.get(task)) for task in tasks),
            _percent(row.average),
            _percent(row.standard_error),
            _percent(row.normalised),
            "" if row.variance is None else f"{1e4 * row.variance:.0f}",
            _percent(row.worst),
            _percent(row.expert_agreement),
            _percent(row.agreement),
            _percent(row.kept),
        ]
        is_best = best is not None and row.key == best.key
        lines.append(_line([f"**{cell}**" if is_best and cell else cell for cell in cells]))
    return "\n".join(lines) + "\n"


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.1f}"


def _line(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
