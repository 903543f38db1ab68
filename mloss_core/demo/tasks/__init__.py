"""The twenty tasks of the embedded zoos, as rows: how an image is drawn, and how its classes are spoken of."""

import dataclasses
from collections.abc import Callable

from PIL import Image

from mloss_core.demo.tasks.canvas import Random
from mloss_core.demo.tasks.characters import LETTERS, letter, printed_digit, street_number
from mloss_core.demo.tasks.emblems import FACES, FLAGS, die, face, flag
from mloss_core.demo.tasks.figures import FRAMES, SHAPES, SYMBOLS, dots, shape, sign
from mloss_core.demo.tasks.game_pieces import COUNTS, PIECES, SUITS, card, chess_piece, roman
from mloss_core.demo.tasks.pictures import FRUIT, WEATHER, fruit, weather
from mloss_core.demo.tasks.pointers import DIRECTIONS, LEVELS, ROADS, arrow, clock, gauge, road
from mloss_core.demo.tasks.surfaces import TERRAINS, TEXTURES, terrain, texture
from mloss_core.errors import InvalidOptionError

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
HOURS = (*NUMBERS[1:], "ten", "eleven", "twelve")


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


_FIRST_EIGHT = (
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

_NEXT_SIX = (
    Task(
        name="arrows",
        title="Arrows",
        classes=DIRECTIONS,
        draw=arrow,
        description="Drawn arrows of several forms: name the side that they point to, one of eight.",
        templates=("an arrow that points {}", "an arrow {}", "this way {}"),
    ),
    Task(
        name="clocks",
        title="Clocks",
        classes=tuple(f"{hour} o'clock" for hour in HOURS),
        draw=clock,
        description="Drawn clocks at the twelve full hours.",
        templates=("a clock at {}", "it is {}", "a dial that shows {}"),
    ),
    Task(
        name="flags",
        title="Flags",
        classes=FLAGS,
        draw=flag,
        description="Drawn flags of twelve layouts in any colours; some wave.",
        templates=("a flag with {}", "a banner with {}", "the flag shows {}"),
    ),
    Task(
        name="faces",
        title="Faces",
        classes=FACES,
        draw=face,
        description="Drawn round faces with eight expressions.",
        templates=("a {} face", "somebody who is {}", "a drawing of a {} face"),
    ),
    Task(
        name="gauges",
        title="Gauges",
        classes=LEVELS,
        draw=gauge,
        description="Drawn containers, upright or lying, filled to five levels.",
        templates=("a gauge that is {}", "a tank that is {}", "{}"),
    ),
    Task(
        name="dice",
        title="Dice",
        classes=NUMBERS[1:7],
        draw=die,
        description="Drawn dice in any colours, turned, with one to six pips.",
        templates=("a die that shows {}", "a throw of {}", "a die with {} pips"),
    ),
)
_LAST_SIX = (
    Task(
        name="numerals",
        title="Roman numerals",
        classes=HOURS[:10],
        draw=roman,
        description="Drawn Roman numerals from I to X, turned, some between lines.",
        templates=("the roman numeral {}", "{} in roman numerals", "a roman {}"),
    ),
    Task(
        name="cards",
        title="Playing cards",
        classes=tuple(f"{count} {suit}" for count in COUNTS for suit in SUITS),
        draw=card,
        description="Drawn playing cards with one to three symbols of the four suits, in any colours.",
        templates=("a playing card with {}", "a card of {}", "{} on a card"),
    ),
    Task(
        name="weather",
        title="Weather signs",
        classes=WEATHER,
        draw=weather,
        description="Eight drawn signs of the weather.",
        templates=("a weather sign for {}", "the forecast says {}", "{} in the sky"),
    ),
    Task(
        name="chess",
        title="Chess pieces",
        classes=PIECES,
        draw=chess_piece,
        description="The six drawn chess pieces from the side, dark or pale, some on a board.",
        templates=("a chess {}", "the {} of a chess set", "a {} on a board"),
    ),
    Task(
        name="roads",
        title="Roads",
        classes=ROADS,
        draw=road,
        description="Drawn roads from above: name the sides to which they lead, eleven kinds.",
        templates=("a road that leads {}", "a crossing with roads {}", "roads to {}"),
    ),
    Task(
        name="fruit",
        title="Fruit",
        classes=FRUIT,
        draw=fruit,
        description="Eight drawn fruits in any colours.",
        templates=("a picture of {}", "fresh {}", "{} on a table"),
    ),
)

TASKS: dict[str, Task] = {task.name: task for task in (*_FIRST_EIGHT, *_NEXT_SIX, *_LAST_SIX)}
"""All tasks by name. Zoos nest: one of N tasks has the first N."""


def first_tasks(count: int) -> dict[str, Task]:
    """The first `count` tasks by name.

    Raises:
        InvalidOptionError: there are fewer, or none is asked for.
    """
    if not 1 <= count <= len(TASKS):
        raise InvalidOptionError(f"a zoo has 1 to {len(TASKS)} tasks; found {count}.")
    return dict(list(TASKS.items())[:count])
