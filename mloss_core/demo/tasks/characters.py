"""Digits and letters in Pillow's built-in font."""

from PIL import Image, ImageDraw

from mloss_core.demo.tasks.canvas import CENTRE, DRAWN, Draw, Point, Random, Style, background, colours, font, stamp

LETTERS = "ABCDEFGHKLMNPRST"
SCANNED = 8
"""Side of the real scans in pixels."""
WHITE = (255, 255, 255)
BRICK = Style(hue=0.03, value=(0.4, 0.75), saturation=(0.45, 0.8), light=True)
CHALKBOARD = Style(hue=0.4, value=(0.15, 0.4), saturation=(0.3, 0.7), light=True)


def _text(text: str, size: int, at: Point = (CENTRE, CENTRE), stroke: int = 0) -> Draw:
    def draw(pen: ImageDraw.ImageDraw) -> None:
        pen.text(at, text, fill=255, font=font(size), anchor="mm", stroke_width=stroke)

    return draw


def printed_digit(random: Random, label: int, hardness: float) -> Image.Image:
    """A white digit on black, as the pretrained model knows digits; the task itself is real handwriting.

    Hard ones are slanted, of any thickness, and as coarse as the scans: 8 x 8 pixels.
    """
    image = Image.new("RGB", (DRAWN, DRAWN), (0, 0, 0))
    if hardness < 0.5:
        stamp(image, random, _text(str(label), int(random.choice([44, 48, 50]))), (230, 230, 230), 5)
        return image
    stamp(image, random, _text(str(label), int(random.choice([56, 62, 68])), stroke=int(random.integers(4))), WHITE, 12)
    slant, squeeze = random.uniform(-0.3, 0.3), random.uniform(0.85, 1.25)
    flow = (squeeze, slant, CENTRE * (1 - squeeze - slant), 0, 1, 0)
    image = image.transform(image.size, Image.Transform.AFFINE, flow, resample=Image.Resampling.BILINEAR)
    coarse = image.resize((SCANNED, SCANNED), Image.Resampling.BOX)
    return coarse.resize((DRAWN, DRAWN), Image.Resampling.BICUBIC)


def street_number(random: Random, label: int, hardness: float) -> Image.Image:
    """A house number's middle digit; hard ones have neighbours at the edges."""
    front, behind = colours(random, hardness, BRICK)
    image = background(random, hardness, behind)
    size = int(random.choice([44, 46, 48] if hardness < 0.5 else [42, 46, 50]))
    if hardness > 0.5 and random.random() < 0.7:
        for side in (-0.46, 0.46):
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
