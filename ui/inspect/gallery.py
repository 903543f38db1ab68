"""Images with their truth and both answers, a page at a time; the small pictures are made when they are looked at."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from mloss_core.caching import digest_of
from mloss_core.evaluation.inspection.answers import Inspection
from mloss_core.evaluation.inspection.exports import answers_csv
from ui import jobs
from ui.formats import count, plain
from ui.images import picture
from ui.inspect import state
from ui.inspect.choices import Choice
from ui.reruns import went_back
from ui.state import put
from ui.zoo.facts import ZooFacts

SIDE = 104
"""Side in pixels of a picture on the page."""
Images = Sequence[int] | np.ndarray
"""Positions in an inspection."""
_SEEN = "_in_seen"


def gallery(
    zoo: ZooFacts, choice: Choice, inspection: Inspection, images: Images, name: str, *, most: int = 12
) -> None:
    """The images in their order.

    Args:
        images: positions in the inspection.
        name: of the place on the page; the link tells which page of its list is open.
        most: images at once.
    """
    if not len(images):
        st.caption("No images.")
        return
    pages = -(-len(images) // most)
    # Another list is another widget, which begins at its first page.
    key = f"{state.PLACE}_{name}_{digest_of(choice.a.key, choice.b.key, choice.task, len(images), int(images[0]))[:10]}"
    place = _page(key, pages, name)
    shown = [int(image) for image in images[most * (place - 1) : most * place]]
    pixels = _pixels(zoo, inspection, shown)
    grid = st.grid("auto", min_column_width=SIDE + 12, gap="small")
    for position, image in enumerate(shown):
        with grid.cell():
            if pixels is None:
                st.skeleton(height=SIDE)
                st.caption(caption(inspection, image))
            else:
                st.image(
                    picture(pixels[position], SIDE),
                    width=SIDE,
                    caption=caption(inspection, image),
                    alt=words(inspection, image),
                )
    if pages > 1:
        st.pagination(pages, default=place, key=key)


def download(inspection: Inspection, images: Images, choice: Choice, what: str, label: str, key: str) -> None:
    """A button that saves a list of images with their answers."""
    st.download_button(
        label,
        lambda: answers_csv(inspection, images),
        f"{choice.task}_{choice.split}_{what}.csv",
        "text/csv",
        on_click="ignore",
        key=key,
        icon=":material/download:",
    )


def caption(inspection: Inspection, image: int) -> str:
    """Truth and both answers with their margins, as Markdown."""
    names, truth = inspection.classes, inspection.truth
    lines = [f"**{plain(names[truth[image]])}**" if truth is not None else plain(_name(inspection, image))]
    for side in ("a", "b"):
        found = inspection.answer(side)
        mark = ""
        if truth is not None:
            mark = ":material/check: " if found.predicted[image] == truth[image] else ":material/close: "
        margin = f"{found.margin[image]:+.1f}".replace("-", "−")
        lines.append(f"{side.upper()} {mark}{plain(names[found.predicted[image]])} {margin}")
    return "  \n".join(lines)


def _name(inspection: Inspection, image: int) -> str:
    """What an image without a label is called."""
    return inspection.files[image].rpartition("/")[2][:24] if inspection.files else f"image {inspection.index[image]}"


def words(inspection: Inspection, image: int) -> str:
    """The same for people who do not see the image."""
    names, truth = inspection.classes, inspection.truth
    own = "" if truth is None else f", which is {names[truth[image]]}"
    answers = (f"{side.upper()} answers {names[inspection.answer(side).predicted[image]]}" for side in ("a", "b"))
    return plain(f"Image {inspection.index[image]}{own}: {' and '.join(answers)}")


MARGINS = (
    "Below each image: its true class, then each model's answer with its margin in nats: the log odds of the true "
    "class against the best other one, positive where the answer is right. Without labels: of the answer against the "
    "runner-up. Most decisive first: by the geometric mean of both margins."
)


def _page(key: str, pages: int, name: str) -> int:
    """The open page of a list: the link's on a first look, and for somebody who went back or forward."""
    seen: set[str] = st.session_state.setdefault(_SEEN, set())
    back = went_back()
    text = st.query_params.get(state.place(name), "") if back or name not in seen else ""
    linked = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    place = min(max(1, linked if back else st.session_state.get(key, linked)), pages)
    if back and pages > 1:
        put(key, place)
    seen.add(name)
    state.keep(state.place(name), None if place == 1 else str(place))
    return place


def _pixels(zoo: ZooFacts, inspection: Inspection, shown: Sequence[int]) -> np.ndarray | None:
    """The pictures, or None while they are drawn."""
    params = {
        "zoo": zoo.name,
        "task": inspection.task,
        "split": inspection.split,
        "indices": [int(inspection.index[image]) for image in shown],
    }
    payload = jobs.job_payload("pictures", params, label="Drawing the images")
    return None if payload is None else payload.arrays["pixels"]


def list_words(inspection: Inspection, field: str, number: int) -> str:
    """Above the images of a field."""
    texts = {
        "both_right": "that both get right",
        "only_a": "that only A gets right",
        "only_b": "that only B gets right",
        "both_wrong": "that both get wrong",
        "agree": "to which both give the same answer",
        "disagree": "to which they give different answers",
    }
    images = "1 image" if number == 1 else f"{count(number)} images"
    return f"**{images} {texts[field]}**" + (", most decisive first" if number > 1 else "")
