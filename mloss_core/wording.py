"""Words and numbers put together as sentences have them."""

from collections.abc import Sequence


def listing(words: Sequence[str], last: str = "and") -> str:
    """Words as a sentence has them: `a`, `a and b`, `a, b and c`."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


SPLITS = {"train": "training", "val": "validation", "test": "test"}
"""What the splits of a dataset are called in sentences."""


def lower_first(text: str) -> str:
    """A title as it stands in the middle of a sentence: names and formulas in it stay as they are."""
    return text[:1].lower() + text[1:]


def upper_first(text: str) -> str:
    """Words as they stand at the beginning of a sentence, or as a label."""
    return text[:1].upper() + text[1:]


def span(numbers: "list[int] | tuple[int, ...]") -> str:
    """Whole numbers with runs joined: `0, 3 and 8–10`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [[f"{run[0]}–{run[-1]}"] if len(run) > 2 else [str(number) for number in run] for run in runs]
    return listing([word for group in words for word in group])


def percent(fraction: float) -> str:
    """A fraction in percent with one decimal: `70.0 %`."""
    return f"{100 * fraction:.1f} %"
