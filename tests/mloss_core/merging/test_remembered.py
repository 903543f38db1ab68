import pytest
import torch

from mloss_core import Recipe, merge
from mloss_core.caching import DIGESTS, Cache
from mloss_core.evaluation import as_contender, evaluate_weights
from mloss_core.merging.remembered import RememberedMerge, remember, remembered_merge
from tests.zoos import tiny_zoo

RECIPE = Recipe(method="ties", options={"keep_rate": 0.5})


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(2, 16, 2, spread=0.5)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path))
    return Cache()


@pytest.fixture
def merges(monkeypatch):
    """Recipes that were really merged."""
    made = []
    monkeypatch.setattr(
        "mloss_core.merging.remembered.merge",
        lambda zoo, recipe, **more: made.append(recipe.method) or merge(zoo, recipe, **more),
    )
    return made


def test_the_second_time_nothing_is_merged_until_a_weight_is_asked_for(zoo, cache, merges):
    first = remembered_merge(zoo, RECIPE)
    again = remembered_merge(zoo, RECIPE)
    assert merges == ["ties"] and isinstance(again, RememberedMerge)
    assert (again.digest, again.name, again.recipe) == (first.digest, first.name, first.recipe)
    ours, theirs = first.state_dict(), again.state_dict()
    assert set(ours) == set(theirs) and merges == ["ties"]
    assert all(torch.equal(ours[key], theirs[key]) for key in ours) and merges == ["ties", "ties"]


def test_features_in_the_cache_need_no_weights(zoo, cache, merges):
    row = evaluate_weights(zoo, remembered_merge(zoo, RECIPE), split="val")
    again = evaluate_weights(zoo, remembered_merge(zoo, RECIPE), split="val")
    assert merges == ["ties"] and again.accuracy == row.accuracy and again.key == row.key


def test_one_model_a_task(zoo, cache, merges):
    recipe = Recipe(method="tall_mask")
    first, again = remembered_merge(zoo, recipe), remembered_merge(zoo, recipe)
    known, made = (as_contender(zoo, model) for model in (again, first))
    assert merges == ["tall_mask"] and known.kind == made.kind == "per_task"
    assert {t: e[0].digest for t, e in known.encoders.items()} == {t: e[0].digest for t, e in made.encoders.items()}
    name = "transformer.resblocks.1.mlp.c_fc.weight"
    assert torch.equal(again.per_task["boats"][name], first.per_task["boats"][name])


def test_another_recipe_or_zoo_is_another_merge(zoo, cache, merges):
    remember(zoo, RECIPE, merge(zoo, RECIPE))
    remembered_merge(zoo, RECIPE)
    assert merges == []
    remembered_merge(zoo, RECIPE.replace(options={"keep_rate": 0.4}))
    remembered_merge(tiny_zoo(2, 16, 2, spread=0.4), RECIPE)
    assert merges == ["ties", "ties"] and len(list(cache.files(DIGESTS))) == 3
