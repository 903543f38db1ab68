"""Roman numerals, playing cards and chess pieces."""

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
    font,
    overlay,
    stamp,
)

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
SUITS = ("spades", "hearts", "diamonds", "clubs")
COUNTS = ("one", "two", "three")
PIECES = ("pawn", "rook", "knight", "bishop", "queen", "king")
MARBLE = Style(hue=0.1, value=(0.75, 0.98), saturation=(0.0, 0.14), light=False)
TABLE = Style(hue=0.38, value=(0.2, 0.45), saturation=(0.5, 0.9), light=True)
WOOD = Style(hue=0.07, value=(0.5, 0.8), saturation=(0.4, 0.7), light=False)
_LETTER_SIZES = {1: 46, 2: 42, 3: 34, 4: 27}


def roman(random: Random, label: int, hardness: float) -> Image.Image:
    """A Roman numeral from I to X, sometimes between two lines."""
    front, behind = colours(random, hardness, MARBLE)
    image = background(random, hardness, behind)
    text = ROMAN[label]
    size = int(_LETTER_SIZES[len(text)] * (1 if hardness < 0.5 else random.uniform(0.9, 1.1)))
    lined, stroke = random.random() < 0.5 * hardness, int(random.integers(2)) if hardness > 0.5 else 0
    half = 27 * random.uniform(0.8, 1)

    def draw(pen: ImageDraw.ImageDraw) -> None:
        pen.text((CENTRE, CENTRE), text, fill=255, font=font(size), anchor="mm", stroke_width=stroke)
        for y in (-0.5 * size, 0.5 * size) if lined else ():
            pen.line([CENTRE - half, CENTRE + y, CENTRE + half, CENTRE + y], fill=255, width=3)

    stamp(image, random, draw, front, 3 + 9 * hardness, 3)
    return image


_PLACES: tuple[tuple[float, tuple[Point, ...]], ...] = (
    (16, ((0, 0),)),
    (11.5, ((0, -13.5), (0, 13.5))),
    (9.5, ((-9.5, -14), (9.5, 0), (-9.5, 14))),
)
"""Size and places of one, two and three suit symbols."""


def card(random: Random, label: int, hardness: float) -> Image.Image:
    """A playing card with one, two or three symbols of a suit."""
    count, suit = divmod(label, len(SUITS))
    _, behind = colours(random, hardness, TABLE)
    image = background(random, hardness, behind)
    paper: Colour = (250, 250, 250)
    paint: Colour = (205, 20, 30) if suit in (1, 2) else (20, 20, 25)
    if random.random() < 0.7 * hardness:
        paper = colour(random.random(), random.uniform(0, 0.25), random.uniform(0.85, 1))
        paint = colour(random.random(), random.uniform(0.6, 1), random.uniform(0.2, 0.6))
    size, places = _PLACES[count]
    scale = 1.0 if hardness < 0.5 else random.uniform(0.9, 1.1)
    mirrored = 1 if random.random() < 0.5 else -1

    def draw(pen: ImageDraw.ImageDraw) -> None:
        pen.rounded_rectangle([CENTRE - 22, CENTRE - 29, CENTRE + 22, CENTRE + 29], radius=5, fill=paper)
        for x, y in places:
            _suit(pen, suit, (CENTRE + scale * mirrored * x, CENTRE + scale * y), scale * size, paint)

    overlay(image, random, draw, 2 + 10 * hardness, 3)
    return image


def _suit(pen: ImageDraw.ImageDraw, suit: int, at: Point, size: float, paint: Colour) -> None:
    x, y = at
    if suit == 2:
        pen.polygon([(x, y - size), (x + 0.75 * size, y), (x, y + size), (x - 0.75 * size, y)], fill=paint)
        return
    if suit == 3:
        for dx, dy in ((0, -0.5), (-0.52, 0.2), (0.52, 0.2)):
            disc(pen, x + dx * size, y + dy * size, 0.46 * size, paint)
    else:
        sign = 1 if suit == 1 else -1
        for side in (-1, 1):
            disc(pen, x + 0.45 * side * size, y - 0.3 * sign * size, 0.52 * size, paint)
        tip = y + sign * size
        pen.polygon(
            [(x - 0.93 * size, y - 0.1 * sign * size), (x + 0.93 * size, y - 0.1 * sign * size), (x, tip)], fill=paint
        )
    if suit != 1:
        pen.polygon([(x, y), (x + 0.4 * size, y + size), (x - 0.4 * size, y + size)], fill=paint)


