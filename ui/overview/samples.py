"""A strip of sample images for each task, so that one sees what the models were trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from mloss_core.errors import MLossCoreError
from ui import jobs
from ui.errors import show_error
from ui.formats import plain
from ui.images import picture
from ui.zoo.facts import ZooFacts

if TYPE_CHECKING:
    from mloss_core.lab.jobs.store import Job

SHOWN = 5
"""Images a task."""
_SIDE = 70
_STRIP = 390


@dataclass(frozen=True)
class Sampled:
    """A task whose images are shown.

    Args:
        task: its name; `title` and `description` say it for people.
        classes: their number.
        split, images: where the images come from, and how many there are.
        spread: whether they come from all over the split, which is sorted by class where it lies in folders.
    """

    task: str
    title: str
    classes: int
    split: str
    images: int
    description: str = ""
    spread: bool = True


def sample_section(zoo: ZooFacts, models: Sequence[Sampled]) -> None:
    """Sample images of every task; strips that are still being drawn hold their place."""
    if not models:
        return
    st.subheader("What they look at", anchor=False)
    requests = {model.task: _request(zoo, model) for model in models}
    try:
        submitted = {task: jobs.submit("samples", params) for task, params in requests.items()}
    except MLossCoreError as error:
        show_error(error)
        return
    waiting = []
    grid = st.grid("auto", min_column_width=_STRIP, gap="medium")
    for model in models:
        with grid.cell():
            if not _strip(model, submitted[model.task]):
                waiting.append(model.task)
    jobs.watch([submitted[task] for task in waiting], [f"Drawing {task}" for task in waiting])


def _strip(model: Sampled, job: "Job") -> bool:
    """One task's strip; False while its images are on their way."""
    st.markdown(f"**{plain(model.title)}** · {model.classes} classes", help=plain(model.description) or None)
    payload = jobs.payload_of(job)
    if payload is None:
        if job.status in jobs.ACTIVE:
            st.skeleton(height=_SIDE + 24)
            return False
        st.caption(plain(job.error) if job.error else "These images are not available.")
        return True
    names = payload.meta["classes"]
    with st.container(horizontal=True, gap="xsmall"):
        for pixels, name in zip(payload.arrays["pixels"], names, strict=True):
            st.image(picture(pixels, _SIDE), width=_SIDE, caption=plain(name), alt=f"{model.title}: {name}")
    return True


def _request(zoo: ZooFacts, model: Sampled) -> dict[str, Any]:
    shown = min(SHOWN, model.images)
    step = model.images // shown if model.spread else 1
    return {"zoo": zoo.name, "task": model.task, "split": model.split, "indices": [step * i for i in range(shown)]}
