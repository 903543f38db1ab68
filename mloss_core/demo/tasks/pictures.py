"""Small pictures of things: weather signs and fruit."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from mloss_core.demo.tasks.canvas import (
    CENTRE,
    Colour,
    Point,
    Random,
    Style,
    background,
    colour,
    colours,
    disc,
    overlay,
    turned,
)

WEATHER = ("sun", "clouds", "rain", "snow", "lightning", "moon", "fog", "rainbow")
FRUIT = ("apple", "banana", "cherries", "grapes", "pear", "lemon", "melon", "strawberry")
DUSK = Style(hue=0.64, value=(0.25, 0.55), saturation=(0.25, 0.55), light=True)
LINEN = Style(hue=0.48, value=(0.72, 0.95), saturation=(0.1, 0.4), light=False)
_GREEN, _BROWN = (50, 130, 50), (90, 60, 30)
_FRUIT_COLOURS: tuple[Colour, ...] = (
    (200, 40, 40),
    (240, 210, 50),
    (170, 20, 50),
    (110, 50, 140),
    (160, 190, 60),
    (250, 225, 60),
    (220, 60, 70),
    (220, 40, 50),
)
Pen = ImageDraw.ImageDraw


def weather(random: Random, label: int, hardness: float) -> Image.Image:
    """One of eight signs of the weather."""
    front, behind = colours(random, hardness, DUSK)
    image = background(random, hardness, behind)
    second = front
    if random.random() < 0.7 * hardness:
        second = colour(random.random(), random.uniform(0.3, 0.7), random.uniform(0.8, 1))
    scale = 1.0 if hardness < 0.5 else random.uniform(0.8, 1.08)

    def draw(pen: Pen) -> None:
        _WEATHER[label](pen, scale, front, second)

    overlay(image, random, draw, 3 + 9 * hardness, 4)
    return image


def _cloud(pen: Pen, scale: float, paint: Colour, lift: float) -> None:
    for x, y, radius in ((-13, 2, 9), (0, -5, 13), (13, 2, 9)):
        disc(pen, CENTRE + scale * x, CENTRE + scale * (y - lift), scale * radius, paint)
    box = [CENTRE - 13 * scale, CENTRE - lift * scale, CENTRE + 13 * scale, CENTRE + (11 - lift) * scale]
    pen.rectangle(box, fill=paint)


def _sun(pen: Pen, scale: float, front: Colour, second: Colour) -> None:
    disc(pen, CENTRE, CENTRE, 12 * scale, front)
    for ray in range(8):
        start, end = turned([(0, -16 * scale), (0, -26 * scale)], 45 * ray)
        pen.line([*start, *end], fill=front, width=5)


def _clouds(pen: Pen, scale: float, front: Colour, second: Colour) -> None:
    _cloud(pen, 1.15 * scale, front, 0)


def _rain(pen: Pen, scale: float, front: Colour, second: Colour) -> None:
    _cloud(pen, scale, front, 9)
    for x in (-12, 0, 12):
        pen.line(
            [CENTRE + (x + 3) * scale, CENTRE + 7 * scale, CENTRE + (x - 4) * scale, CENTRE + 24 * scale],
            fill=second,
            width=4,
        )


def _snow(pen: Pen, scale: float, front: Colour, second: Colour) -> None:
    _cloud(pen, scale, front, 9)
    for x, y in ((-13, 10), (0, 10), (13, 10), (-6.5, 20), (6.5, 20)):
        disc(pen, CENTRE + x * scale, CENTRE + y * scale, 3.6 * scale, second)


def _lightning(pen: Pen, scale: float, front: Colour, second: Colour) -> None:
    _cloud(pen, scale, front, 9)
    bolt = [(3, 4), (-9, 16), (-1, 16), (-6, 28), (10, 12), (2, 12), (8, 4)]
    pen.polygon([(CENTRE + x * scale, CENTRE + y * scale) for x, y in bolt], fill=second)


def _moon(pen: Pen, scale: float, front: Colour, second: Colour) -> None:
    outer = np.radians(np.linspace(55, 305, 24))
    inner = np.radians(np.linspace(285, 75, 24))
    edge = [(22 * np.cos(a), 22 * np.sin(a)) for a in outer]
    hollow = [(9 + 18 * np.cos(a), 18 * np.sin(a)) for a in inner]
    pen.polygon([(CENTRE - 2 + x * scale, CENTRE + y * scale) for x, y in edge + hollow], fill=front)


def _fog(pen: Pen, scale: float, front: Colour, second: Colour) -> None:
    for row, (left, right) in enumerate(((-22, 14), (-14, 24), (-24, 18), (-12, 22))):
        y = CENTRE + (12 * row - 18) * scale
        pen.line([CENTRE + left * scale, y, CENTRE + right * scale, y], fill=front, width=5)


def _rainbow(pen: Pen, scale: float, front: Colour, second: Colour) -> None:
    for radius, paint in ((27, front), (18, second), (9, front)):
        box = [CENTRE - radius * scale, CENTRE + (10 - radius) * scale]
        pen.arc([*box, CENTRE + radius * scale, CENTRE + (10 + radius) * scale], 180, 360, fill=paint, width=5)


_WEATHER: tuple[Callable[[Pen, float, Colour, Colour], None], ...] = (
    _sun,
    _clouds,
    _rain,
    _snow,
    _lightning,
    _moon,
    _fog,
    _rainbow,
)


def fruit(random: Random, label: int, hardness: float) -> Image.Image:
    """One of eight fruits; hard ones have any colour, so that the form must tell."""
    _, behind = colours(random, hardness, LINEN)
    image = background(random, hardness, behind)
    flesh, leaf = _FRUIT_COLOURS[label], _GREEN
    if random.random() < 0.8 * hardness:
        flesh = colour(random.random(), random.uniform(0.5, 0.95), random.uniform(0.4, 0.85))
        leaf = colour(random.normal(0.3, 0.08), random.uniform(0.5, 0.9), random.uniform(0.25, 0.55))
    scale = 1.0 if hardness < 0.5 else random.uniform(0.8, 1.08)

    def draw(pen: Pen) -> None:
        _FRUIT[label](_Brush(pen, scale), flesh, leaf)

    overlay(image, random, draw, 4 + 14 * hardness, 4)
    return image


class _Brush:
    """Draws around the middle of the picture at some scale."""

    def __init__(self, pen: Pen, scale: float) -> None:
        self._pen, self._scale = pen, scale

    def _at(self, point: Point) -> Point:
        return CENTRE + self._scale * point[0], CENTRE + self._scale * point[1]

    def disc(self, x: float, y: float, radius: float, paint: Colour) -> None:
        disc(self._pen, *self._at((x, y)), self._scale * radius, paint)

    def area(self, points: list[Point], paint: Colour) -> None:
        self._pen.polygon([self._at(point) for point in points], fill=paint)

    def line(self, points: list[Point], paint: Colour, width: int = 4) -> None:
        self._pen.line([self._at(point) for point in points], fill=paint, width=width)

    def ellipse(self, x: float, y: float, across: float, down: float, paint: Colour) -> None:
        self._pen.ellipse([*self._at((x - across, y - down)), *self._at((x + across, y + down))], fill=paint)


def _apple(brush: _Brush, flesh: Colour, leaf: Colour) -> None:
    for x in (-8, 8):
        brush.ellipse(x, 5, 14, 19, flesh)
    brush.line([(0, -8), (2, -24)], _BROWN)
    brush.area([(2, -16), (14, -25), (18, -17), (9, -13)], leaf)


def _banana(brush: _Brush, flesh: Colour, leaf: Colour) -> None:
    outer = [(26 * np.cos(a), -14 + 34 * np.sin(a)) for a in np.radians(np.linspace(5, 175, 20))]
    inner = [(24 * np.cos(a), -14 + 17 * np.sin(a)) for a in np.radians(np.linspace(175, 5, 20))]
    brush.area(outer + inner, flesh)
    brush.disc(25, -14, 3, _BROWN)
    brush.disc(-25, -14, 3, _BROWN)


def _cherries(brush: _Brush, flesh: Colour, leaf: Colour) -> None:
    brush.line([(-13, 12), (4, -25), (13, 12)], leaf, 3)
    brush.disc(-13, 14, 11, flesh)
    brush.disc(13, 14, 11, flesh)


def _grapes(brush: _Brush, flesh: Colour, leaf: Colour) -> None:
    brush.line([(0, -14), (0, -27)], _BROWN)
    pale: Colour = tuple(min(255, part + 70) for part in flesh)  # type: ignore[assignment]
    for row, count in enumerate((4, 3, 2, 1)):
        for place in range(count):
            x, y = 12 * (place - (count - 1) / 2), 11.5 * row - 13
            brush.disc(x, y, 7.2, flesh)
            brush.disc(x - 2, y - 2, 2.2, pale)


def _pear(brush: _Brush, flesh: Colour, leaf: Colour) -> None:
    brush.disc(0, 11, 16, flesh)
    brush.area([(-15, 8), (-8, -14), (8, -14), (15, 8)], flesh)
    brush.disc(0, -12, 8.5, flesh)
    brush.line([(0, -18), (3, -29)], _BROWN)


def _lemon(brush: _Brush, flesh: Colour, leaf: Colour) -> None:
    brush.ellipse(0, 0, 22, 15, flesh)
    brush.area([(-18, -7), (-29, 0), (-18, 7)], flesh)
    brush.area([(18, -7), (29, 0), (18, 7)], flesh)


def _melon(brush: _Brush, flesh: Colour, leaf: Colour) -> None:
    half = np.radians(np.linspace(0, 180, 24))
    brush.area([(28 * np.cos(a), -12 + 28 * np.sin(a)) for a in half], leaf)
    brush.area([(22 * np.cos(a), -12 + 22 * np.sin(a)) for a in half], flesh)
    for x, y in ((-10, -5), (0, -4), (10, -5), (-5, 3), (5, 3)):
        brush.disc(x, y, 2.2, (25, 20, 20))


def _strawberry(brush: _Brush, flesh: Colour, leaf: Colour) -> None:
    for x in (-9, 9):
        brush.disc(x, -5, 12, flesh)
    brush.area([(-20, -1), (20, -1), (0, 28)], flesh)
    brush.area([(-16, -20), (-8, -8), (0, -14), (8, -8), (16, -20), (0, -18)], leaf)
    for x, y in ((-8, 0), (0, 4), (8, 0), (-4, 11), (4, 11)):
        brush.disc(x, y, 1.8, (250, 240, 180))


_FRUIT: tuple[Callable[[_Brush, Colour, Colour], None], ...] = (
    _apple,
    _banana,
    _cherries,
    _grapes,
    _pear,
    _lemon,
    _melon,
    _strawberry,
)