def chess_piece(random: Random, label: int, hardness: float) -> Image.Image:
    """One of the six chess pieces from the side, dark or pale, on a board when it is hard."""
    front, behind = colours(random, hardness, WOOD)
    image = background(random, 0.6 * hardness, behind)
    if random.random() < 0.6 * hardness:
        _board(random, image, behind)
    if random.random() < 0.4 * hardness:
        front = colour(random.random(), random.uniform(0, 0.2), random.uniform(0.95, 1))
    scale = 1.0 if hardness < 0.5 else random.uniform(0.82, 1.05)
    flipped = -1 if random.random() < 0.5 * hardness else 1
    stamp(image, random, _piece(label, scale, flipped), front, 3 + 9 * hardness, 3)
    return image


def _board(random: Random, image: Image.Image, behind: Colour) -> None:
    other = tuple(int(0.8 * part) for part in behind)
    pen = ImageDraw.Draw(image)
    left, top = random.uniform(0, DRAWN, 2)
    for row in range(-2, 3):
        for column in range(-2, 3):
            if (row + column) % 2 == 0:
                x, y = left + 32 * column, top + 32 * row
                pen.rectangle([x, y, x + 32, y + 32], fill=other)


_BODIES: tuple[tuple[Point, ...], ...] = (
    ((-5, -6), (5, -6), (9, 20), (-9, 20)),
    (
        (-15, -26),
        (-8, -26),
        (-8, -19),
        (-3.5, -19),
        (-3.5, -26),
        (3.5, -26),
        (3.5, -19),
        (8, -19),
        (8, -26),
        (15, -26),
        (15, -12),
        (9, -8),
        (11, 20),
        (-11, 20),
        (-9, -8),
        (-15, -12),
    ),
    (
        (2, -27),
        (5, -20),
        (14, -12),
        (15, 2),
        (13, 20),
        (-10, 20),
        (-2, 3),
        (-6, 1),
        (-12, 6),
        (-17, 1),
        (-13, -9),
        (-6, -17),
    ),
    ((-6, 2), (6, 2), (11, 20), (-11, 20)),
    ((-20, -18), (-9, -2), (-8, -24), (0, -4), (8, -24), (9, -2), (20, -18), (12, 20), (-12, 20)),
    ((-16, -12), (-6, -14), (0, -8), (6, -14), (16, -12), (18, -4), (11, 20), (-11, 20), (-18, -4)),
)


def _piece(label: int, scale: float, flipped: int) -> Draw:
    def at(x: float, y: float) -> Point:
        return CENTRE + flipped * scale * x, CENTRE + scale * y

    def draw(pen: ImageDraw.ImageDraw) -> None:
        pen.polygon([at(x, y) for x, y in _BODIES[label]], fill=255)
        left, right = sorted((at(-17, 0)[0], at(17, 0)[0]))
        pen.rectangle([left, at(0, 20)[1], right, at(0, 27)[1]], fill=255)
        if label == 0:
            disc(pen, *at(0, -12), 10 * scale, 255)
        elif label == 3:
            pen.polygon([at(12 * np.sin(a), -8 - 15 * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 24)], fill=255)
            disc(pen, *at(0, -25), 4 * scale, 255)
            pen.line([*at(1, -6), *at(9, -17)], fill=0, width=4)
        elif label == 4:
            for x, y in ((-20, -20), (-8, -26), (8, -26), (20, -20)):
                disc(pen, *at(x, y), 3.5 * scale, 255)
        elif label == 5:
            pen.line([*at(0, -8), *at(0, -29)], fill=255, width=5)
            pen.line([*at(-7, -22), *at(7, -22)], fill=255, width=5)

    return draw
