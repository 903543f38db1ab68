"""Where inside do the models leave the task's own expert? Linear CKA block by block."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from mloss_core.evaluation.inspection.answers import Inspection
from mloss_core.evaluation.inspection.block_similarity import BlockSimilarity
from ui import jobs, theme
from ui.formats import plain
from ui.inspect.choices import Choice
from ui.zoo.facts import ZooFacts


def blocks_tab(zoo: ZooFacts, choice: Choice, inspection: Inspection, stale: bool) -> None:
    """Draw the lines of A, of B and of the pretrained encoder."""
    params = {"zoo": zoo.name, "task": choice.task, "split": choice.split, "models": choice.beside("zero_shot")}
    result = jobs.job_result("in_blocks", "inspect_blocks", params, label="Comparing block by block", reserve=340)
    if result.payload is None:
        return
    found = BlockSimilarity.from_entry(result.payload.meta, result.payload.arrays)
    theme.show(cka_figure(found, choice), key="in_cka", alt=cka_sentence(found, choice), stale=stale or result.stale)
    st.caption(
        f"{plain(cka_sentence(found, choice))} Linear CKA of {found.images} images at the input of each block's MLP, "
        "mean over tokens, without the bias of few images; 1 means the same geometry of images. Bars: standard error "
        "from the choice of images. An Ensemble has no blocks of its own, and the expert would be compared with itself."
    )


def cka_figure(found: BlockSimilarity, choice: Choice) -> go.Figure:
    """One line a model."""
    fig = theme.figure("Similarity to the task's own expert", x="Block", y="Linear CKA", height=340)
    merges = [theme.CATEGORY[place] for place in (0, 3, 4)]
    for model, values, errors in zip(found.models, found.cka, found.error, strict=True):
        merged = model["kind"] in ("merged", "per_task")
        colour = merges.pop(0) if merged else theme.role_colour(model["kind"])
        name = choice.label(model["key"], model["model"])
        fig.add_scatter(
            name=name,
            x=list(found.blocks),
            y=values,
            mode="lines+markers",
            line={"color": colour, "width": 1.8, "dash": "solid" if merged else "dot"},
            marker={"color": colour, "size": 6},
            error_y={"type": "data", "array": errors, "thickness": 1, "width": 2, "color": colour},
            hovertemplate=f"{name}, block %{{x}}: CKA %{{y:.3f}} ± %{{error_y.array:.3f}}<extra></extra>",
        )
    fig.update_xaxes(tickmode="linear", dtick=1 if len(found.blocks) <= 12 else 2, showgrid=False)
    low = float(np.nanmin(found.cka)) if np.isfinite(found.cka).any() else 0.0
    fig.update_yaxes(range=[min(0.0, low - 0.05) if low < 0.3 else low - 0.1, 1.02])
    return fig


def cka_sentence(found: BlockSimilarity, choice: Choice) -> str:
    """How far each model ends from the expert."""
    if not found.models or not np.isfinite(found.cka).all():
        return "There is no model with blocks of its own to compare with the expert."
    ends = [
        f"{choice.label(model['key'], model['model'])} from {values[0]:.2f} in block {found.blocks[0]} to "
        f"{values[-1]:.2f} in block {found.blocks[-1]}"
        for model, values in zip(found.models, found.cka, strict=True)
    ]
    return f"Similarity to the expert: {'; '.join(ends)}."
