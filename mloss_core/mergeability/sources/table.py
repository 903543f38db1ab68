"""The table of sources: from a zoo and pairs of its tasks to facts."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from mloss_core.caching import Cache
from mloss_core.mergeability.metrics.record import Facts
from mloss_core.mergeability.sources.activations import activations, draw_identity
from mloss_core.mergeability.sources.gaps import gaps_of_pairs
from mloss_core.mergeability.sources.geometry import geometry
from mloss_core.mergeability.sources.gradients import gradient_identity, gradients
from mloss_core.mergeability.sources.moments import expected_mloss_of_pairs
from mloss_core.mergeability.sources.needs import CALIBRATION, HEAD, IMAGES, TRAINING_LABELS, VALIDATION_LABELS
from mloss_core.mergeability.sources.outcomes import agreement, head_identity, zero_shot
from mloss_core.mergeability.sources.pair_mloss import mloss_identity, mloss_of_pairs
from mloss_core.mergeability.sources.spectra import overlaps
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress
from mloss_core.zoo.model import Zoo

Pair = tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactSource:
    """Where facts of pairs come from.

    Args:
        name: part of the cache key, and the name in `SOURCES`.
        compute: gives the facts of all asked pairs, each as soon as it is known.
        identity: plain values, beside the digests of the models, that the facts of a pair depend on.
        needs: what each task must have beside its model; see `lacking`.
        revision: raised when the same inputs give other facts.
    """

    name: str
    compute: Callable[[Zoo, Sequence[Pair], MLossOptions, Progress, Cache], Iterator[tuple[Pair, Facts]]]
    identity: Callable[[Zoo, Pair, MLossOptions], Any]
    needs: frozenset[str] = frozenset()
    revision: int = 0


_SEEN = frozenset({CALIBRATION})


def _weights_alone(zoo: Zoo, pair: Pair, options: MLossOptions) -> None:
    return None


SOURCES: Mapping[str, FactSource] = MappingProxyType(
    {
        source.name: source
        for source in (
            FactSource(
                name="geometry",
                compute=lambda zoo, pairs, options, progress, cache: geometry(zoo, pairs, progress),
                identity=_weights_alone,
                revision=1,
            ),
            FactSource(name="spectra", compute=overlaps, identity=_weights_alone, revision=1),
            FactSource(name="activations", compute=activations, identity=draw_identity, needs=_SEEN, revision=1),
            FactSource(
                name="gradients",
                compute=gradients,
                identity=gradient_identity,
                needs=frozenset({IMAGES, HEAD, TRAINING_LABELS}),
            ),
            FactSource(name="mloss", compute=mloss_of_pairs, identity=mloss_identity, needs=_SEEN),
            FactSource(name="moments", compute=expected_mloss_of_pairs, identity=mloss_identity, needs=_SEEN),
            FactSource(name="gaps", compute=gaps_of_pairs, identity=mloss_identity, needs=_SEEN),
            FactSource(
                name="zero_shot", compute=zero_shot, identity=head_identity, needs=frozenset({HEAD, VALIDATION_LABELS})
            ),
            FactSource(name="agreement", compute=agreement, identity=head_identity, needs=frozenset({IMAGES, HEAD})),
        )
    }
)
"""Sources of facts by name."""
