"""Small pictures, shown large enough to see every pixel."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

_LARGE = 96
"""Side in pixels from which a picture is a photo: it is packed as one."""


def picture(pixels: Any, side: int) -> str:
    """A small square picture as an address that holds it, for `st.image`.

    Streamlit keeps pictures for as long as the newest run shows them, and browsers that ask a moment later, or show
    them anew, get none ("404"). This one needs no second request.

    Args:
        pixels: uint8 (height, width, 3).
        side: width it will be shown at.
    """
    image = Image.fromarray(enlarged(pixels, side))
    kind = "jpeg" if np.asarray(pixels).shape[0] >= _LARGE else "png"
    packed = io.BytesIO()
    image.save(packed, kind, **({"quality": 90} if kind == "jpeg" else {}))
    return f"data:image/{kind};base64,{base64.b64encode(packed.getvalue()).decode('ascii')}"


def enlarged(pixels: Any, side: int) -> np.ndarray:
    """A small square picture made about `side` pixels wide by repeating its pixels, so that it stays crisp.

    Screens with a high resolution get twice as many, which costs little and keeps edges sharp.

    Args:
        pixels: uint8 (height, width, 3).
        side: width it will be shown at; larger pictures are left as they are.
    """
    small = np.asarray(pixels)
    times = max(1, round(2 * side / small.shape[0]))
    size = (small.shape[1] * times, small.shape[0] * times)
    return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.NEAREST))
