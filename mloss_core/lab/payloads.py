"""What a piece of work gives back."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class CacheReference:
    """The cache entry that holds a payload already, so that it is not stored twice.

    Args:
        kind, key: of the entry.
        facts: names of the payload's plain values that are not the entry's.
    """

    kind: str
    key: str
    facts: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Payload:
    """What a piece of work gives back: plain values and arrays by name.

    Args:
        meta, arrays: the whole answer.
        stored: where the cache holds it already, apart from a few facts.
    """

    meta: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    stored: CacheReference | None = None
