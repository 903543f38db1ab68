"""Images of any depth as 8-bit RGB."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from mloss_core.data.foreign_files import check_regular, reading

DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
"""Pillow's modes of more than 8 bits a value, all of one channel."""
_WORD = 65535


def open_image(path: Path) -> Image.Image:
    """The image of a file, RGB.

    Raises:
        DatasetError: a file that is no image, or a damaged one.
    """
    check_regular(path)
    with reading(path, "be an image that Pillow can read", "Replace or remove it."), Image.open(path) as image:
        return as_rgb(image)


def decode_image(content: bytes, place: str) -> Image.Image:
    """The image that bytes hold, RGB; `place` is where they lie, for messages.

    Raises:
        DatasetError: they are no image, or a damaged one.
    """
    with reading(place, "hold the bytes of an image"), Image.open(io.BytesIO(content)) as image:
        return as_rgb(image)


def as_rgb(image: Image.Image) -> Image.Image:
    """The image in 8-bit RGB. Deeper ones are scaled, where Pillow itself would clip them to white.

    Whole values are divided by 257, as 16 bits want it. Floats up to 1 are multiplied by 255, those up to 255 stay,
    larger ones are taken for 16-bit values.

    Raises:
        ValueError: values below zero, beyond 16 bits, or not finite.
    """
    if image.mode not in DEEP:
        return image.convert("RGB")
    values = np.asarray(image, np.float64)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not (low >= 0 and high <= _WORD):
        raise ValueError(f"pixels must lie between 0 and {_WORD}; found {low:g} to {high:g}.")
    if image.mode == "F" and high <= 255:
        scaled = values * 255 if high <= 1 else values
    else:
        scaled = values / 257
    return Image.fromarray(np.rint(scaled).astype(np.uint8)).convert("RGB")


def mode_of(content: "bytes | Path") -> str:
    """Pillow's mode of an image, from its header alone; empty for what is no image."""
    try:
        with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as image:
            return image.mode
    except Exception:  # Whoever opens the image itself says what is wrong with it.
        return ""
