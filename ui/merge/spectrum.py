"""The spectrum of one matrix under several merges: what spectral methods do to singular values, and who interferes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from mloss_core.merging.matrices import MATRICES
from ui import jobs, state, theme
from ui.formats import engineering
from ui.merge import state as merge_state
from ui.zoo.facts import ZooFacts

BLOCK = state.key(merge_state.PAGE, "sp_block")
MATRIX = state.key(merge_state.PAGE, "sp_matrix")
BETA = state.key(merge_state.PAGE, "sp_beta")
FRACTION = state.key(merge_state.PAGE, "sp_f")
EVERY = state.key(merge_state.PAGE, "sp_every")
_USUAL = "mlp.c_fc.weight"
_FRACTIONS = [round(0.1 * step, 1) for step in range(11)]


def spectrum_tab(zoo: ZooFacts, tasks: Sequence[str]) -> None:
    """Draw the tab: the choice of a matrix, its singular values, and the interference of all blocks on request.

    Args:
        tasks: the models chosen in the builder.
    """
    if len(tasks) < 2:
        st.info("Choose at least two models on the left: one model alone has nothing to share.", icon=":material/info:")
        return
    block, matrix, beta, fraction = _controls(zoo)
    chosen = {} if tuple(tasks) == zoo.tasks else {"tasks": list(tasks)}
    params = {"zoo": zoo.name, "block": block, "matrix": matrix, "fraction": fraction, **chosen}
    result = jobs.job_result("spectrum", "spectra", params, label="Decomposing", reserve=360)
    if result.payload is not None:
        shown = result.payload
        where = f"{MATRICES[shown.meta['matrix']]}, block {shown.meta['block']}"
        theme.show(
            spectrum_figure(shown.arrays, beta, where),
            key="mg_spectrum",
            stale=result.stale,
            alt=f"Singular values of the merged updates of {where}.",
        )
        st.caption(sentence(shown.arrays, float(shown.meta["interference"])))
    _interference(zoo, matrix, chosen)


def spectrum_figure(arrays: Mapping[str, np.ndarray], beta: float, where: str) -> go.Figure:
    """Singular values by rank under each merge, and their mean over the models' own task vectors."""
    summed = arrays["task_arithmetic"]
    flat = (1 - beta) * summed + beta * summed.mean()
    lines = (
        ("Mean of the models", arrays["models"].mean(0), theme.MUTED, "dot"),
        ("Task Arithmetic", summed, theme.CATEGORY[0], "solid"),
        (f"Iso-C β {beta:g}", flat, theme.CATEGORY[1], "solid"),
        ("Iso-CTS", arrays["iso_cts"], theme.CATEGORY[2], "solid"),
        ("TSV-M", arrays["tsv_m"], theme.CATEGORY[3], "solid"),
    )
    fig = theme.figure(f"Singular values of the update: {where}", x="Rank of the singular value", y="Value", height=360)
    for name, values, color, dash in lines:
        fig.add_scatter(
            x=np.arange(1, len(values) + 1),
            y=values,
            mode="lines",
            name=name,
            line={"color": color, "width": 1.8, "dash": dash},
            hovertemplate=f"{name}: %{{y:.4g}} at rank %{{x}}<extra></extra>",
        )
    return fig


def interference_figure(values: np.ndarray, matrix: str) -> go.Figure:
    """Singular task interference by block."""
    fig = theme.figure(f"Singular task interference: {matrix}", x="Block", y="Interference", height=240)
    fig.add_bar(
        x=np.arange(len(values)),
        y=values,
        marker={"color": theme.ACCENT},
        hovertemplate="block %{x}: %{y:.4g}<extra></extra>",
    )
    fig.update_xaxes(dtick=1)
    fig.update_layout(showlegend=False)
    return fig


def sentence(arrays: Mapping[str, np.ndarray], interference: float) -> str:
    """What to notice, from the data."""
    summed = arrays["task_arithmetic"]
    energy = np.cumsum(summed**2) / max(float((summed**2).sum()), 1e-300)
    half = int(np.searchsorted(energy, 0.5)) + 1
    return (
        f"Half of Task Arithmetic's energy lies in {half} of {len(summed)} directions; Iso-C at β 1 gives all the same "
        f"value, {engineering(float(summed.mean()))}. Interference of the models' leading directions: "
        f"{engineering(interference)} (0 where no two share one). All at scale λ = 1."
    )


def _controls(zoo: ZooFacts) -> tuple[int, str, float, float]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        matrix = st.selectbox(
            "Matrix",
            list(MATRICES),
            index=list(MATRICES).index(_USUAL),
            key=MATRIX,
            bind=state.BIND,
            width=135,
            format_func=lambda name: MATRICES.get(name, name),
            help="Which weight of the block.",
        )
        block = st.selectbox(
            "Block", list(range(zoo.layers)), index=zoo.layers - 1, key=BLOCK, bind=state.BIND, width=80
        )
        beta = st.slider(
            "Iso-C β",
            0.0,
            1.0,
            1.0,
            0.05,
            key=BETA,
            bind=state.BIND,
            width=140,
            help="0 leaves the singular values of Task Arithmetic, 1 sets all to their mean.",
        )
        fraction = st.select_slider(
            "Iso-CTS share",
            _FRACTIONS,
            value=0.8,
            key=FRACTION,
            bind=state.BIND,
            width=140,
            help="Share of the directions that come from the sum of the task vectors; the models' own share the rest.",
        )
    block = block if block in range(zoo.layers) else zoo.layers - 1
    return int(block), matrix if matrix in MATRICES else _USUAL, float(beta), float(fraction)


def _interference(zoo: ZooFacts, matrix: str, chosen: Mapping[str, Any]) -> None:
    wanted = st.toggle(
        "Interference in all blocks",
        key=EVERY,
        bind=state.BIND,
        help="|(UᵀU − I) S (VᵀV − I)|₁ of the models' leading singular directions side by side: how much they would "
        "disturb each other in a sum. Decomposes this matrix of every model in every block, once.",
    )
    if not wanted:
        return
    params = {"zoo": zoo.name, "matrix": matrix, **chosen}
    result = jobs.job_result("interference", "spectra", params, label="Decomposing all blocks", reserve=240)
    if result.payload is not None:
        values = result.payload.arrays["interference"]
        theme.show(
            interference_figure(values, MATRICES[result.payload.meta["matrix"]]),
            key="mg_interference",
            stale=result.stale,
            alt=f"Interference by block, largest in block {int(np.nanargmax(values))}."
            if np.isfinite(values).any()
            else "Interference does not exist for so many models.",
        )
