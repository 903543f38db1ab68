"""A zoo whose weights lie in memory: reading eight files again takes longer than merging them."""

import dataclasses
from types import MappingProxyType

from mloss_core.zoo.model import Encoder, Zoo

HELD = 1 << 30
"""Bytes of float32 weights up to which a zoo is held."""


def held(zoo: Zoo) -> Zoo:
    """The same zoo with every weight in memory; as it is where that would be too much, or where a GPU keeps them."""
    encoders = (zoo.pretrained, *zoo.sources())
    if zoo.device.type != "cpu" or 4 * zoo.pretrained.parameters * len(encoders) > HELD:
        return zoo
    finetuned = {task: _read(encoder) for task, encoder in zoo.finetuned.items()}
    return dataclasses.replace(zoo, pretrained=_read(zoo.pretrained), finetuned=MappingProxyType(finetuned))


def _read(encoder: Encoder) -> Encoder:
    weights = {key: encoder.weights[key].detach().clone() for key in encoder.weights}
    return dataclasses.replace(encoder, weights=MappingProxyType(weights))
