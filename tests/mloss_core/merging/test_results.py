import torch

from mloss_core.merging.inputs import MergedTensor, MergeRule
from mloss_core.merging.results import MergedWeights, UpdateOnDemand, apply_update, versions
from mloss_core.recipe import Recipe

BASE = {"w": torch.tensor([1.0, 2.0]), "half": torch.tensor([1.0], dtype=torch.float16), "ids": torch.tensor([3])}
UPDATE = {"w": torch.tensor([0.5, -1.0]), "half": torch.tensor([2.0**-12])}


def test_weights_are_pretrained_plus_scaled_update():
    weights = MergedWeights(BASE, UPDATE, 2.0)
    assert weights["w"].tolist() == [2.0, 0.0] and weights["ids"].tolist() == [3]
    assert list(weights) == list(BASE) and len(weights) == 3 and "w" in weights and "v" not in weights


def test_the_sum_is_done_before_rounding_to_the_pretrained_type():
    assert MergedWeights(BASE, UPDATE, 1.0)["half"].item() == 1.0
    assert MergedWeights(BASE, UPDATE, 4.0)["half"].item() == 1.0 + 2**-10
    assert apply_update(BASE["half"], UPDATE["half"], 4.0).dtype == torch.float16


def test_each_access_gives_a_tensor_of_its_own():
    weights = MergedWeights(BASE, UPDATE, 1.0)
    for key in BASE:
        weights[key].zero_()
    assert weights["w"].tolist() == [1.5, 1.0] and BASE["ids"].tolist() == [3]


def test_exact_weights_serve_scale_1_alone():
    exact = {**BASE, "w": torch.tensor([7.0, 7.0])}
    assert MergedWeights(BASE, UPDATE, 1.0, exact)["w"].tolist() == [7, 7]
    assert MergedWeights(BASE, UPDATE, 2.0, exact)["w"].tolist() == [2, 0]


def test_an_update_on_demand_is_computed_when_asked():
    asked = []

    def tensor(key):
        asked.append(key)
        return MergedTensor(UPDATE[key], 1.0)

    update = UpdateOnDemand(MergeRule(tensor=tensor), ("w", "half"))
    assert list(update) == ["w", "half"] and len(update) == 2 and "ids" not in update and not asked
    assert torch.equal(update["w"], UPDATE["w"]) and asked == ["w"]


def test_versions_name_what_computes():
    assert {"code", "python", "torch"} <= set(versions(Recipe(method="average")))
