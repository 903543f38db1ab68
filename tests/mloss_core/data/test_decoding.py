"""Images of any kind as 8-bit RGB; whatever is wrong with one is a sentence that names it."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mloss_core.data.decoding import as_rgb, decode_image, mode_of, open_image
from mloss_core.errors import DatasetError


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def broken() -> dict[str, bytes]:
    whole = png()
    data = whole.find(b"IDAT")
    return {
        "text.png": whole[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(b"A" * (5 << 20))) + whole[33:],
        "bomb.png": whole[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)) + whole[33:],
        "chunk.png": whole[: data - 4] + struct.pack(">I", 100) + whole[data:],
        "cut.png": whole[: len(whole) // 2],
        "words.ppm": b"P6\nabc 3\n255\n",
        "huge.ppm": b"P6\n99999999999999999999 3\n255\n",
        "short.bmp": b"BM" + bytes(20),
        "icon.tif": b"II*\0" + b"\xff" * 30,
        "empty.jpg": b"",
        "page.jpg": b"<html>",
    }


@pytest.mark.parametrize("name", broken())
def test_every_broken_file_is_one_sentence_with_its_name(name, tmp_path):
    (tmp_path / name).write_bytes(broken()[name])
    with pytest.raises(DatasetError, match=rf"{name} must be an image that Pillow can read: .*\. Replace or remove it"):
        open_image(tmp_path / name)
    with pytest.raises(DatasetError, match="row 3 of x must hold the bytes of an image"):
        decode_image(broken()[name], "row 3 of x")
    assert isinstance(mode_of(broken()[name]), str)


@pytest.mark.parametrize("form", ["png", "jpeg", "bmp", "ppm", "tiff", "webp"])
def test_damage_at_random_raises_nothing_foreign(form):
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png())).save(buffer, form)
    draw = np.random.default_rng(1)
    for _ in range(150):
        content = bytearray(buffer.getvalue())
        for place in draw.integers(0, min(len(content), 400), 3):
            content[place] = draw.integers(256)
        try:
            decode_image(bytes(content[: draw.integers(1, len(content) + 1)]), "it")
        except DatasetError as error:
            assert "it must hold the bytes of an image" in str(error)


def test_pipes_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(DatasetError, match=r"x\.png must be a file; it is a folder, pipe or device"):
        open_image(tmp_path / "x.png")
    with pytest.raises(DatasetError, match=r"gone\.png cannot be read: No such file"):
        open_image(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 257, 25700, 65535]], np.uint16), [0, 1, 100, 255]),
        (np.array([[0, 257, 25700, 65535]], np.int32), [0, 1, 100, 255]),
        (np.array([[0.0, 0.2, 0.5, 1.0]], np.float32), [0, 51, 128, 255]),
        (np.array([[0.0, 51.0, 128.0, 255.0]], np.float32), [0, 51, 128, 255]),
        (np.array([[0.0, 257.0, 25700.0, 65535.0]], np.float32), [0, 1, 100, 255]),
    ],
)
def test_deep_images_are_scaled_not_clipped(values, expected, tmp_path):
    Image.fromarray(values).save(tmp_path / "x.tif")
    found = np.asarray(open_image(tmp_path / "x.tif"))
    assert found.shape == (1, 4, 3) and found[0, :, 0].tolist() == expected


@pytest.mark.parametrize("bad", [-1.0, 1e9, float("nan"), float("inf")])
def test_values_outside_are_told(bad):
    with pytest.raises(ValueError, match="pixels must lie between 0 and 65535"):
        as_rgb(Image.fromarray(np.array([[0.0, bad]], np.float32)))
