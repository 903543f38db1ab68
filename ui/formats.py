"""How numbers and foreign text read on the screen: one spelling for each kind of quantity, so that pages agree."""

import math
import re

from mloss_core.wording import SPLITS, upper_first

ACTIVATION_WORDS = {
    "gelu": "GELU",
    "gelu_tanh": "GELU (tanh form)",
    "quick_gelu": "QuickGELU",
    "relu": "ReLU",
    "leaky_relu": "Leaky ReLU",
}

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NOTHING = "–"
_MARKS = re.compile(r"([\\`*\[\]<>$~|&])|(?<![^\W_])(_)|(_)(?![^\W_])")
_AT_START = re.compile(r"([#+=-]|\d{1,9}(?=[.)]))")
# Colour and icon directives, emoji shortcodes and bare addresses are found in text after escapes are gone: only a
# letter between their parts, which nobody sees, keeps them apart.
_SHORTCODE = re.compile(r":(?=[^\W\d]|[+/-])|(?<!\d):(?=\d)|(?<=[Ww]{3})(?=\.)|(?<=@)")
_JOINER = "\u2060"


def percent(fraction: float | None, standard_error: float | None = None) -> str:
    """A fraction in percent with one decimal, with its standard error when there is one.

    Example:
        >>> percent(0.7123, 0.0061)
        '71.2 ± 0.6 %'
    """
    if fraction is None or not math.isfinite(fraction):
        return _NOTHING
    if standard_error is None or not math.isfinite(standard_error):
        return f"{100 * fraction:.1f} %"
    return f"{100 * fraction:.1f} ± {100 * standard_error:.1f} %"


def points(difference: float | None) -> str:
    """A difference of two fractions in percentage points, with its sign: `+3.4 points`."""
    if difference is None or not math.isfinite(difference):
        return _NOTHING
    return f"{100 * difference:+.1f} points".replace("-", "−")


def engineering(value: float | None, digits: int = 3) -> str:
    """A number with an exponent that is a multiple of three; plain between 0.1 and 1000.

    Example:
        >>> engineering(0.0000123)
        '12.3 × 10⁻⁶'
    """
    if value is None or not math.isfinite(value):
        return _NOTHING
    if value == 0:
        return "0"
    exponent = _exponent(value, digits)
    return f"{_significant(value / 10.0**exponent, digits)}{times_ten(exponent)}"


def measured(value: float | None, standard_error: float | None, digits: int = 3) -> str:
    """A number with its standard error, both at the number's exponent.

    Example:
        >>> measured(0.0000123, 0.0000004)
        '12.3 ± 0.4 × 10⁻⁶'
    """
    if value is None or standard_error is None or not math.isfinite(value) or not math.isfinite(standard_error):
        return engineering(value, digits)
    if value == 0:
        return f"0 ± {engineering(standard_error)}"
    exponent = _exponent(value, digits)
    scaled = value / 10.0**exponent
    error = f"{standard_error / 10.0**exponent:.{_decimals(scaled, digits)}f}"
    return f"{_significant(scaled, digits)} ± {error}{times_ten(exponent)}"


def times_ten(exponent: int) -> str:
    """The factor ` × 10ⁿ`, empty for 0."""
    return f" × 10{str(exponent).translate(_SUPERSCRIPTS)}" if exponent else ""


def seconds(value: float | None) -> str:
    """A duration: `0.42 s`, `12 s`, `2 min 5 s`, `1 h 3 min`."""
    if value is None or not math.isfinite(value):
        return _NOTHING
    if value < 10:
        return f"{value:.2g} s" if value < 1 else f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: float | None) -> str:
    """Bytes in decimal units: `2.1 MB`."""
    if count is None or not math.isfinite(count):
        return _NOTHING
    if count < 1000:
        return f"{count:.0f} B"
    unit = min(3, int(math.log10(count) // 3))
    return f"{count / 1000.0**unit:.1f} {('kB', 'MB', 'GB')[unit - 1]}"


def count(number: int) -> str:
    """A whole number with thin groups of three: `617 600`."""
    return f"{number:,}".replace(",", "\u202f")


def short_digest(digest: str, length: int = 10) -> str:
    """The first characters of a digest, enough to tell files apart by eye."""
    return digest[:length]


def plain(text: object) -> str:
    """Text of links, files and folders for widgets that read Markdown: shown as it is, nothing in it becomes markup.

    For labels, captions, messages and help; tables and code take text as it is.

    Example:
        >>> plain("![a](http)")
        '!\\\\[a\\\\](http)'
    """
    words = " ".join(str(text).split())
    marked = _MARKS.sub(lambda mark: f"\\{mark[0]}", words)
    start = _AT_START.match(marked)
    if start:
        marked = f"{start[0]}\\{marked[start.end() :]}" if start[0].isdigit() else f"\\{marked}"
    return _SHORTCODE.sub(lambda colon: f"{colon[0]}{_JOINER}", marked)


def _exponent(value: float, digits: int) -> int:
    exponent = 3 * math.floor(math.log10(abs(value)) / 3)
    if float(f"{abs(value) / 10.0**exponent:.{digits}g}") >= 1000:
        exponent += 3
    return 0 if 0.1 <= abs(value) < 1 else exponent


def _significant(value: float, digits: int) -> str:
    return f"{value:.{_decimals(value, digits)}f}".replace("-", "−")


def _decimals(value: float, digits: int) -> int:
    """Decimals that show `digits` significant ones, after rounding: 0.9999 to 3 digits is 1.00."""
    rounded = abs(float(f"{value:.{digits}g}"))
    return max(0, digits - 1 - math.floor(math.log10(rounded)))


def split_label(split: str) -> str:
    """A split of a dataset as a label: `Validation`."""
    return upper_first(SPLITS.get(split, split))
