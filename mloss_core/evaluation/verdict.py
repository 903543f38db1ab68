"""Whether ranking by M-Loss beat its controls, in plain words."""

import dataclasses
from collections.abc import Mapping

from mloss_core.evaluation.paired import Difference, difference
from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.wording import listing

SURE = 2.0
"""A difference of at least this many standard errors is called real."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How a guided recipe fares against its controls.

    Args:
        sentence: the answer in plain words, with the differences.
        waiting: controls without result.
        answer: the sentence without the differences.
    """

    sentence: str
    waiting: tuple[str, ...] = ()
    answer: str = ""


def verdict(row: EvaluationRow, controls: Mapping[str, EvaluationRow | None]) -> Verdict:
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
    return verdict_of(row.model, gaps, waiting=waiting)


def verdict_of(
    label: str, gaps: Mapping[str, Difference], *, unit: str = "fraction", waiting: tuple[str, ...] = ()
) -> Verdict:
    """What differences to controls say about the M-Loss ranks of a recipe.

    Args:
        label: what the recipe is called.
        gaps: how far it is above each control, by the control's name; at least one.
        unit: of the differences: `fraction`, which is told in points, or another that is told as it is.
        waiting: controls without result.
    """
    better = [name for name, gap in gaps.items() if _sure(gap) and gap.value > 0]
    worse = [name for name, gap in gaps.items() if _sure(gap) and gap.value < 0]
    answer = _answer(label, list(gaps), better, worse)
    return Verdict(f"{answer} {_figures(gaps, unit)}", waiting, answer)


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


def _figures(gaps: Mapping[str, Difference], unit: str) -> str:
    parts = [f"{name} {_points(gap) if unit == 'fraction' else _plain(gap)}" for name, gap in gaps.items()]
    paired = all(gap.paired for gap in gaps.values())
    how = "same images" if paired else "errors taken as independent, so on the large side"
    return f"Difference in {'points' if unit == 'fraction' else unit}: {'; '.join(parts)} ({how})."


def _points(gap: Difference) -> str:
    text = f"{100 * gap.value:+.2f}".replace("-", "−")
    return text if gap.standard_error is None else f"{text} ± {100 * gap.standard_error:.2f}"


def _plain(gap: Difference) -> str:
    return f"{gap.value:+.3g}{'' if gap.standard_error is None else f' ± {gap.standard_error:.2g}'}".replace("-", "−")


def _sure(gap: Difference) -> bool:
    return gap.standard_error is not None and abs(gap.value) >= SURE * gap.standard_error and gap.value != 0
