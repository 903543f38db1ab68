"""The eight tasks of the embedded zoo, as rows: how an image is drawn, and how its classes are spoken of."""

import dataclasses
from collections.abc import Callable

from PIL import Image

from mloss_core.demo.tasks.canvas import Random
from mloss_core.demo.tasks.characters import LETTERS, letter, printed_digit, street_number
from mloss_core.demo.tasks.figures import FRAMES, SHAPES, SYMBOLS, dots, shape, sign
from mloss_core.demo.tasks.surfaces import TERRAINS, TEXTURES, terrain, texture

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One task.

    Args:
        name: its short name.
        title: its name for people.
        description: one sentence: what is seen and where it comes from.
        classes: names of the classes, which the zero-shot head is made from.
        templates: sentences around a class name.
        draw: draws the image of (random stream, label, hardness) at twice the final size.
        scanned: the task's own images are real scans; `draw` serves pretraining alone.
    """

    name: str
    title: str
    description: str
    classes: tuple[str, ...]
    templates: tuple[str, ...]
    draw: Callable[[Random, int, float], Image.Image]
    scanned: bool = False


_ROWS = (
    Task(
        name="digits",
        title="Scanned digits",
        classes=NUMBERS,
        draw=printed_digit,
        scanned=True,
        description="Handwritten digits, the real scans that scikit-learn bundles (8 x 8 pixels, enlarged).",
        templates=("a scanned digit {}", "the digit {} in white on black", "a digit {}"),
    ),
    Task(
        name="street",
        title="House numbers",
        classes=NUMBERS,
        draw=street_number,
        description="Drawn house numbers: name the digit in the middle, whatever stands beside it.",
        templates=("a house number {}", "the number {} on a house", "a street sign with the number {}"),
    ),
    Task(
        name="letters",
        title="Letters",
        classes=tuple(LETTERS.lower()),
        draw=letter,
        description="Sixteen drawn capitals over clutter, turned, blurred and noisy.",
        templates=("the letter {}", "a picture of the letter {}", "a capital {}"),
    ),
    Task(
        name="shapes",
        title="Shapes",
        classes=SHAPES,
        draw=shape,
        description="Eight drawn shapes, filled or outlined, of many sizes and directions.",
        templates=("a {}", "a drawing of a {}", "the shape of a {}"),
    ),
    Task(
        name="signs",
        title="Signs",
        draw=sign,
        classes=tuple(f"{frame} sign with a {symbol}" for frame in FRAMES for symbol in SYMBOLS),
        description="Drawn traffic-like signs: three frames around four symbols, in changing colours.",
        templates=("a {}", "a photo of a {}", "a traffic {}"),
    ),
    Task(
        name="textures",
        title="Textures",
        classes=TEXTURES,
        draw=texture,
        description="Eight regular patterns of changing period, direction and colour.",
        templates=("a texture of {}", "a pattern of {}", "a surface with {}"),
    ),
    Task(
        name="counting",
        title="Counting",
        classes=NUMBERS[1:6],
        draw=dots,
        description="One to five dots that do not touch, over clutter.",
        templates=("a picture of {} dots", "{} dots", "there are {} dots"),
    ),
    Task(
        name="terrain",
        title="Terrain",
        classes=TERRAINS,
        draw=terrain,
        description="Eight drawn kinds of ground seen from above, through coloured filters.",
        templates=("an aerial view of {}", "{} from above", "a satellite picture of {}"),
    ),
)

TASKS: dict[str, Task] = {task.name: task for task in _ROWS}
