"""The way to the Inspect page from others: two models, a task, and the images that the figures there were of."""

from collections.abc import Sequence

from mloss_core.evaluation.rows import BASELINE_NAMES, EvaluationRow
from ui.inspect import state
from ui.inspect.choices import model_text
from ui.merge.entries import Entry, row_key
from ui.state import go_to

PAGE = "pages/inspect.py"


def open_inspect(
    row: EvaluationRow,
    task: str | None,
    against: EvaluationRow | None,
    entries: Sequence[Entry],
    split: str,
    limit: str | None = None,
    *,
    expert: bool = False,
) -> None:
    """Switch to the page: this row as A on a task, against another one.

    Args:
        task: the one on which the row falls furthest behind where none is named.
        against: B; the Ensemble where there is none, and the task's own expert where it is the row itself.
        entries: the merges of the comparison, among which the rows' recipes are found.
        expert: whether B is the task's own expert instead.
        limit: how many images, as `LIMITS` of the Merge page calls it.
    """
    b = against if against is not None and against.key != row.key and not expert else None
    itself = row.key == "ensemble" or (against is not None and against.key == row.key)
    other = "individual" if (expert or itself) and row.key != "individual" else "ensemble"
    chosen = {
        state.A: _text(row, entries),
        state.B: _text(b, entries) if b is not None else other,
        state.TASK: task or hardest_task(row, against),
        state.SPLIT: split,
        state.LIMIT: limit,
    }
    state.arrive({name: text for name, text in chosen.items() if text is not None})
    go_to(PAGE)


def hardest_task(row: EvaluationRow, against: EvaluationRow | None) -> str | None:
    """The task on which a row falls furthest behind another, or is worst by itself; None without figures."""
    if not row.accuracy:
        return None
    beside = against.accuracy if against is not None and against.key != row.key else {}
    return min(row.accuracy, key=lambda task: row.accuracy[task] - beside.get(task, 0.0))


def _text(row: EvaluationRow, entries: Sequence[Entry]) -> str | None:
    if row.key in BASELINE_NAMES:
        return row.key
    return next((model_text(entry) for entry in entries if row_key(entry.recipe) == row.key), None)
