"""Flat figures: shapes, traffic-like signs, and dots to count."""

import numpy as np
from PIL import Image, ImageDraw

from mloss_core.demo.tasks.canvas import CENTRE, DRAWN, Draw, Random, Style, background, colour, colours, polygon, stamp

SHAPES = ("circle", "square", "triangle", "star", "cross", "hexagon", "notched disc", "parallelogram")
FRAMES = ("round", "triangular", "diamond")
SYMBOLS = ("bar", "dot", "cross", "column")
PASTEL = Style(hue=0.13, value=(0.75, 1.0), saturation=(0.3, 0.6), light=False)
SKY = Style(hue=0.57, value=(0.65, 0.95), saturation=(0.25, 0.6), light=False)
NIGHT = Style(hue=0.7, value=(0.08, 0.3), saturation=(0.4, 0.9), light=True)
_BLACK, _WHITE = (10, 10, 10), (245, 245, 240)


def _corners(label: int, radius: float) -> list[tuple[float, float]]:
    c, r = CENTRE, radius
    square = [(c - 0.85 * r, c - 0.85 * r), (c + 0.85 * r, c - 0.85 * r), (c + 0.85 * r, c + 0.85 * r)]
    slanted = [(c - r, c + 0.5 * r), (c - 0.5 * r, c - 0.5 * r), (c + r, c - 0.5 * r), (c + 0.5 * r, c + 0.5 * r)]
    cross = [(-1, -0.35), (-0.35, -0.35), (-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35)]
    turned = [(-x, -y) for x, y in cross]
    corners = {
        1: [*square, (c - 0.85 * r, c + 0.85 * r)],
        2: polygon(3, 1.1 * r),
        3: polygon(5, 1.15 * r, inner=0.45 * r),
        4: [(c + x * r, c + y * r) for x, y in [*cross, *turned]],
        5: polygon(6, r),
        7: slanted,
    }
    return corners[label]


def _shape(label: int, radius: float, outlined: bool) -> Draw:
    style = {"outline": 255, "width": 5} if outlined else {"fill": 255}
    box = [CENTRE - radius, CENTRE - radius, CENTRE + radius, CENTRE + radius]

    def draw(pen: ImageDraw.ImageDraw) -> None:
        if label == 0:
            pen.ellipse(box, **style)  # type: ignore[arg-type]
        elif label == 6:
            pen.pieslice(box, 30, 330, **style)  # type: ignore[arg-type]
        else:
            pen.polygon(_corners(label, radius), **style)  # type: ignore[arg-type]

    return draw


def shape(random: Random, label: int, hardness: float) -> Image.Image:
    """One of eight shapes, filled or outlined."""
    front, behind = colours(random, hardness, PASTEL)
    image = background(random, hardness, behind)
    radius = random.uniform(20, 25) if hardness < 0.5 else random.uniform(18, 26)
    outlined = random.random() < 0.5 * hardness
    turn = 4 + (26 * hardness if label != 1 else 10 * hardness)
    stamp(image, random, _shape(label, radius, outlined), front, turn)
    return image


def sign(random: Random, label: int, hardness: float) -> Image.Image:
    """A coloured frame (three kinds) around a black symbol (four kinds)."""
    frame, symbol = divmod(label, len(SYMBOLS))
    _, behind = colours(random, hardness, SKY)
    image = background(random, hardness, behind)
    rim = ((200, 30, 30), (220, 120, 20), (30, 60, 190))[frame]
    if random.random() < 0.8 * hardness:
        rim = colour(random.random(), random.uniform(0.5, 1), random.uniform(0.4, 0.9))
    radius = random.uniform(25, 28) if hardness < 0.5 else random.uniform(20, 28)
    layer = Image.new("RGBA", (DRAWN, DRAWN), (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    pen.polygon(_frame(frame, radius), fill=rim)
    pen.polygon(_frame(frame, radius * (0.66 if frame == 1 else 0.73)), fill=_WHITE)
    _symbol(pen, symbol, CENTRE + (5 if frame == 1 else 0), 0.38 * radius)
    move = tuple(random.uniform(-3, 3, 2))
    turn = random.uniform(-1, 1) * (3 + 14 * hardness)
    layer = layer.rotate(turn, resample=Image.Resampling.BILINEAR, translate=move)  # type: ignore[arg-type]
    image.paste(layer, (0, 0), layer)
    return image


def _frame(kind: int, radius: float) -> list[tuple[float, float]]:
    if kind == 0:
        return polygon(24, radius)
    return polygon(3, 1.15 * radius, (CENTRE, CENTRE + 4)) if kind == 1 else polygon(4, 1.08 * radius)


def _symbol(pen: ImageDraw.ImageDraw, kind: int, y: float, size: float) -> None:
    x = CENTRE
    if kind == 0:
        pen.rectangle([x - size, y - 0.3 * size, x + size, y + 0.3 * size], fill=_BLACK)
    elif kind == 1:
        pen.ellipse([x - 0.6 * size, y - 0.6 * size, x + 0.6 * size, y + 0.6 * size], fill=_BLACK)
    elif kind == 2:
        arm = 0.8 * size
        pen.line([x - arm, y - arm, x + arm, y + arm], fill=_BLACK, width=5)
        pen.line([x - arm, y + arm, x + arm, y - arm], fill=_BLACK, width=5)
    else:
        pen.rectangle([x - 0.3 * size, y - size, x + 0.3 * size, y + size], fill=_BLACK)


def dots(random: Random, label: int, hardness: float) -> Image.Image:
    """`label + 1` dots that do not touch; some are square when it is hard."""
    front, behind = colours(random, hardness, NIGHT)
    image = background(random, 0.5 * hardness, behind)
    pen = ImageDraw.Draw(image)
    radius = 6.0 if hardness < 0.5 else random.uniform(4.5, 6.5)
    places: list[np.ndarray] = []
    while len(places) < label + 1:
        place = random.uniform(9, DRAWN - 9, 2)
        if all(np.hypot(*(place - other)) > 2 * radius + 4 for other in places):
            places.append(place)
    for x, y in places:
        size = radius * random.uniform(0.9, 1.1)
        box = [x - size, y - size, x + size, y + size]
        (pen.rectangle if random.random() < 0.4 * hardness else pen.ellipse)(box, fill=front)
    return image
