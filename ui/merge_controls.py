"""Does ranking by M-Loss help? The recipes that a guided merge must beat, and the answer in one sentence."""

import dataclasses
from collections.abc import Mapping, Sequence

from mloss_core.merging.methods import check_recipe
from mloss_core.recipe import Recipe
from ui.formats import listing
from ui.merge_entries import tidy
from ui.merge_rows import Difference, Row, difference

CONTROLS: Mapping[str, Mapping[str, object]] = {
    "e = 0": {"span": 0.0},
    "reversed ranks": {"ranking": "reversed"},
    "random ranks": {"ranking": "random"},
    "same budget, no ranks": {"ranking": "uniform"},
}
"""What each control changes in the recipe's options."""
SURE = 2.0
"""A difference of at least this many standard errors is called real."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How a guided recipe fares against its controls.

    Args:
        sentence: the answer in plain words.
        waiting: controls without result.
    """

    sentence: str
    waiting: tuple[str, ...] = ()


def is_guided(recipe: Recipe) -> bool:
    """Whether the recipe's keep rates really follow M-Loss, so that controls make sense."""
    method, options = check_recipe(recipe)
    if "mloss" not in method.needs:
        return False
    return options.span > 0 and options.ranking not in ("reversed", "random", "uniform", "none")


def control_recipes(recipe: Recipe) -> dict[str, Recipe]:
    """The controls of a guided recipe by name: the same merge without what M-Loss adds."""
    return {name: tidy(recipe.replace(options={**recipe.options, **changes})) for name, changes in CONTROLS.items()}


def missing_controls(recipe: Recipe, present: Sequence[Recipe]) -> list[Recipe]:
    """The controls that the comparison lacks."""
    known = {tidy(other).digest for other in present}
    return [control for control in control_recipes(recipe).values() if control.digest not in known]


def verdict(row: Row, controls: Mapping[str, Row | None]) -> Verdict:
    """What the finished controls say about the M-Loss ranks of `row`.

    Args:
        row: the guided merge.
        controls: row of each control by name, None or unfinished ones are waited for.
    """
    waiting = tuple(name for name, other in controls.items() if other is None or not other.done)
    gaps = {
        name: gap
        for name, other in controls.items()
        if other is not None and (gap := difference(row, other)) is not None
    }
    if not gaps or not row.done:
        return Verdict("The controls are not finished.", waiting)
    better = [name for name, gap in gaps.items() if _sure(gap) and gap.value > 0]
    worse = [name for name, gap in gaps.items() if _sure(gap) and gap.value < 0]
    return Verdict(f"{_answer(row.label, list(gaps), better, worse)} {_figures(gaps)}", waiting)


def _answer(label: str, names: list[str], better: list[str], worse: list[str]) -> str:
    if len(better) == len(names):
        return f"The M-Loss ranks of {label} beat every control beyond twice the standard error of the difference."
    if worse:
        return f"The M-Loss ranks of {label} do not help here: {listing(worse)} came out reliably better."
    if better:
        even = [name for name in names if name not in better]
        return (
            f"The M-Loss ranks of {label} beat {listing(better)}, but not {listing(even)}: that is within twice the "
            "standard error, so the ranks are not shown to be the cause."
        )
    return (
        f"The M-Loss ranks of {label} do not beat the controls on this zoo: every difference is within twice its "
        "standard error."
    )


def _figures(gaps: Mapping[str, Difference]) -> str:
    parts = [f"{name} {_points(gap)}" for name, gap in gaps.items()]
    paired = all(gap.paired for gap in gaps.values())
    how = "same images" if paired else "errors taken as independent, so on the large side"
    return f"Difference in points: {'; '.join(parts)} ({how})."


def _points(gap: Difference) -> str:
    text = f"{100 * gap.value:+.2f}".replace("-", "−")
    return text if gap.standard_error is None else f"{text} ± {100 * gap.standard_error:.2f}"


def _sure(gap: Difference) -> bool:
    return gap.standard_error is not None and abs(gap.value) >= SURE * gap.standard_error and gap.value != 0
