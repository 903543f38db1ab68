"""Images whose labels are hidden: the hub marks those of test splits that are kept secret with -1, or with nothing."""

from collections.abc import Mapping
from typing import NamedTuple

from mloss_core.data.pictures import Pictures, SomePictures

HIDDEN = -1
"""The label of an image whose class is not told."""


class Labelled(NamedTuple):
    """Splits of which every image that counts has a label.

    Args:
        splits: the images.
        secret: for each split whose labels are all hidden, a sentence on why it has none.
        left_out: for each split that lost images, a sentence on how many.
    """

    splits: dict[str, Pictures]
    secret: dict[str, str]
    left_out: dict[str, str]

    @property
    def notes(self) -> tuple[str, ...]:
        """All that is to be said."""
        secret = (f"{words}: accuracy cannot be measured on them." for words in self.secret.values())
        return (*secret, *self.left_out.values())


def without_hidden(name: str, splits: Mapping[str, Pictures]) -> Labelled:
    """The splits without images whose labels are hidden, so that none counts as a mistake or is trained on.

    A split without any label keeps its images: M-Loss needs none.

    Args:
        name: of the task, for messages.
        splits: images with labels; below 0 means hidden.
    """
    found = Labelled(dict(splits), {}, {})
    for split, pictures in splits.items():
        known = [place for place, label in enumerate(pictures.labels) if label != HIDDEN]
        count = len(pictures.labels)
        if count and not known:
            found.secret[split] = f"the labels of all {count} {split} images of {name} are hidden (-1)"
        elif len(known) < count:
            found.splits[split] = SomePictures(pictures, known)
            found.left_out[split] = (
                f"{name}: {count - len(known)} of {count} {split} images are left out, as their labels are hidden (-1)."
            )
    return found
