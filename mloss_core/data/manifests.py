"""Which images figures were measured on, as data that results carry: figures of other images are never ranked with."""

from collections.abc import Iterable, Mapping

from mloss_core.data.datasets import Dataset
from mloss_core.types import Json


def split_manifest(dataset: Dataset, split: str) -> dict[str, Json]:
    """Number of images of a split, the dataset's digest and, for datasets on disk, how the split was made and its list.

    The list is a SHA-256 over label, file name and size of every image in order. Where images are left out for want of
    a label, a sentence says how many.
    """
    known = getattr(dataset, "manifest", None) or {}
    listed = known.get("splits", {}).get(split, {})
    facts: dict[str, Json] = {"images": dataset.size(split), "digest": dataset.digest}
    if known:
        facts |= {"rule": known["rule"], "sha256": listed.get("sha256")}
    left_out = getattr(dataset, "left_out", {}).get(split)
    if left_out:
        facts["left_out"] = left_out
    return facts


def split_manifests(datasets: Mapping[str, Dataset], tasks: Iterable[str], split: str) -> dict[str, dict[str, Json]]:
    """`split_manifest` of each task that has images."""
    return {task: split_manifest(datasets[task], split) for task in tasks if task in datasets}


def other_images(first: Mapping[str, Mapping[str, Json]], second: Mapping[str, Mapping[str, Json]]) -> str:
    """Why two results must not be ranked together, in one sentence; empty where shared tasks have the same images."""
    differing = [task for task in first if task in second and first[task]["digest"] != second[task]["digest"]]
    if not differing:
        return ""
    return f"measured on other images of {', '.join(differing)}: do not rank these results together."
