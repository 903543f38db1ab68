"""What a folder of checkpoints lacks for what a page would like to do, in one sentence of Markdown with a way out."""

from collections.abc import Mapping, Sequence
from typing import Any

from mloss_core.wording import listing
from ui.formats import plain
from ui.zoo.facts import ZooFacts

_HOW_HEADS = "Add head_\\<Dataset\\>.pt beside the models, or make them with `python -m mloss_core heads build`."


def image_needs(zoo: ZooFacts, purpose: str, tasks: Sequence[str] | None = None) -> str:
    """Why something that needs images of the tasks cannot be done; empty where it can.

    Args:
        purpose: how the sentence begins: `M-Loss needs`.
        tasks: the chosen ones, all by default.
    """
    lacking = _lacking(zoo, "images", tasks)
    where = str(zoo.about.get("datasets") or "")
    return f"{purpose} images of every task; {_those(zoo, lacking)}. {plain(where.capitalize())}." if lacking else ""


def accuracy_needs(zoo: ZooFacts, tasks: Sequence[str] | None = None) -> str:
    """Why accuracies on the chosen tasks, all by default, cannot be measured; empty where they can."""
    images = image_needs(zoo, "Accuracies need", tasks)
    lacking = _lacking(zoo, "head", tasks)
    if images or not lacking:
        return images
    return f"Accuracies need a zero-shot head of every task; {_those(zoo, lacking)}. {_HOW_HEADS}"


def unlabelled_tasks(zoo: ZooFacts) -> tuple[str, ...]:
    """Tasks whose images have no labels, so that nothing is right or wrong on them."""
    return tuple(
        model["name"]
        for model in own_models(zoo)
        if model["images"] and not {"val", "test"}.intersection(labelled_splits(model))
    )


def labelled_splits(model: Mapping[str, Any]) -> Sequence[str]:
    """The splits of a model's images whose labels are known.

    Args:
        model: an entry of `models` in what opening the folder found.
    """
    sizes = model["images"] or {}
    known = [split for split, size in sizes.items() if size] if model["classes"] else []
    return model.get("labelled", known) or ()


def common_splits(zoo: ZooFacts, splits: Sequence[str], *, labelled: bool) -> tuple[str, ...]:
    """Those of the splits in which every task has images, with labels if that is asked; all of an embedded zoo."""
    models = own_models(zoo)
    if labelled:
        return tuple(split for split in splits if all(split in labelled_splits(model) for model in models))
    return tuple(split for split in splits if all((model["images"] or {}).get(split) for model in models))


def headless_tasks(zoo: ZooFacts) -> tuple[str, ...]:
    """Tasks without a zero-shot head: no class can be named for their images."""
    return tuple(_lacking(zoo, "head", None))


def _lacking(zoo: ZooFacts, what: str, tasks: Sequence[str] | None) -> list[str]:
    chosen = set(zoo.tasks if tasks is None else tasks)
    return [model["name"] for model in own_models(zoo) if model["name"] in chosen and not model[what]]


def own_models(zoo: ZooFacts) -> Sequence[Mapping[str, Any]]:
    """The fine-tuned models as opening a folder found them; none of an embedded zoo, which lacks nothing."""
    return zoo.about["models"][1:] if zoo.own else ()


def _those(zoo: ZooFacts, lacking: Sequence[str]) -> str:
    if len(lacking) == len(zoo.tasks):
        return "none has any"
    return f"{plain(listing(lacking))} {'lacks' if len(lacking) == 1 else 'lack'} them"
