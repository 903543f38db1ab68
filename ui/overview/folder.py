"""The Overview of a folder of checkpoints: what was found, what is missing, and accuracies when they are asked for."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from mloss_core.evaluation.rows import BASELINE_NAMES
from mloss_core.lab.requests import baseline_request
from mloss_core.wording import listing
from ui import jobs, state, theme
from ui.formats import count, percent, plain, short_digest, size, split_label
from ui.overview.card import standard_error
from ui.overview.dumbbell import Answerer, dumbbell_figure
from ui.overview.samples import Sampled
from ui.zoo import choice as zoo_choice
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import accuracy_needs, own_models

MEASURED = state.key("ov", "accuracies")
LIMIT = 500
"""Images of each task that the Overview measures on: a first look; the Merge page has the choice."""
_FEW_NOTES = 5
_KINDS = {"zero_shot": "Zero-shot", "ensemble": "Ensemble", "individual": "Individual"}


def report(zoo: ZooFacts) -> None:
    """What opening the folder found: layout, sizes, where it runs, and every note about how it was read."""
    about, shape = zoo.about, zoo.about["architecture"]
    total = sum(model["bytes"] for model in about["models"])
    with st.container(horizontal=True, gap="small"):
        st.metric("Models", len(zoo.tasks), border=True, help="Fine-tuned encoders, one a task.")
        st.metric("Weights a model", f"{zoo.parameters / 1e6:.2f} M", border=True, help="Of the image encoder.")
        st.metric("Backbone", plain(shape["name"]), border=True, help=plain(zoo.backbone))
        st.metric(
            "Activation",
            plain(shape["activation"]),
            border=True,
            help=f"{shape['heads']} attention heads, images of {shape['image_size']} pixels. Notes below say what was "
            "not recorded in the files and had to be assumed.",
        )
        st.metric("On disk", size(total), border=True, help="Converted weights of all models, read as they are needed.")
    layout = f"Layout: {about['layout']}. " if about.get("layout") else ""
    st.caption(plain(layout) + " " + _placement(about["device"], about.get("placement")))
    if about["notes"]:
        notes = about["notes"]
        label = f"Notes from opening ({len(notes)})"
        with st.expander(label, expanded=len(notes) <= _FEW_NOTES, icon=":material/fact_check:"):
            st.markdown("\n".join(f"- {plain(note)}" for note in notes))


def accuracies(zoo: ZooFacts) -> None:
    """Zero-shot, Ensemble and Individual by task, measured when asked for."""
    st.subheader("How well they do", anchor=False)
    sentence = accuracy_needs(zoo)
    if sentence:
        st.info(f"{sentence} The models can be merged all the same.", icon=":material/info:")
        return
    split = _split(zoo)
    wanted = st.toggle(
        f"Measure on at most {LIMIT} {split} images of each task",
        key=MEASURED,
        bind=state.BIND,
        help=f"Runs all {len(zoo.tasks) + 1} encoders once on every task's images; features are kept, so later "
        "evaluations are quicker. Without a GPU this can take many minutes for large encoders.",
    )
    if not wanted:
        return
    params = baseline_request(zoo.name, split, LIMIT)
    payload = jobs.job_payload("baselines", params, label="Zero-shot, Individual and Ensemble")
    if payload is not None:
        _story(zoo, payload.meta, split)


def model_table(zoo: ZooFacts) -> None:
    """All models with their files."""
    st.subheader("The models", anchor=False)
    models = zoo.about["models"]
    frame = pd.DataFrame(
        {
            "Model": [model["name"] for model in models],
            "File": [model["file"] for model in models],
            "Format": [model["format"] or "" for model in models],
            "Size": [size(model["bytes"]) for model in models],
            "Moved": [percent(model["distance"]) for model in models],
            "Head": [_classes(model["head"]) for model in models],
            "Images": [_images(model["images"]) for model in models],
            "Digest": [short_digest(model["digest"]) for model in models],
        }
    )
    st.dataframe(
        frame,
        hide_index=True,
        height="content",
        key="overview_own_models",
        column_config={
            "Moved": st.column_config.TextColumn(
                help="Length of fine-tuned minus pretrained weights, relative to the pretrained ones."
            ),
            "Images": st.column_config.TextColumn("Train / val / test", help="Images of the task's dataset, by split."),
            "Digest": st.column_config.TextColumn(help="First characters of the SHA-256 of the weights."),
        },
        alt=f"The {len(models)} models with their files, formats, sizes, heads, images and digests.",
    )
    offered = zoo_choice.chosen()
    if offered is not None:
        st.button(
            "Look at the folder again",
            icon=":material/refresh:",
            on_click=zoo_choice.open_again,
            args=(offered,),
            help="After files were added or changed.",
        )


def sampled(zoo: ZooFacts) -> list[Sampled]:
    """The tasks with labelled images, each with a split to look at."""
    found = []
    for model in own_models(zoo):
        images = model["images"] or {}
        split = next((name for name in ("test", "val", "train") if images.get(name)), None)
        if split is not None and model["classes"]:
            found.append(Sampled(model["name"], model["name"], model["classes"], split, images[split]))
    return found


def _split(zoo: ZooFacts) -> str:
    """The split that all tasks have: test where possible."""
    return "test" if all(model["images"]["test"] for model in own_models(zoo)) else "val"


def _story(zoo: ZooFacts, meta: Mapping[str, Any], split: str) -> None:
    answerers = [
        Answerer(
            _KINDS[row["kind"]],
            row["kind"],
            row["tasks"],
            {task: standard_error(value, row["counts"][task]) for task, value in row["tasks"].items()},
            row["average"],
            row["standard_error"],
        )
        for key, row in zip(BASELINE_NAMES, meta["rows"], strict=True)
        if key != "ensemble_features"
    ]
    averages = listing([f"{answerer.name} {percent(answerer.average)}" for answerer in answerers])
    theme.show(
        dumbbell_figure(zoo.tasks, answerers, split=split_label(split)),
        key="overview_own_story",
        alt=f"Accuracy on each task. On average: {averages}.",
    )
    images = sum(meta["rows"][0]["counts"].values())
    st.caption(f"Averages: {plain(averages)}. Measured here on {count(images)} {split} images, drawn at random once.")


def _placement(device: str, kept: Mapping[str, int] | None) -> str:
    if device == "cpu" or kept is None:
        return "Runs on the processor: weights are read from the disk a block at a time."
    words = f"Runs on {device.replace('cuda:', 'GPU ')}"
    if kept["needed"] <= kept["room"]:
        return f"{words}: once used, all weights ({size(kept['needed'])}) stay there."
    return (
        f"{words}: once used, {size(kept['room'])} of the {size(kept['needed'])} of weights stay there, the rest go "
        "there a block at a time."
    )


def _classes(head: Any) -> str:
    return f"{head[0]} classes" if head else "–"


def _images(images: Mapping[str, int] | None) -> str:
    return " / ".join(str(images[split]) for split in ("train", "val", "test")) if images else "–"
