"""Things to read a direction or an amount from: arrows, clocks, gauges and roads."""

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
    stamp,
    turned,
)

DIRECTIONS = ("up", "up right", "right", "down right", "down", "down left", "left", "up left")
LEVELS = ("empty", "a quarter full", "half full", "three quarters full", "full")
ROADS = (
    "north south",
    "east west",
    "north east",
    "south east",
    "south west",
    "north west",
    "north east south",
    "east south west",
    "south west north",
    "west north east",
    "all sides",
)
ASPHALT = Style(hue=0.6, value=(0.2, 0.45), saturation=(0.02, 0.15), light=True)
WALL = Style(hue=0.08, value=(0.65, 0.9), saturation=(0.15, 0.4), light=False)
STEEL = Style(hue=0.55, value=(0.45, 0.75), saturation=(0.05, 0.25), light=False)
GRASS = Style(hue=0.27, value=(0.3, 0.6), saturation=(0.4, 0.75), light=True)
_EXITS = ((0, 2), (1, 3), (0, 1), (2, 1), (2, 3), (0, 3), (0, 1, 2), (1, 2, 3), (2, 3, 0), (3, 0, 1), (0, 1, 2, 3))
"""Open sides of each junction: 0 is north, then clockwise."""


def _arrow_points(random: Random, hardness: float) -> list[Point]:
    """An arrow that points up: a block arrow, or a head with a notch behind it."""
    length = 24.0 if hardness < 0.5 else random.uniform(18, 26)
    wide, thin = length * random.uniform(0.6, 0.8), length * random.uniform(0.18, 0.3)
    if random.random() < 0.4 * hardness:
        return [(0, -length), (0.85 * wide, length), (0, 0.4 * length), (-0.85 * wide, length)]
    neck = -0.15 * length
    right = [(wide, neck), (thin, neck), (thin, length)]
    return [(0, -length), *right, *((-x, y) for x, y in reversed(right))]


def arrow(random: Random, label: int, hardness: float) -> Image.Image:
    """An arrow that points to one of eight sides."""
    front, behind = colours(random, hardness, ASPHALT)
    image = background(random, hardness, behind)
    points = turned(_arrow_points(random, hardness), 45 * label)
    stamp(image, random, lambda pen: pen.polygon(points, fill=255), front, 3 + 9 * hardness)
    return image


def _hand(pen: ImageDraw.ImageDraw, degrees: float, length: float, width: int, fill: Colour) -> None:
    start, end = turned([(0, 0.12 * length), (0, -length)], degrees)
    pen.line([*start, *end], fill=fill, width=width)


def clock(random: Random, label: int, hardness: float) -> Image.Image:
    """A clock face at a full hour: a short thick hand, and a long thin one that points up."""
    front, behind = colours(random, hardness, WALL)
    image = background(random, hardness, behind)
    face: Colour = (250, 250, 245)
    if random.random() < 0.6 * hardness:
        face = colour(random.random(), random.uniform(0, 0.35), random.uniform(0.8, 1))
    radius = 28.0 if hardness < 0.5 else random.uniform(23, 29)
    short, rim = radius * random.uniform(0.5, 0.6), int(random.integers(2, 5))

    def draw(pen: ImageDraw.ImageDraw) -> None:
        disc(pen, CENTRE, CENTRE, radius, front)
        disc(pen, CENTRE, CENTRE, radius - rim, face)
        for hour in range(0, 12, 3):
            disc(pen, *turned([(0, 5.5 - radius + rim - 2)], 30 * hour)[0], 1.5, front)
        _hand(pen, 0, 0.85 * radius, 2, front)
        _hand(pen, 30 * (label + 1), short, 6, front)

    overlay(image, random, draw, 2 + 5 * hardness, 3)
    return image


def gauge(random: Random, label: int, hardness: float) -> Image.Image:
    """A container, upright or lying, filled to one of five levels."""
    front, behind = colours(random, hardness, STEEL)
    image = background(random, hardness, behind)
    content: Colour = (40, 120, 200)
    if random.random() < hardness:
        content = colour(random.random(), random.uniform(0.6, 1), random.uniform(0.45, 0.85))
    length = 26.0 if hardness < 0.5 else random.uniform(20, 28)
    width = 11.0 if hardness < 0.5 else random.uniform(7, 15)
    share = np.clip(label / 4 + random.normal(0, 0.02), 0, 1)
    lying = random.random() < 0.5 * hardness
    overlay(image, random, _container(length, width, float(share), lying, (front, content)), 2 + 6 * hardness, 3)
    return image


def _container(length: float, width: float, share: float, lying: bool, paints: tuple[Colour, Colour]) -> Draw:
    """Filled from below when upright, from the left when lying."""
    front, content = paints
    inner, narrow = length - 3, width - 3
    level = -inner + 2 * inner * share

    def box(along: tuple[float, float], half: float) -> list[float]:
        first, last = along
        if lying:
            return [CENTRE + first, CENTRE - half, CENTRE + last, CENTRE + half]
        return [CENTRE - half, CENTRE - last, CENTRE + half, CENTRE - first]

    def draw(pen: ImageDraw.ImageDraw) -> None:
        pen.rectangle(box((-length, length), width), fill=front)
        pen.rectangle(box((-inner, inner), narrow), fill=(250, 250, 245))
        if level > -inner:
            pen.rectangle(box((-inner, level), narrow), fill=content)

    return draw


def road(random: Random, label: int, hardness: float) -> Image.Image:
    """A road seen from above that leaves the picture on two, three or four sides."""
    front, behind = colours(random, hardness, GRASS)
    image = background(random, hardness, behind)
    half = 7.0 if hardness < 0.5 else random.uniform(4.5, 9)

    def draw(pen: ImageDraw.ImageDraw) -> None:
        disc(pen, CENTRE, CENTRE, half, 255)
        for side in _EXITS[label]:
            pen.polygon(turned([(-half, 0), (half, 0), (half, -DRAWN), (-half, -DRAWN)], 90 * side), fill=255)

    stamp(image, random, draw, front, 3 + 9 * hardness, 3 + 4 * hardness)
    return image
