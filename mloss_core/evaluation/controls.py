"""What a guided merge must beat: the same merge without what M-Loss adds."""

import dataclasses
from collections.abc import Mapping, Sequence

from mloss_core.merging.methods import check_recipe, tidy
from mloss_core.recipe import Recipe

CONTROLS: Mapping[str, Mapping[str, object]] = {
    "e = 0": {"span": 0.0},
    "reversed ranks": {"ranking": "reversed"},
    "random ranks": {"ranking": "random"},
    "same budget, no ranks": {"ranking": "uniform"},
}
"""What each control changes in the recipe's options."""


def is_guided(recipe: Recipe) -> bool:
    """Whether the recipe's keep rates really follow M-Loss, so that controls make sense."""
    method, options = check_recipe(recipe)
    if "mloss" not in method.needs:
        return False
    return options.span > 0 and options.ranking not in ("reversed", "random", "uniform", "none")


def control_recipes(recipe: Recipe) -> dict[str, Recipe]:
    """The controls of a guided recipe by name: the same merge without what M-Loss adds."""
    return {name: tidy(recipe.replace(options={**recipe.options, **changes})) for name, changes in CONTROLS.items()}


def seeded_controls(recipe: Recipe, seeds: int) -> dict[str, Recipe]:
    """`control_recipes` with random ranks of several seeds, each under a name of its own, from the recipe's seed on."""
    found = {}
    for name, control in control_recipes(recipe).items():
        if control.options.get("ranking") != "random":
            found[name] = control
            continue
        for more in range(seeds):
            found[f"{name} (seed {recipe.seed + more})"] = control.replace(seed=recipe.seed + more)
    return found


def missing_controls(recipe: Recipe, present: Sequence[Recipe]) -> list[Recipe]:
    """The controls that the comparison lacks."""
    known = {tidy(other).digest for other in present}
    return [control for control in control_recipes(recipe).values() if control.digest not in known]


@dataclasses.dataclass(frozen=True)
class CardControl:
    """One row of the controls that a model card records.

    Args:
        name: of the row in the card.
        keep_rate: of the M-TIES merge that the row stands beside.
        of: name of that merge's row.
        recipe: what is merged.
    """

    name: str
    keep_rate: float
    of: str
    recipe: Recipe

    @property
    def budget_alone(self) -> bool:
        """Whether it spends the same budget without ranks."""
        return self.recipe.options.get("ranking") == "uniform"


CARD_KEEP_RATES = (0.8, 0.2)
CARD_SEEDS = 5


def card_controls() -> tuple[CardControl, ...]:
    """M-TIES at the paper's keep rate and at a hard one, and what it must beat, as model cards record them."""
    listed = []
    for keep in CARD_KEEP_RATES:
        base = Recipe(method="m_ties", options={"keep_rate": keep, "span": 0.1})
        main = f"m_ties k={keep:g} e=0.1"
        named = {
            main: base,
            f"{main}, blocks 8,9,10": base.replace(blocks=(8, 9, 10)),
            f"{main}, blocks 0,1,2": base.replace(blocks=(0, 1, 2)),
            f"{main}, reversed rank": _with(base, ranking="reversed"),
            f"{main}, same budget": _with(base, ranking="uniform"),
            f"m_ties k={keep:g} e=0": _with(base, span=0.0),
        }
        named |= {
            f"{main}, random rank {seed}": _with(base, ranking="random").replace(seed=seed)
            for seed in range(CARD_SEEDS)
        }
        listed += [CardControl(name, keep, main, recipe) for name, recipe in named.items()]
    return tuple(listed)


def _with(recipe: Recipe, **options: object) -> Recipe:
    return recipe.replace(options={**recipe.options, **options})
