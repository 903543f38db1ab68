"""Flat emblems of a few colours: flags, faces and dice."""

import numpy as np
from PIL import Image, ImageDraw

from mloss_core.demo.tasks.canvas import (
    CENTRE,
    DRAWN,
    Colour,
    Draw,
    Point,
    Random,
    Style,
    background,
    colour,
    colours,
    disc,
    overlay,
)

FLAGS = (
    "two stripes across",
    "two stripes upright",
    "three stripes across",
    "three stripes upright",
    "a nordic cross",
    "a small cross",
    "a saltire",
    "a disc",
    "a canton",
    "a wedge",
    "a diagonal split",
    "a border",
)
FACES = ("smiling", "sad", "surprised", "calm", "winking", "sleeping", "angry", "laughing")
MEADOW = Style(hue=0.3, value=(0.6, 0.9), saturation=(0.2, 0.5), light=False)
LILAC = Style(hue=0.77, value=(0.65, 0.95), saturation=(0.15, 0.4), light=False)
BAIZE = Style(hue=0.98, value=(0.25, 0.5), saturation=(0.55, 0.9), light=True)
_RED, _WHITE, _BLUE = (200, 30, 40), (245, 245, 245), (30, 50, 150)
_FLAG = (44, 64)
"""Height and width at which a flag's cloth is painted."""


