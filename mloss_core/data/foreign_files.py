"""Files of datasets that others wrote: whatever a reader raises becomes one sentence that names the file."""

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

from mloss_core.errors import DatasetError, MLossCoreError

AGAIN = "Download it again."
_LONGEST = 160


@contextlib.contextmanager
def reading(place: "Path | str", must_be: str, remedy: str = AGAIN) -> Iterator[None]:
    """Turn what fails inside the block into a `DatasetError`; our own errors pass as they are.

    Readers of images, archives and lists raise nearly anything (ValueError, SyntaxError, struct.error, zlib.error,
    OverflowError, MemoryError) for damaged content, so no list of their exceptions would be whole.

    Args:
        place: the file, as messages name it.
        must_be: what it should be, such as `be an image that Pillow can read`.
        remedy: what to do, as a sentence.

    Raises:
        DatasetError: the sentence, with the file's name.
    """
    try:
        yield
    except MLossCoreError:
        raise
    except Exception as error:
        raise DatasetError(f"{place} must {must_be}: {_reason(error)}. {remedy}") from error


def file_stamp(path: Path) -> list[int]:
    """Size, times of content and of status, and inode: content does not change without one of them.

    Raises:
        DatasetError: there is no such file.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}. Put it back.") from error
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def check_regular(path: Path) -> None:
    """Refuse a pipe or device that goes by the name of a file: reading one might never end.

    Raises:
        DatasetError: it is one, or is not there.
    """
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DatasetError(f"{path} cannot be read: {reason}. Put it back.") from error
    if not regular:
        raise DatasetError(f"{path} must be a file; it is a folder, pipe or device. Remove it.")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} …"
