"""By what a scale is chosen: the criterion, and the images of one that reads no label."""

import streamlit as st

from mloss_core.evaluation.criteria.choice import IMAGES, SOURCES, Choice
from mloss_core.evaluation.criteria.records import CRITERIA, LABEL_FREE
from ui import state
from ui.merge import state as merge_state
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import unlabelled_tasks

COUNTS = (4, 8, 16, 64, 256)
"""Images of each task that can be asked for."""
_SOURCE_WORDS = {"train": "Training", "val": "Validation"}


def choice_controls(zoo: ZooFacts) -> Choice:
    """Draw the choice of a criterion; what it needs and its weakness stand below."""
    names = LABEL_FREE if unlabelled_tasks(zoo) else tuple(CRITERIA)
    name = st.selectbox(
        "Find it by",
        names,
        key=merge_state.TUNE_BY,
        bind=state.BIND,
        format_func=lambda name: CRITERIA[name].title,
        help="Validation accuracy needs labels. The others see images alone, and compare the merge with the models "
        "that went into it.",
    )
    name = name if name in names else names[0]
    if CRITERIA[name].labels:
        return Choice(name)
    with st.container(horizontal=True, gap="medium"):
        images = st.segmented_control(
            "Images per task",
            COUNTS,
            default=IMAGES,
            required=True,
            key=merge_state.TUNE_IMAGES,
            bind=state.BIND,
            help="At most. More images make the choice surer; each costs one run of the merge.",
        )
        source = st.segmented_control(
            "Taken from",
            tuple(SOURCES),
            default="train",
            required=True,
            key=merge_state.TUNE_SOURCE,
            bind=state.BIND,
            format_func=lambda split: _SOURCE_WORDS.get(split, split),
            help="Training images are those the models were fine-tuned on; of either, labels stay hidden.",
        )
    st.caption(f":material/warning: {CRITERIA[name].weakness}", help=CRITERIA[name].summary)
    return Choice(name, images if images in COUNTS else IMAGES, source if source in SOURCES else "train")


def choice_request(choice: Choice) -> dict[str, str | int]:
    """The part of a `tune` request that says how is chosen; empty for validation accuracy."""
    if choice.labels:
        return {}
    return {"choose_by": choice.criterion, "images": choice.images or IMAGES, "source": choice.source}
