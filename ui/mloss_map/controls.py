"""The choices of the M-Loss map page: what is measured (left) and how it is shown (above the map)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mloss_core.merging.labels import block_presets
from mloss_core.recipe import MLossOptions
from ui import state
from ui.formats import plain
from ui.mloss_map.cells import SCALES
from ui.recipe_choices import PRESETS
from ui.zoo.facts import ZooFacts

PAGE = "map"
DEFAULT_IMAGES = 16
IMAGES = (2, 4, 8, 16, 32, 64, 128)
VIEWS = ("M-Loss", "Keep rate")
_WIDE = 1000


@dataclass(frozen=True)
class Measured:
    """What is measured: the models and the options of M-Loss."""

    tasks: tuple[str, ...]
    options: MLossOptions

    def params(self, zoo: ZooFacts) -> dict[str, Any]:
        """The parameters of the job that measures it."""
        tasks = None if self.tasks == zoo.tasks else list(self.tasks)
        return {"zoo": zoo.name, "tasks": tasks, "mloss": self.options.to_dict()}


@dataclass(frozen=True)
class Shown:
    """How the map is shown.

    Args:
        view: `M-Loss` or `Keep rate`.
        scale: of the colours, for M-Loss.
        keep_rate: k and `span` e of the keep rate view; `blocks` where they apply, None for all.
    """

    view: str
    scale: str
    keep_rate: float = 0.8
    span: float = 0.1
    blocks: tuple[int, ...] | None = None


def default_group(width: int) -> int:
    """Nodes in one cell of the heatmap at first: 50 for wide encoders, else 8."""
    return 50 if width >= _WIDE else 8


def measured_controls(zoo: ZooFacts) -> Measured:
    """Models, images per task and preset."""
    key = state.key(PAGE, "models")
    state.prune(key, zoo.tasks)
    tasks = st.pills(
        "Models",
        zoo.tasks,
        selection_mode="multi",
        default=zoo.tasks,
        format_func=plain,
        key=key,
        bind=state.BIND,
        wrap=True,
        help="The fine-tuned models that would be merged. M-Loss is measured between exactly these.",
    )
    images = st.select_slider(
        "Images per task",
        IMAGES,
        value=DEFAULT_IMAGES,
        key=state.key(PAGE, "images"),
        bind=state.BIND,
        help="Unlabeled training images drawn from each task to measure on. The paper uses 16.",
    )
    preset = st.segmented_control(
        "Preset",
        list(PRESETS),
        default="paper",
        required=True,
        format_func=lambda name: PRESETS[name],
        key=state.key(PAGE, "preset"),
        bind=state.BIND,
        wrap=True,
        help="Paper: inputs run through the average of the chosen models, the activation is the encoder's own. "
        "Code: as the published code does it, inputs from the pretrained encoder, its own activation and sampling.",
    )
    return Measured(_known(tasks, zoo.tasks), measure_options(preset, images))


def default_measured(zoo: ZooFacts) -> Measured:
    """What a first visit measures: all models, the paper's preset."""
    return Measured(zoo.tasks, measure_options("paper", DEFAULT_IMAGES))


def measure_options(preset: str | None, images: int | None) -> MLossOptions:
    """The options of a preset; a choice that is none of the offered ones falls back to the default."""
    name = preset if preset in PRESETS else "paper"
    return MLossOptions.preset(name, samples_per_task=images if images in IMAGES else DEFAULT_IMAGES)


def group_control(zoo: ZooFacts) -> int:
    """Nodes in one cell of the heatmap."""
    size = st.number_input(
        "Nodes per cell",
        1,
        zoo.nodes,
        default_group(zoo.width),
        key=state.key(PAGE, "group"),
        bind=state.BIND,
        help="Neighbouring nodes are gathered into one cell, which shows their mean. 1 shows every node.",
    )
    return min(max(int(size or 1), 1), zoo.nodes)


def shown_controls(zoo: ZooFacts) -> Shown:
    """M-Loss or keep rate, with the choices that belong to it, in one row."""
    with st.container(horizontal=True, gap="small"):
        view = st.segmented_control(
            "Show",
            VIEWS,
            default=VIEWS[0],
            required=True,
            key=state.key(PAGE, "view"),
            bind=state.BIND,
            help="M-Loss: how far the merged and the ensembled answer of a node lie apart. Keep rate: the fraction of "
            "a node's weights that M-Loss guided merging would keep, less where M-Loss is high.",
        )
        return _keep_controls(zoo) if view == "Keep rate" else _scale_control()


def _scale_control() -> Shown:
    scale = st.segmented_control(
        "Scale",
        SCALES,
        default=SCALES[0],
        required=True,
        key=state.key(PAGE, "scale"),
        bind=state.BIND,
        help="Per block compares the nodes inside each block, whatever its level.",
    )
    return Shown("M-Loss", scale if scale in SCALES else SCALES[0])


def _keep_controls(zoo: ZooFacts) -> Shown:
    keep = st.slider(
        "Keep rate k",
        0.05,
        1.0,
        0.8,
        0.05,
        key=state.key(PAGE, "k"),
        bind=state.BIND,
        width=140,
        help="Fraction of the weights kept in the least conflicted node.",
    )
    reach = st.slider(
        "Span e",
        0.0,
        0.8,
        0.1,
        0.05,
        key=state.key(PAGE, "e"),
        bind=state.BIND,
        width=140,
        help="How far the keep rate falls from the least to the most conflicted node of a block.",
    )
    presets = block_presets(zoo.layers)
    label = st.selectbox(
        "Blocks",
        list(presets),
        key=state.key(PAGE, "blocks"),
        bind=state.BIND,
        width=130,
        format_func=lambda name: "All" if name == "all" else name,
        help="Where the keep rate follows M-Loss; the other blocks keep k everywhere. The sets are the papers'.",
    )
    return Shown("Keep rate", SCALES[0], float(keep), float(reach), presets.get(label or "all"))


def _known(chosen: Sequence[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(task for task in known if task in set(chosen or ()))
