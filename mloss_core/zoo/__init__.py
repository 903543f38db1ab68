"""Zoos: a pretrained encoder, its fine-tuned copies, heads and datasets; finding, checking and opening them."""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.zoo.model import Encoder, Zoo

__all__ = ["Encoder", "Zoo"]

__getattr__, __dir__ = lazy_names(__name__, {"model": ("Encoder", "Zoo")})
