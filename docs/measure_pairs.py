"""Measure all pairs of a zoo, metrics and merges, and write them as a table that ships with the package.

    python -m docs.measure_pairs --zoo demo20 --name demo20 [--split test] [--workers 2]

What the commands `metrics` and `pairs` left in the cache is used.
"""

import argparse
import functools
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mloss_core.cli.metrics_command import fill as fill_metrics
from mloss_core.cli.pairs_command import fill as fill_merges
from mloss_core.lab.pair_workers import spread
from mloss_core.mergeability.pair_merges import pair_accuracies
from mloss_core.mergeability.pair_names import METHODS
from mloss_core.mergeability.pairs import all_pairs, pairwise_blocks, pairwise_metrics
from mloss_core.mergeability.shipped import FOLDER, ShippedPairs, write_pairs
from mloss_core.opening import open_zoo
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.zoo.embedded import EMBEDDED
from mloss_core.zoo.model import Zoo

CARD = ("recipe", "accuracy", "average", "counts", "chosen", "task_vectors", "seconds")
"""What is kept of the card of a zoo whose weights do not ship."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--title", help="for people, where the zoo has none of its own")
    parser.add_argument("--split", default="test")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=FOLDER)
    chosen = parser.parse_args()
    zoo, mloss = open_zoo(chosen.zoo), MLossOptions()
    recipes = [Recipe(method=name) for name in METHODS]
    pairs = all_pairs(zoo.tasks)
    for work in (functools.partial(fill_metrics, None, mloss), functools.partial(fill_merges, recipes, chosen.split)):
        spread(
            chosen.zoo,
            "auto",
            pairs,
            work,
            chosen.workers,
            lambda fraction, message="": print(f"{fraction:.2f}", message),
        )
    metrics = pairwise_metrics(zoo, options=mloss)
    merges = pair_accuracies(zoo, recipes, chosen.split)
    facts = {
        **({} if chosen.title is None else {"title": chosen.title}),
        **card_of(zoo),
        "tasks": list(zoo.tasks),
        **merges.attrs,
        "mloss": mloss.to_dict(),
        "undefined": metrics.attrs["undefined"],
        "versions": {name: version(name) for name in ("torch", "open_clip_torch", "numpy", "scikit-learn")}
        | {"python": platform.python_version(), "device": str(zoo.device)},
    }
    numbers = metrics.merge(merges, on=["task_a", "task_b"], validate="one_to_one")
    write_pairs(chosen.out, chosen.name, ShippedPairs(numbers, pairwise_blocks(zoo, options=mloss), facts))
    print(f"{len(numbers)} pairs written to {chosen.out / chosen.name}.csv")


def card_of(zoo: Zoo) -> dict[str, Any]:
    """How good the models of a zoo on disk are, and how they were made; nothing of those that ship, which say it."""
    kept = {} if zoo.name in EMBEDDED else {name: zoo.card[name] for name in CARD if name in zoo.card}
    return {"card": kept} if kept else {}


if __name__ == "__main__":
    main()
