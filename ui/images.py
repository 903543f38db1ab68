"""Small pictures, shown large enough to see every pixel."""

from typing import Any

import numpy as np
from PIL import Image


def enlarged(pixels: Any, side: int) -> np.ndarray:
    """A small square picture made about `side` pixels wide by repeating its pixels, so that it stays crisp.

    Screens with a high resolution get twice as many, which costs little and keeps edges sharp.

    Args:
        pixels: uint8 (height, width, 3).
        side: width it will be shown at; larger pictures are left as they are.
    """
    picture = np.asarray(pixels)
    times = max(1, round(2 * side / picture.shape[0]))
    size = (picture.shape[1] * times, picture.shape[0] * times)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.NEAREST))
