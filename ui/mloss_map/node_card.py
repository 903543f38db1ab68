"""The card of one node: what goes in, how the models' rows lie, and the images they cannot agree on."""

import streamlit as st

from mloss_core.mloss.detail import NodeDetail, TopImage
from mloss_core.mloss.report import MLossReport
from ui import jobs, theme
from ui.formats import count, engineering, measured, plain
from ui.images import picture
from ui.jobs import Result
from ui.mloss_map.node_choice import node_controls, node_place
from ui.mloss_map.node_figures import angle_figure, angle_sentence, density_figure
from ui.zoo.facts import ZooFacts

SIDE = 96
"""Side in pixels of the disputed images."""


def node_section(zoo: ZooFacts, result: Result, report: MLossReport, chosen: tuple[int, int] | None) -> None:
    """The section below the map: how to choose a node, and the card of the chosen one."""
    st.subheader("Inside a node", anchor=False)
    if chosen is None:
        st.caption("Click a cell of the map to open its most conflicted node, or name one here.")
    node_controls(report, chosen)
    if chosen is None:
        return
    block, node = chosen
    row = report.blocks.index(block)
    value, error = report.values[row, node], report.errors[row, node]
    st.markdown(
        f"**Block {block}, node {node}** · M-Loss {measured(value, error)} · place {count(node_place(report, chosen))} "
        f"of {count(report.values.size)} · {_times(value / report.layer_values[row])} its block's mean"
    )
    payload = jobs.job_result(
        "node", "node", {**result.params, "block": block, "node": node}, label="Looking inside the node", reserve=390
    )
    if payload.payload is not None:
        _card(
            NodeDetail.from_entry(payload.payload.meta, payload.payload.arrays), chosen, payload.stale or result.stale
        )


def _card(detail: NodeDetail, chosen: tuple[int, int], stale: bool) -> None:
    densities, angles, images = st.columns([1.3, 1.1, 1], gap="medium")
    words = angle_sentence(detail)
    with densities:
        theme.show(
            density_figure(detail),
            key="map_densities",
            stale=stale,
            alt=f"Densities of the pre-activation of node {chosen[1]} in block {chosen[0]}, for every model and the "
            f"merged one. The merged average is {engineering(detail.merged_activation)}, the ensemble's "
            f"{engineering(detail.ensemble_activation)}.",
        )
    with angles:
        theme.show(angle_figure(detail), key="map_angles", alt=words, stale=stale)
    with images:
        st.markdown("**Images they disagree on most**", help=_IMAGES_HELP)
        st.caption("Mean activation of the node on each image:")
        _image_grid(detail.top)
    st.caption(
        f"On average over all tokens the merged node answers {engineering(detail.merged_activation)}, the ensemble "
        f"{engineering(detail.ensemble_activation)}; M-Loss is the mean square of their difference, token by token. "
        f"{plain(words)}"
    )


_IMAGES_HELP = (
    "Training images, used without their labels. Below each: its task, then the mean activation of this node over the "
    "image's tokens, in the merged model and averaged over the source models."
)


def _image_grid(top: tuple[TopImage, ...]) -> None:
    shown = [image for image in top if image.pixels is not None]
    if not shown:
        st.caption("The pictures are not available.")
        return
    with st.container(horizontal=True, gap="small"):
        for image in shown:
            merged, ensemble = f"merged {image.merged:.3f}", f"ensemble {image.ensemble:.3f}"
            st.image(
                picture(image.pixels, SIDE),
                width=SIDE,
                alt=f"{plain(image.task)}: mean activation {merged}, {ensemble}",
                caption=f"{plain(image.task)}  \n{merged}  \n{ensemble}",
            )


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"
