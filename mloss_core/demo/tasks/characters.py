"""Digits and letters in Pillow's built-in font."""

from PIL import Image, ImageDraw

from mloss_core.demo.tasks.canvas import CENTRE, DRAWN, Draw, Random, Style, background, colours, font, stamp

LETTERS = "ABCDEFGHKLMNPRST"
BRICK = Style(hue=0.03, value=(0.4, 0.75), saturation=(0.45, 0.8), light=True)
CHALKBOARD = Style(hue=0.4, value=(0.15, 0.4), saturation=(0.3, 0.7), light=True)


def _text(text: str, size: int, at: tuple[float, float] = (CENTRE, CENTRE)) -> Draw:
    def draw(pen: ImageDraw.ImageDraw) -> None:
        pen.text(at, text, fill=255, font=font(size), anchor="mm")

    return draw


def printed_digit(random: Random, label: int, hardness: float) -> Image.Image:
    """A white digit on black, as the pretrained model knows digits; the task itself is real handwriting."""
    image = Image.new("RGB", (DRAWN, DRAWN), (15, 15, 15))
    stamp(image, random, _text(str(label), int(random.choice([44, 48, 50]))), (230, 230, 230), 5 + 5 * hardness)
    return image


def street_number(random: Random, label: int, hardness: float) -> Image.Image:
    """A house number's middle digit; hard ones have neighbours at the edges."""
    front, behind = colours(random, hardness, BRICK)
    image = background(random, hardness, behind)
    size = int(random.choice([44, 46, 48] if hardness < 0.5 else [38, 42, 46, 50]))
    if hardness > 0.5 and random.random() < 0.7:
        for side in (-0.44, 0.44):
            if random.random() < 0.7:
                at = (CENTRE + side * DRAWN, CENTRE + random.uniform(-4, 4))
                stamp(image, random, _text(str(random.integers(10)), size, at), front, 8)
    stamp(image, random, _text(str(label), size), front, 3 + 12 * hardness)
    return image


def letter(random: Random, label: int, hardness: float) -> Image.Image:
    """One of sixteen capitals."""
    front, behind = colours(random, hardness, CHALKBOARD)
    image = background(random, hardness, behind)
    size = int(random.choice([44, 46, 48] if hardness < 0.5 else [40, 44, 48, 52]))
    stamp(image, random, _text(LETTERS[label], size), front, 3 + 15 * hardness)
    return image
