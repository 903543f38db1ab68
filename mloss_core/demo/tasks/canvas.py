"""What all drawn tasks share: a random stream for each image, colours, backgrounds, and how hard an image is to see.

Hardness runs from 0 to 1 and is the same idea in every task: other colours, clutter, rotation, blur, weak contrast,
noise. The pretrained model sees easy images; the tasks are hard ones, so fine-tunes have something to learn, and
something in common.
"""

import colorsys
import dataclasses
import functools
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE = 32
"""Side of a finished image in pixels."""
DRAWN = 64
"""Side at which it is drawn; halving it smooths edges."""
CENTRE = DRAWN / 2
Colour = tuple[int, int, int]
Point = tuple[float, float]
Draw = Callable[[ImageDraw.ImageDraw], None]
Random = np.random.Generator
INK: Colour = (20, 20, 20)
PAPER: Colour = (238, 238, 232)


def stream(*key: object) -> Random:
    """The random stream of one image: the same for the same key, in every process and whatever was drawn before."""
    digest = hashlib.sha256("|".join(map(str, key)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


@functools.lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's built-in font."""
    return ImageFont.load_default(size)  # type: ignore[return-value]


def colour(hue: float, saturation: float, value: float) -> Colour:
    """A colour from hue (any number; whole turns do not count), saturation and value in 0..1."""
    red, green, blue = (int(255 * part) for part in colorsys.hsv_to_rgb(hue % 1, saturation, value))
    return red, green, blue


@dataclasses.dataclass(frozen=True)
class Style:
    """The world a task's hard images come from, so that tasks differ as datasets do.

    Args:
        hue: of the ground, in turns.
        value: range of the ground's brightness.
        saturation: range of its saturation.
        light: whether figures are lighter than the ground.
    """

    hue: float
    value: tuple[float, float]
    saturation: tuple[float, float]
    light: bool


def colours(random: Random, hardness: float, style: Style) -> tuple[Colour, Colour]:
    """Foreground and background: ink on paper in easy images, the task's own world in hard ones."""
    if random.random() >= hardness:
        return INK, PAPER
    hue = style.hue + random.normal(0, 0.03)
    behind = colour(hue, random.uniform(*style.saturation), random.uniform(*style.value))
    spread = random.normal(0, 0.12)
    if style.light:
        return colour(hue + 0.5 + spread, random.uniform(0.1, 0.5), random.uniform(0.8, 1)), behind
    return colour(hue + 0.5 + spread, random.uniform(0.3, 0.9), random.uniform(0.08, 0.35)), behind


def background(random: Random, hardness: float, behind: Colour) -> Image.Image:
    """A plain ground, with pale patches and strokes when it is hard."""
    image = Image.new("RGB", (DRAWN, DRAWN), behind)
    if random.random() >= hardness:
        return image
    pen = ImageDraw.Draw(image)
    for _ in range(random.integers(2, 6)):
        x, y = random.uniform(-10, DRAWN, 2)
        width, height = random.uniform(8, 40, 2)
        shape = pen.ellipse if random.random() < 0.5 else pen.rectangle
        shape([x, y, x + width, y + height], fill=_near(random, behind, 32))
    for _ in range(random.integers(1, 4)):
        pen.line(list(random.uniform(0, DRAWN, 4)), fill=_near(random, behind, 55), width=int(random.integers(1, 3)))
    return image


def _near(random: Random, base: Colour, spread: float) -> Colour:
    red, green, blue = (int(min(255, max(0, part + random.normal(0, spread)))) for part in base)
    return red, green, blue


def stamp(image: Image.Image, random: Random, draw: Draw, front: Colour, turn: float, shift: float = 4) -> None:
    """Draw a mask, turn it by up to `turn` degrees, move it by up to `shift` pixels, and fill it with `front`."""
    mask = Image.new("L", (DRAWN, DRAWN), 0)
    draw(ImageDraw.Draw(mask))
    move = tuple(random.uniform(-shift, shift, 2))
    angle = random.uniform(-turn, turn)
    mask = mask.rotate(angle, resample=Image.Resampling.BILINEAR, translate=move)  # type: ignore[arg-type]
    image.paste(Image.new("RGB", image.size, front), (0, 0), mask)


def overlay(image: Image.Image, random: Random, draw: Draw, turn: float, shift: float = 4) -> None:
    """Draw in colours on a clear layer, turn it by up to `turn` degrees, move it by up to `shift` pixels, lay it on."""
    layer = Image.new("RGBA", (DRAWN, DRAWN), (0, 0, 0, 0))
    draw(ImageDraw.Draw(layer))
    move = tuple(random.uniform(-shift, shift, 2))
    angle = random.uniform(-turn, turn)
    layer = layer.rotate(angle, resample=Image.Resampling.BILINEAR, translate=move)  # type: ignore[arg-type]
    image.paste(layer, (0, 0), layer)


def finish(image: Image.Image, random: Random, hardness: float) -> np.ndarray:
    """Halve the size; blur, change contrast and brightness and add noise as hardness grows. uint8 (side, side, 3)."""
    if random.random() < 0.6 * hardness:
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.4, 1.5)))
    pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)
    gain = random.uniform(1 - 0.35 * hardness, 1 + 0.35 * hardness)
    shift = random.normal(0, 18 * hardness)
    noise = (3 + 15 * hardness * random.random()) * random.standard_normal(pixels.shape, dtype=np.float32)
    return np.clip((pixels - 128) * gain + 128 + shift + noise, 0, 255).astype(np.uint8)


def polygon(corners: int, radius: float, centre: Point = (CENTRE, CENTRE), inner: float | None = None) -> list[Point]:
    """Corners of a regular polygon with one on top; with an inner radius, of a star."""
    angles = -np.pi / 2 + 2 * np.pi * np.arange(corners) / corners
    points = [(centre[0] + radius * np.cos(a), centre[1] + radius * np.sin(a)) for a in angles]
    if inner is None:
        return points
    between = [(centre[0] + inner * np.cos(a), centre[1] + inner * np.sin(a)) for a in angles + np.pi / corners]
    return [point for pair in zip(points, between, strict=True) for point in pair]


def turned(points: Sequence[Point], degrees: float, centre: Point = (CENTRE, CENTRE)) -> list[Point]:
    """Points given around the origin, turned clockwise and moved to `centre`."""
    cosine, sine = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    return [(centre[0] + x * cosine - y * sine, centre[1] + x * sine + y * cosine) for x, y in points]


def disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: Colour | int) -> None:
    """A filled circle."""
    pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=fill)
