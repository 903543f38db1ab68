"""The one place where whatever a damaged file makes a library raise becomes our sentence, with the file's name."""

import contextlib
import dataclasses
import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mloss_core.checkpoints.stored import StoredTensors
from mloss_core.errors import CheckpointError, MLossCoreError

_LONGEST = 500


@contextlib.contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Raise every error of reading a file as a `CheckpointError` of one line that names it.

    Errors of this project keep their words, shortened where they quote much of the file; others say that it is damaged.
    """
    try:
        yield
    except CheckpointError as error:
        text = plain_line(str(error))
        named = text if path.name in text else f"{plain_line(path.name)}: {text}"
        if named == str(error):
            raise
        raise CheckpointError(named) from error
    except MLossCoreError:
        raise
    except OSError as error:
        # A place that the file's own numbers give may be no place at all; the system then calls it invalid.
        if error.errno in (None, errno.EINVAL):
            raise _damaged(path, error) from error
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}.") from error
    except Exception as error:
        raise _damaged(path, error) from error


def plain_line(text: str) -> str:
    """A text of a file as one line that can be printed: control letters spelt out, and no longer than a sentence."""
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 60]} ... {line[-50:]}"


def guarded(stored: StoredTensors, path: Path) -> StoredTensors:
    """The same tensors, whose readers raise as `file_errors` does."""

    def wrap(read: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            with file_errors(path):
                return read(*arguments)

        return call

    return dataclasses.replace(
        stored, read=wrap(stored.read), read_rows=wrap(stored.read_rows), check=wrap(stored.check)
    )


def _damaged(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{plain_line(path.name)} is damaged: what it says of itself cannot be ({type(error).__name__}). "
        "Download or write it again."
    )
