"""Image files below a folder: which they are, in what order, and which are passed over."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Endings of image files that are read: torchvision's."""
_OTHER_IMAGES = (".avif", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".npy", ".pbm", ".pnm", ".svg", ".tga")
_DIGITS = re.compile(r"\d+")
_LISTED = 3


class FoundImages(NamedTuple):
    """Images below a folder, sorted by folder and name, and what looks like an image or a folder but is not read."""

    paths: list[Path]
    passed_over: list[Path]


def visible(name: str) -> bool:
    """Whether a name is none that editors and file managers leave behind."""
    return not name.startswith((".", "__MACOSX"))


def is_image(path: "str | Path") -> bool:
    """Whether a file's name is that of an image, and not of a hidden file."""
    path = Path(path)
    return path.suffix.lower() in SUFFIXES and visible(path.name)


def images_below(folder: Path) -> FoundImages:
    """All images below a folder, through links too, each folder once: a link back up is not followed in circles."""
    images: list[Path] = []
    others: list[Path] = []
    seen: set[tuple[int, int]] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        here = Path(place)
        stat = here.stat()
        if (stat.st_dev, stat.st_ino) in seen:
            others.append(here)
            folders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        folders[:] = sorted(name for name in folders if visible(name))
        for name in sorted(files):
            path = here / name
            if is_image(path) and path.is_file():
                images.append(path)
            elif is_image(path) or (visible(name) and path.suffix.lower() in _OTHER_IMAGES):
                others.append(path)
    # Folders in the order of their paths, as torchvision's ImageFolder has them.
    images.sort(key=lambda path: (str(path.parent), path.name))
    return FoundImages(images, others)


def passed_over(paths: Sequence[Path], root: Path) -> tuple[str, ...]:
    """A sentence on files and folders that are not read although they look like images, if there are any."""
    if not paths:
        return ()
    listed = ", ".join(path.relative_to(root).as_posix() for path in paths[:_LISTED])
    rest = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return (
        f"{listed}{rest} {'is' if len(paths) == 1 else 'are'} not read: not in a class folder, no file, a link in a "
        f"circle, or none of {' '.join(SUFFIXES)}.",
    )


def numbered_notes(names: Sequence[str], folder: Path) -> tuple[str, ...]:
    """A warning where the alphabetical order of numbered folders, which counts, is not that of their numbers.

    Args:
        names: of class folders, in alphabetical order.
        folder: that they lie in.
    """
    shapes = {_DIGITS.sub("#", name) for name in names}
    numbers = [tuple(int(digits) for digits in _DIGITS.findall(name)) for name in names]
    if len(shapes) > 1 or numbers == sorted(numbers):
        return ()
    return (
        f"the class folders of {folder} are numbered, but read in alphabetical order ({', '.join(names[:4])}, ..), "
        "not in that of their numbers. A head whose rows follow the numbers does not fit; write the numbers with "
        "zeros in front (00, 01, ..) to have that order.",
    )
