"""Where inside do the models leave the task's own expert? Linear CKA and expert gap, block by block."""

from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from mloss_core.evaluation.inspection.answers import Inspection
from mloss_core.evaluation.inspection.block_similarity import BlockSimilarity
from ui import jobs, theme
from ui.formats import engineering, plain, times_ten
from ui.inspect.choices import Choice
from ui.zoo.facts import ZooFacts

HEIGHT = 330


def blocks_tab(zoo: ZooFacts, choice: Choice, inspection: Inspection, stale: bool) -> None:
    """Draw the lines of A, of B and of the pretrained encoder."""
    params = {"zoo": zoo.name, "task": choice.task, "split": choice.split, "models": choice.beside("zero_shot")}
    result = jobs.job_result("in_blocks", "inspect_blocks", params, label="Comparing block by block", reserve=HEIGHT)
    if result.payload is None:
        return
    found, old = BlockSimilarity.from_entry(result.payload.meta, result.payload.arrays), stale or result.stale
    left, right = st.columns(2, gap="medium")
    with left:
        theme.show(cka_figure(found, choice), key="in_cka", alt=cka_sentence(found, choice), stale=old)
    with right:
        theme.show(gap_figure(found, choice), key="in_gap", alt=gap_sentence(found, choice), stale=old)
    st.caption(
        f"{plain(cka_sentence(found, choice))} {plain(gap_sentence(found, choice))} On {found.images} images, where "
        "M-Loss is measured. CKA: 1 means the same geometry of images; of the mean over tokens, without the bias of "
        "few images. Expert gap: mean square of a model's activation minus the expert's, both on the inputs that reach "
        "the model's block. Bars: standard error from the choice of images. An Ensemble has no blocks of its own."
    )


def cka_figure(found: BlockSimilarity, choice: Choice) -> go.Figure:
    """Similarity to the expert, one line a model."""
    fig = theme.figure("Similarity to the task's own expert", x="Block", y="Linear CKA", height=HEIGHT)
    for place, name, line in _lines(found, choice):
        hover = f"{name}, block %{{x}}: CKA %{{y:.3f}} ± %{{error_y.array:.3f}}<extra></extra>"
        _add(fig, found, name, line, found.cka[place], found.cka_error[place], hover)
    low = float(np.nanmin(found.cka)) if np.isfinite(found.cka).any() else 0.0
    fig.update_yaxes(range=[min(0.0, low - 0.05) if low < 0.3 else low - 0.1, 1.02])
    return fig


def gap_figure(found: BlockSimilarity, choice: Choice) -> go.Figure:
    """Expert gap, one line a model."""
    largest = float(found.gap.max()) if found.gap.size else 0.0
    exponent = 3 * int(np.floor(np.log10(largest) / 3)) if largest > 0 else 0
    unit = f"Mean square,{times_ten(exponent)}" if exponent else "Mean square"
    fig = theme.figure("Expert gap", x="Block", y=unit, height=HEIGHT)
    for place, name, line in _lines(found, choice):
        values, errors = found.gap[place] / 10.0**exponent, found.gap_error[place] / 10.0**exponent
        hover = (
            f"{name}, block %{{x}}: expert gap %{{y:.3g}} ± %{{error_y.array:.2g}}{times_ten(exponent)}<extra></extra>"
        )
        _add(fig, found, name, line, values, errors, hover)
    fig.update_yaxes(rangemode="tozero")
    return fig


def cka_sentence(found: BlockSimilarity, choice: Choice) -> str:
    """How far each model ends from the expert."""
    if not found.models:
        return "There is no model with blocks of its own to compare with the expert."
    if not np.isfinite(found.cka).all():
        return "Similarity to the expert is undefined in blocks that all images enter alike."
    ends = [
        f"{name} from {found.cka[place][0]:.2f} in block {found.blocks[0]} to {found.cka[place][-1]:.2f} in block "
        f"{found.blocks[-1]}"
        for place, name, _ in _lines(found, choice)
    ]
    return f"Similarity to the expert: {'; '.join(ends)}."


def gap_sentence(found: BlockSimilarity, choice: Choice) -> str:
    """Where each model's activations are furthest from the expert's."""
    ends = [
        f"{name} {engineering(float(found.gap[place].max()))} in block {found.blocks[int(found.gap[place].argmax())]}"
        for place, name, _ in _lines(found, choice)
    ]
    return f"Largest expert gap: {'; '.join(ends)}." if ends else ""


def _lines(found: BlockSimilarity, choice: Choice) -> Iterator[tuple[int, str, tuple[str, str]]]:
    """Place, name, and colour and dash of each model."""
    merges = iter(theme.CATEGORY[place] for place in (0, 3, 4))
    for place, model in enumerate(found.models):
        merged = model["kind"] in ("merged", "per_task")
        colour = next(merges) if merged else theme.role_colour(model["kind"])
        yield place, choice.label(model["key"], model["model"]), (colour, "solid" if merged else "dot")


def _add(
    fig: go.Figure,
    found: BlockSimilarity,
    name: str,
    line: tuple[str, str],
    values: np.ndarray,
    errors: np.ndarray,
    hover: str,
) -> None:
    colour, dash = line
    fig.add_scatter(
        name=name,
        x=list(found.blocks),
        y=values,
        mode="lines+markers",
        line={"color": colour, "width": 1.8, "dash": dash},
        marker={"color": colour, "size": 6},
        error_y={"type": "data", "array": errors, "thickness": 1, "width": 2, "color": colour},
        hovertemplate=hover,
    )
    fig.update_xaxes(tickmode="linear", dtick=1 if len(found.blocks) <= 12 else 2, showgrid=False)
