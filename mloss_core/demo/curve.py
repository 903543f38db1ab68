"""How merges do as models are added: a curve of the model card."""

from typing import Any

from mloss_core.demo.card_rows import named_rows, summary
from mloss_core.evaluation import evaluate_rows
from mloss_core.merging import merge
from mloss_core.merging.methods import spelt_out
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, part, silent
from mloss_core.zoo.model import Zoo

CURVE_METHODS = ("average", "ties", "tsv_m", "actmat")
"""Methods of the curve, each with its default options: nothing is chosen for it."""
COUNTS = (2, 3, 4, 6, 8, 11, 14, 17, 20)
"""How many tasks the points of the curve have, as far as a zoo has them; its last point has all."""


def measure_curve(zoo: Zoo, progress: Progress = silent, split: str = "test") -> dict[str, Any]:
    """Merge and evaluate the first n tasks, for the n of `COUNTS` and all.

    Args:
        zoo: its tasks are added in its order.
        progress: told as it goes on.
        split: whose images are looked at.

    Returns:
        split; methods, recipes by method with every option spelt out; rows, for each n (as text) the baselines and
        methods by name, each with average over the n tasks, its standard error, and normalised. All are fractions.
        The Ensemble's are those of the same n models.
    """
    recipes = {name: spelt_out(Recipe(method=name)) for name in CURVE_METHODS}
    whole = len(zoo.tasks)
    counts = [*(count for count in COUNTS if count < whole), whole]
    rows, before = {}, 0.0
    for count in counts:
        done = (count / whole) ** 2  # the work grows with the models
        step, before = part(progress, before, done), done
        few = zoo.subset(zoo.tasks[:count])
        found = evaluate_rows(few, [merge(few, recipe) for recipe in recipes.values()], split, progress=step)
        rows[str(count)] = {name: summary(row) for name, row in named_rows(found, recipes).items()}
    return {"split": split, "methods": {name: recipe.to_dict() for name, recipe in recipes.items()}, "rows": rows}
