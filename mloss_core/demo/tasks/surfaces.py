"""Filled images: regular textures, and terrain seen from above."""

import numpy as np
from PIL import Image

from mloss_core.demo.tasks.canvas import CENTRE, DRAWN, Colour, Random, Style, colour, colours

TEXTURES = ("horizontal stripes", "vertical stripes", "diagonal stripes", "checks", "dots", "rings", "waves", "a grid")
TERRAINS = ("water", "forest", "dunes", "rock", "snow", "fields", "lava", "terraces")
FABRIC = Style(hue=0.85, value=(0.3, 0.7), saturation=(0.4, 0.9), light=True)
_Y, _X = np.mgrid[0:DRAWN, 0:DRAWN].astype(np.float32)
_PALETTE: tuple[tuple[Colour, Colour], ...] = (
    ((30, 90, 170), (60, 130, 200)),
    ((25, 110, 40), (60, 150, 60)),
    ((210, 185, 120), (235, 215, 160)),
    ((110, 105, 100), (160, 155, 150)),
    ((235, 240, 245), (200, 215, 230)),
    ((150, 170, 60), (110, 140, 40)),
    ((60, 60, 70), (200, 60, 20)),
    ((120, 80, 50), (90, 140, 70)),
)
_CELLS = (4, 14, 5, 10, 6, 3, 9, 7)


def _mix(share: np.ndarray, front: Colour, behind: Colour) -> Image.Image:
    part = np.clip(share, 0, 1)[..., None].astype(np.float32)
    return Image.fromarray((part * np.array(front) + (1 - part) * np.array(behind)).astype(np.uint8))


def texture(random: Random, label: int, hardness: float) -> Image.Image:
    """One of eight patterns of some period and direction."""
    front, behind = colours(random, hardness, FABRIC)
    period = random.uniform(11, 14) if hardness < 0.5 else random.uniform(8, 18)
    angle = random.normal(0, 0.05 + 0.2 * hardness)
    phase = random.uniform(0, 2 * np.pi, 2)
    wave = 2 * np.pi / period
    u = _X * np.cos(angle) + _Y * np.sin(angle)
    v = -_X * np.sin(angle) + _Y * np.cos(angle)
    off = random.normal(0, 6 * hardness, 2)
    patterns = (
        lambda: np.sin(wave * v + phase[0]) > 0,
        lambda: np.sin(wave * u + phase[0]) > 0,
        lambda: np.sin(0.7 * wave * (u + v) + phase[0]) > 0,
        lambda: (np.sin(wave * u + phase[0]) > 0) ^ (np.sin(wave * v + phase[1]) > 0),
        lambda: np.sin(wave * u + phase[0]) + np.sin(wave * v + phase[1]) > 1,
        lambda: np.sin(wave * np.hypot(_X - CENTRE - off[0], _Y - CENTRE - off[1]) + phase[0]) > 0,
        lambda: np.sin(wave * v + 2.5 * np.sin(0.6 * wave * u + phase[1]) + phase[0]) > 0,
        lambda: np.minimum(abs(np.sin(wave * u / 2 + phase[0])), abs(np.sin(wave * v / 2 + phase[1]))) < 0.25,
    )
    return _mix(patterns[label]().astype(np.float32), front, behind)


def _clouds(random: Random, cells: int) -> np.ndarray:
    small = Image.fromarray((random.random((cells, cells)) * 255).astype(np.uint8))
    return np.asarray(small.resize((DRAWN, DRAWN), Image.Resampling.BICUBIC), np.float32) / 255


def terrain(random: Random, label: int, hardness: float) -> Image.Image:
    """One of eight kinds of ground; hard ones are seen through a coloured filter."""
    share = _clouds(random, _CELLS[label])
    if label == 0:
        share = 0.5 + 0.5 * np.sin(0.35 * _Y + 6 * share)
    elif label == 2:
        share = 0.5 + 0.5 * np.sin(0.16 * (_X + _Y) + 5 * share)
    elif label == 3:
        share = 2 * abs(share - 0.5)
    elif label == 5:
        share = 0.8 * (np.sin(0.5 * _X + random.uniform(0, 6)) > 0) + 0.2 * share
    elif label == 6:
        share = (share > 0.72).astype(np.float32)
    elif label == 7:
        share = (np.sin(0.22 * _Y + 4 * _clouds(random, 4)) > 0).astype(np.float32)
    image = _mix(share, *_PALETTE[label])
    return _filtered(random, image) if hardness > 0.5 else image


def _filtered(random: Random, image: Image.Image) -> Image.Image:
    pixels = np.asarray(image, np.float32)
    tint = np.array(colour(random.normal(0.25, 0.15), 0.7, 0.9), np.float32)
    strength = random.uniform(0.3, 0.65)
    grey = pixels.mean(-1, keepdims=True)
    mixed = (1 - strength) * pixels + strength * (0.35 * tint + 0.65 * grey * tint / 160)
    return Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))
