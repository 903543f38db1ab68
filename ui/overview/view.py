"""The parts of the Overview, from the idea to the models."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd
import psutil
import streamlit as st

from mloss_core.lab.devices import devices
from mloss_core.wording import listing
from ui import state, theme
from ui.formats import count, percent, plain, short_digest, size
from ui.frame import device_words
from ui.overview.card import SPLIT, ModelFacts, control_sentence
from ui.overview.dumbbell import Answerer, dumbbell_figure
from ui.overview.idea import idea_figure
from ui.zoo.facts import ZooFacts

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
STEPS: tuple[tuple[str, str, str, Literal["primary", "secondary"]], ...] = (
    ("pages/mloss_map.py", "See where they conflict", "grid_on", "primary"),
    ("pages/merge.py", "Merge them", "merge", "secondary"),
    ("pages/theory.py", "Learn the idea", "function", "secondary"),
)


def question(zoo: ZooFacts) -> str:
    """What the whole app asks, of this zoo."""
    return f"{_number(len(zoo.tasks)).capitalize()} encoders fine-tuned from one: can they become one again?"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def introduction(zoo: ZooFacts) -> None:
    """Three sentences, the picture of the idea, and where to go next."""
    words, picture = st.columns([1, 1.25], gap="large", vertical_alignment="center")
    with words:
        st.markdown(
            "Every model of this zoo started from the same image encoder and was trained further on its own task. "
            f"**Merging** averages their weights into one model; an **Ensemble** runs all {len(zoo.tasks)} and "
            "averages what they say, which costs as many times more. **M-Loss** measures, node by node and without "
            "labels, how far the cheap answer falls from the costly one."
        )
    with picture:
        theme.show(
            idea_figure(len(zoo.tasks)),
            key="overview_idea",
            alt="An input x goes two ways: through the merged model to the answer h, and through all source models, "
            "whose answers are averaged to h prime. M-Loss is how far h and h prime are apart.",
        )


def next_steps() -> None:
    """Where to go from here."""
    with st.container(horizontal=True):
        for path, label, icon, kind in STEPS:
            st.button(
                label,
                icon=f":material/{icon}:",
                type=kind,
                key=f"overview_go_{icon}",
                on_click=state.go_to,
                args=(path,),
            )


def headline(zoo: ZooFacts, answerers: Sequence[Answerer], measured: Answerer | None = None) -> None:
    """The few numbers that tell the story, from the untouched encoder to the specialists.

    Args:
        measured: the best merge that was measured here, if there is one.
    """
    by_kind = {answerer.kind: answerer for answerer in reversed(answerers)}
    label_of_best, best = best_merge_of([answerer for answerer in answerers if answerer.kind == "merged"], measured)
    with st.container(horizontal=True, gap="small"):
        st.metric("Models", len(zoo.tasks), border=True, help="Fine-tuned encoders, one a task.")
        st.metric(
            "Weights a model",
            f"{zoo.parameters / 1e6:.2f} M",
            border=True,
            help="Of the image encoder; every model has as many.",
        )
        for kind, label, words in _HEADLINES:
            answerer = best if kind == "merged" else by_kind.get(kind)
            if answerer is not None:
                value = percent(answerer.average, answerer.average_error)
                st.metric(
                    label_of_best if kind == "merged" else label,
                    f"{100 * answerer.average:.1f} %",
                    delta=plain(answerer.name) if kind == "merged" else None,
                    delta_color="off",
                    delta_arrow="off",
                    border=True,
                    width="content" if kind == "merged" else "stretch",
                    help=f"{words} Mean test accuracy over the tasks: {value}.",
                )


def best_merge_of(card: Sequence[Answerer], measured: Answerer | None) -> tuple[str, Answerer | None]:
    """The best single merged model that is known, and words for what it is the best of.

    Args:
        card: the merges of the model card.
        measured: the best one that was measured here, on the same images.
    """
    best = max(card, key=lambda answerer: answerer.average, default=None)
    if measured is not None and (best is None or measured.average > best.average):
        return "Best merge measured here", measured
    return f"Best of the card's {_number(len(card))} merges" if len(card) > 1 else "The card's merge", best


_HEADLINES = (
    ("zero_shot", "Zero-shot", "The pretrained encoder as it is."),
    ("merged", "Best merge", "One merged model for all tasks; the Merge page has more methods."),
    ("ensemble", "Ensemble", "All models run, their outputs averaged."),
    ("individual", "Individual", "Each fine-tuned encoder on its own task only."),
)


def story(zoo: ZooFacts, answerers: Sequence[Answerer]) -> None:
    """The dumbbell chart, what its figures are, and what the control says."""
    averages = listing([f"{answerer.name} {percent(answerer.average)}" for answerer in answerers])
    theme.show(
        dumbbell_figure(zoo.tasks, answerers),
        key="overview_story",
        alt=f"Test accuracy on each task. On average: {averages}.",
    )
    images = sum(zoo.card["counts"][SPLIT].values())
    st.caption(
        f"Figures of the zoo's model card, measured once on {count(images)} test images; every choice was made on "
        f"validation images. {control_sentence(zoo.card)}"
    )


def model_section(models: Sequence[ModelFacts]) -> None:
    """All models with their files and accuracies."""
    st.subheader("The models", anchor=False)
    frame = pd.DataFrame(
        {
            "Model": [model.task for model in models],
            "Task": [model.title for model in models],
            "Classes": [len(model.classes) for model in models],
            "Zero-shot": [percent(model.zero_shot, model.zero_shot_error) for model in models],
            "Individual": [percent(model.individual, model.individual_error) for model in models],
            "Gain": [100 * (model.individual - model.zero_shot) for model in models],
            "Test images": [model.images for model in models],
            "Size": [size(model.bytes) for model in models],
            "Digest": [short_digest(model.digest) for model in models],
        }
    )
    st.dataframe(
        frame,
        hide_index=True,
        height="content",
        key="overview_models",
        column_config={
            "Zero-shot": st.column_config.TextColumn(help="The pretrained encoder on this task, ± standard error."),
            "Individual": st.column_config.TextColumn(help="This model on its own task, ± standard error."),
            "Gain": st.column_config.ProgressColumn(
                "Gain by fine-tuning",
                format="%.1f points",
                min_value=0,
                max_value=100,
                help="Individual minus zero-shot, in percentage points.",
            ),
            "Digest": st.column_config.TextColumn(help="First characters of the SHA-256 of the weight file."),
        },
        alt=f"The {len(models)} models with their tasks, accuracies, sizes and digests.",
    )


def machine_line(zoo: ZooFacts) -> None:
    """Where the work runs, and how much memory there is."""
    memory = psutil.virtual_memory()
    cores = psutil.cpu_count() or 1
    words = listing([device_words(device) for device in devices()])
    st.caption(
        f":material/memory: Devices: {words} · {cores} processor cores · {size(memory.available)} of "
        f"{size(memory.total)} memory free · zoo digest `{short_digest(zoo.digest)}`"
    )
