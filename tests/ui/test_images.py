import base64
import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

from ui.images import enlarged, picture

UI = Path(__file__).parents[2] / "ui"


def unpacked(address):
    kind, _, text = address.partition(";base64,")
    return kind, np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_pictures_grow_by_repeating_pixels():
    small = np.arange(2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 3)
    large = enlarged(small, side=3)
    assert large.shape == (6, 6, 3)
    assert (large[:3, :3] == small[0, 0]).all()
    assert (large[3:, 3:] == small[1, 1]).all()


def test_large_pictures_keep_their_size():
    assert enlarged(np.zeros((224, 224, 3), np.uint8), side=96).shape[0] == 224
    assert enlarged(np.zeros((500, 500, 3), np.uint8), side=96).shape == (500, 500, 3)


def test_an_address_holds_the_picture_itself():
    small = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    kind, found = unpacked(picture(small, side=104))
    assert kind == "data:image/png" and (found == enlarged(small, side=104)).all()
    kind, found = unpacked(picture(np.full((224, 224, 3), 90, np.uint8), side=104))
    assert kind == "data:image/jpeg" and found.shape == (224, 224, 3) and abs(int(found.mean()) - 90) < 2


def test_no_page_shows_a_picture_that_is_asked_for_later():
    """Such a file may be gone by then."""
    calls = [call for file in UI.rglob("*.py") for call in re.findall(r"st\.image\(\s*(\w+)\(", file.read_text())]
    assert calls and set(calls) == {"picture"}
    assert len(calls) == sum(file.read_text().count("st.image(") for file in UI.rglob("*.py"))
