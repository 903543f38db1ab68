"""Every error a user can meet, as one family.

Each message says what must hold, what was found, where, and what to do. Each class also derives from the builtin that a
caller would naturally catch.
"""

import itertools

_LONGEST_NAME = 100
"""Longer words are misspelt names no more; comparing them with names would take long."""


class MLossCoreError(Exception):
    """Base of all errors that are the user's to mend; their message is fit to be shown as it stands."""


class CheckpointError(MLossCoreError, OSError):
    """A weight file cannot be read: damaged, unknown, hostile, or not what its manifest says."""


class IncompatibleStateDictsError(MLossCoreError, ValueError):
    """State dicts that must share keys and shapes do not."""


class InvalidOptionError(MLossCoreError, ValueError):
    """An option is unknown, of the wrong kind, or outside its range."""


class UnknownNameError(MLossCoreError, LookupError):
    """A name (method, metric, task, preset) is not registered; the message lists the known ones."""


class LayerNotFoundError(MLossCoreError, LookupError):
    """A block or site does not exist in this architecture."""


class ZooError(MLossCoreError, ValueError):
    """A zoo cannot be opened or lacks what the request needs."""


class DatasetError(MLossCoreError, ValueError):
    """A dataset, split or sample that was asked for does not exist or is too small."""


class CacheError(MLossCoreError, OSError):
    """The cache folder cannot be written or holds a damaged entry."""


class JobCancelledError(MLossCoreError):
    """The user cancelled the work; nothing of it was kept."""


def quoted(value: object, most: int = 100) -> str:
    """A bad value as messages show it: Python's spelling, on one line and cut after `most` letters.

    Example:
        >>> quoted("a" * 1000, 5)
        "'aaaa…"
    """
    # Only the front of long containers is spelt out; a number of thousands of digits cannot be.
    if isinstance(value, (list, tuple, str, bytes)) and len(value) > most:
        value = value[: most + 1]
    elif isinstance(value, dict) and len(value) > most:
        value = dict(itertools.islice(value.items(), most))
    try:
        text = " ".join(repr(value).split())
    except ValueError:
        text = "a value of very many digits"
    return text if len(text) <= most else f"{text[:most]}…"


def unknown_name(kind: str, name: object, known: "list[str] | tuple[str, ...]") -> UnknownNameError:
    """The error for a name outside a registry, with the nearest known names first.

    Example:
        >>> str(unknown_name("method", "tise", ["ties", "dare"]))
        "unknown method 'tise': did you mean 'ties'? Known: ties, dare."
    """
    from difflib import get_close_matches

    word = str(name)
    close = get_close_matches(word, list(known), n=1) if len(word) <= _LONGEST_NAME else []
    hint = f": did you mean {close[0]!r}?" if close else "."
    return UnknownNameError(f"unknown {kind} {quoted(word)}{hint} Known: {', '.join(known)}.")