def _cloth(label: int, paints: tuple[Colour, Colour, Colour]) -> Image.Image:
    """A flat flag: the first colour is the ground, the others lie on it."""
    ground, second, third = paints
    height, width = _FLAG
    image = Image.new("RGB", (width, height), ground)
    pen = ImageDraw.Draw(image)
    boxes = {
        0: [((0, height // 2, width, height), second)],
        1: [((width // 2, 0, width, height), second)],
        2: [((0, height // 3, width, 2 * height // 3), second), ((0, 2 * height // 3, width, height), third)],
        3: [((width // 3, 0, 2 * width // 3, height), second), ((2 * width // 3, 0, width, height), third)],
        4: [((0, 17, width, 27), second), ((16, 0, 26, height), second)],
        5: [((18, 17, 46, 27), second), ((27, 8, 37, 36), second)],
        7: [((19, 9, 45, 35), second)],
        8: [((0, 0, 30, 22), second)],
        11: [((0, 0, width, height), second), ((9, 9, width - 10, height - 10), ground)],
    }
    for box, paint in boxes.get(label, ()):
        (pen.ellipse if label == 7 else pen.rectangle)(box, fill=paint)
    if label == 6:
        pen.line([0, 0, width, height], fill=second, width=10)
        pen.line([0, height, width, 0], fill=second, width=10)
    elif label == 9:
        pen.polygon([(0, 0), (30, height / 2), (0, height)], fill=second)
    elif label == 10:
        pen.polygon([(0, height), (width, 0), (width, height)], fill=second)
    return image


def _paints(random: Random, hardness: float) -> tuple[Colour, Colour, Colour]:
    """Three colours that differ: red, white and blue in some order when easy."""
    if random.random() >= hardness:
        first, second, third = ((_RED, _WHITE, _BLUE), (_WHITE, _RED, _BLUE), (_BLUE, _WHITE, _RED))[
            int(random.integers(3))
        ]
        return first, second, third
    hue = random.random()
    dark = colour(hue, random.uniform(0.6, 1), random.uniform(0.3, 0.6))
    pale = colour(hue + random.uniform(0.3, 0.7), random.uniform(0, 0.35), random.uniform(0.85, 1))
    vivid = colour(hue + random.uniform(0.25, 0.45), random.uniform(0.7, 1), random.uniform(0.6, 0.8))
    return (dark, pale, vivid) if random.random() < 0.5 else (pale, dark, vivid)


def flag(random: Random, label: int, hardness: float) -> Image.Image:
    """A flag of one of twelve layouts; hard ones are smaller, wave, and have any colours."""
    _, behind = colours(random, hardness, MEADOW)
    image = background(random, hardness, behind)
    width = 58 if hardness < 0.5 else int(random.integers(44, 60))
    cloth = _cloth(label, _paints(random, hardness)).resize((width, int(width * random.uniform(0.64, 0.74))))
    pixels = np.asarray(cloth)
    if random.random() < 0.8 * hardness:
        pixels = _waved(random, pixels)
    left = int((DRAWN - pixels.shape[1]) / 2 + random.uniform(-3, 3))
    top = int((DRAWN - pixels.shape[0]) / 2 + random.uniform(-4, 4))
    rim = [left - 1, top - 1, left + pixels.shape[1], top + pixels.shape[0]]
    ImageDraw.Draw(image).rectangle(rim, outline=(90, 90, 90))
    image.paste(Image.fromarray(pixels), (left, top))
    return image


def _waved(random: Random, pixels: np.ndarray) -> np.ndarray:
    """Columns moved up and down along a wave, and shaded by its slope."""
    columns = np.arange(pixels.shape[1])
    angle = 2 * np.pi * columns / random.uniform(30, 60) + random.uniform(0, 2 * np.pi)
    rows = np.arange(pixels.shape[0])[:, None] - np.round(random.uniform(1, 3) * np.sin(angle)).astype(int)
    moved = pixels[np.clip(rows, 0, len(pixels) - 1), columns]
    return np.clip(moved * (1 + 0.18 * np.cos(angle))[None, :, None], 0, 255).astype(np.uint8)


def face(random: Random, label: int, hardness: float) -> Image.Image:
    """A round face with one of eight expressions."""
    _, behind = colours(random, hardness, LILAC)
    image = background(random, hardness, behind)
    skin, ink = (250, 210, 60), (30, 20, 20)
    if random.random() < 0.8 * hardness:
        skin = colour(random.random(), random.uniform(0.2, 0.6), random.uniform(0.75, 1))
        ink = colour(random.random(), random.uniform(0.3, 0.9), random.uniform(0.05, 0.3))
    size = 27.0 if hardness < 0.5 else random.uniform(22, 28)
    overlay(image, random, _expression(label, size, skin, ink), 3 + 9 * hardness, 3)
    return image


class _Features:
    """Draws on a face whose radius is 1 and whose middle is (0, 0)."""

    def __init__(self, pen: ImageDraw.ImageDraw, size: float, ink: Colour) -> None:
        self.pen, self.size, self.ink = pen, size, ink

    def at(self, x: float, y: float) -> Point:
        return CENTRE + x * self.size, CENTRE + y * self.size

    def line(self, *points: Point) -> None:
        self.pen.line([self.at(*point) for point in points], fill=self.ink, width=4, joint="curve")

    def arc(self, first: Point, last: Point, start: float, end: float) -> None:
        self.pen.arc([*self.at(*first), *self.at(*last)], start, end, fill=self.ink, width=4)

    def disc(self, x: float, y: float, radius: float) -> None:
        disc(self.pen, *self.at(x, y), radius * self.size, self.ink)


def _expression(label: int, size: float, skin: Colour, ink: Colour) -> Draw:
    def draw(pen: ImageDraw.ImageDraw) -> None:
        disc(pen, CENTRE, CENTRE, size, skin)
        features = _Features(pen, size, ink)
        for side in (-1, 1):
            _eye(features, label, side)
        _mouth(features, label)

    return draw


def _eye(features: _Features, label: int, side: int) -> None:
    x = 0.38 * side
    if label == 5 or (label == 4 and side == 1):
        features.line((x - 0.2, -0.2), (x + 0.2, -0.2))
    elif label == 7:
        features.line((x - 0.2, -0.12), (x, -0.38), (x + 0.2, -0.12))
    else:
        features.disc(x, -0.22, 0.2 if label == 2 else 0.13)
    if label == 6:
        features.line((x - 0.25 * side, -0.38), (x + 0.2 * side, -0.62))


def _mouth(features: _Features, label: int) -> None:
    if label in (0, 4):
        features.arc((-0.45, -0.1), (0.45, 0.62), 15, 165)
    elif label in (1, 6):
        features.arc((-0.45, 0.32), (0.45, 1.0), 200, 340)
    elif label == 2:
        features.pen.ellipse([*features.at(-0.25, 0.15), *features.at(0.25, 0.7)], fill=features.ink)
    elif label == 7:
        features.pen.chord([*features.at(-0.55, -0.35), *features.at(0.55, 0.75)], 0, 180, fill=features.ink)
    else:
        half = 0.2 if label == 5 else 0.4
        features.line((-half, 0.42), (half, 0.42))


_PIPS = (
    ((0, 0),),
    ((-1, -1), (1, 1)),
    ((-1, -1), (0, 0), (1, 1)),
    ((-1, -1), (1, -1), (-1, 1), (1, 1)),
    ((-1, -1), (1, -1), (0, 0), (-1, 1), (1, 1)),
    ((-1, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (1, 1)),
)


def die(random: Random, label: int, hardness: float) -> Image.Image:
    """A die that shows one to six pips; hard ones are turned and of any colour."""
    _, behind = colours(random, hardness, BAIZE)
    image = background(random, hardness, behind)
    body, pip = (250, 250, 250), (20, 20, 20)
    if random.random() < 0.7 * hardness:
        hue = random.random()
        body, pip = colour(hue, random.uniform(0.1, 0.5), 0.95), colour(hue + 0.4, 0.8, random.uniform(0.1, 0.35))
        if random.random() < 0.4:
            body, pip = pip, body
    half = 25.0 if hardness < 0.5 else random.uniform(20, 26)
    mirrored = 1 if random.random() < 0.5 else -1

    def draw(pen: ImageDraw.ImageDraw) -> None:
        box = [CENTRE - half, CENTRE - half, CENTRE + half, CENTRE + half]
        pen.rounded_rectangle(box, radius=0.3 * half, fill=body, outline=pip, width=2)
        for x, y in _PIPS[label]:
            disc(pen, CENTRE + 0.52 * half * mirrored * x, CENTRE + 0.52 * half * y, 0.17 * half, pip)

    overlay(image, random, draw, 3 + 17 * hardness, 3)
    return image
