"""Properties that every single-model method must have, by being in the registry."""

from dataclasses import fields

import pytest
import torch

from mloss_core.errors import CheckpointError, IncompatibleStateDictsError, InvalidOptionError, UnknownNameError
from mloss_core.merging import METHODS, merge_state_dicts
from tests.mloss_core.merging.models import close, extras, finetuned, node_mloss, pretrained, same

SINGLE = tuple(name for name, method in METHODS.items() if method.output == "single")
BASE = pretrained()
MODELS = finetuned(BASE)
KEEPS_ALL = {name: METHODS[name].identity for name in SINGLE if METHODS[name].identity is not None}


def merged(method, base=BASE, models=MODELS, seed=0, **options):
    return merge_state_dicts(base, models, method, seed=seed, **extras(method, base, len(models)), **options)


@pytest.mark.parametrize("method", [name for name in SINGLE if name not in KEEPS_ALL and not METHODS[name].origin])
def test_a_record_without_identity_is_of_a_method_that_changes_even_one_model(method):
    (model,) = finetuned(BASE, count=1)
    assert not same({**merged(method, models=[model]), "position_ids": model["position_ids"]}, model)


@pytest.mark.parametrize("method", KEEPS_ALL)
def test_one_model_comes_back_unchanged_to_the_last_bit(method):
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        base = pretrained(dtype)
        (model,) = finetuned(base, count=1, spread=1.0)
        found = merged(method, base, [model], **KEEPS_ALL[method])
        assert same({**found, "position_ids": model["position_ids"]}, model)


@pytest.mark.parametrize("method", SINGLE)
def test_structure_types_and_integers_are_the_pretrained_ones(method):
    for dtype in (torch.float16, torch.float32, torch.float64):
        base = pretrained(dtype)
        found = merged(method, base, finetuned(base))
        assert list(found) == list(base)
        assert all(found[key].dtype == base[key].dtype and found[key].shape == base[key].shape for key in base)
        assert torch.equal(found["position_ids"], base["position_ids"]) and torch.equal(found["byte"], base["byte"])
        assert torch.equal(found["text.weight"], base["text.weight"])
        assert not torch.equal(found["fc1.weight"], base["fc1.weight"])


@pytest.mark.parametrize("method", SINGLE)
def test_inputs_are_never_changed_and_never_shared(method):
    base, models = pretrained(), finetuned(pretrained())
    found = merged(method, base, models)
    single = merged(method, base, models[:1], **KEEPS_ALL.get(method, {}))
    for tensor in (*found.values(), *single.values()):
        tensor.zero_()
    assert same(base, pretrained()) and all(same(*pair) for pair in zip(models, finetuned(pretrained()), strict=True))


@pytest.mark.parametrize("method", SINGLE)
def test_the_same_call_twice_gives_the_same_bits(method):
    assert same(merged(method, seed=5), merged(method, seed=5))


@pytest.mark.parametrize("method", SINGLE)
def test_the_order_of_models_does_not_matter(method):
    assert close(merged(method), merged(method, models=MODELS[::-1]))


@pytest.mark.parametrize("method", SINGLE)
def test_the_seed_matters_exactly_where_the_record_says_so(method):
    assert same(merged(method, seed=1), merged(method, seed=2)) != METHODS[method].random


@pytest.mark.parametrize("method", SINGLE)
def test_scale_0_gives_the_pretrained_model(method):
    if hasattr(METHODS[method].options_type(), "scale"):
        assert same(merged(method, scale=0.0), BASE)


@pytest.mark.parametrize("method", SINGLE)
def test_parameters_that_ask_for_gradients_are_merged_as_plain_tensors(method):
    models = [
        {key: torch.nn.Parameter(t) if t.is_floating_point() else t for key, t in model.items()} for model in MODELS
    ]
    base = {key: torch.nn.Parameter(t) if t.is_floating_point() else t for key, t in BASE.items()}
    found = merged(method, base, models)
    assert same(found, merged(method)) and not any(tensor.requires_grad for tensor in found.values())


@pytest.mark.parametrize("method", SINGLE)
def test_non_contiguous_tensors_are_merged_alike(method):
    def strided(state):
        return {key: t.T.contiguous().T if t.ndim == 2 else t for key, t in state.items()}

    assert not strided(BASE)["fc1.weight"].is_contiguous()
    assert same(merged(method, strided(BASE), [strided(model) for model in MODELS]), merged(method))


@pytest.mark.parametrize("method", SINGLE)
def test_weights_that_are_not_finite_are_named(method):
    broken = [*MODELS[:2], {**MODELS[2], "fc1.bias": torch.full((7,), float("nan"))}]
    with pytest.raises(CheckpointError, match=r"must be finite; fc1\.bias of model 2"):
        merged(method, models=broken)


@pytest.mark.parametrize("method", [name for name in SINGLE if METHODS[name].homogeneous and not METHODS[name].random])
def test_a_longer_task_vector_gives_a_longer_update(method):
    base = {key: t.double() if t.is_floating_point() else t for key, t in BASE.items()}
    models = finetuned(base)
    longer = [{key: base[key] + 3 * (model[key] - base[key]) for key in base} for model in models]
    once, thrice = merged(method, base, models), merged(method, base, longer)
    floats = [key for key in base if base[key].is_floating_point()]
    assert close({key: thrice[key] - base[key] for key in floats}, {key: 3 * (once[key] - base[key]) for key in floats})


def test_average_is_task_arithmetic_over_the_number_of_models():
    assert close(merged("average"), merged("task_arithmetic", scale=1 / 3))


def test_integers_and_unmoved_tensors_take_no_part_in_a_global_budget():
    base = {"small": torch.zeros(10), "dead": torch.zeros(1000), "ids": torch.arange(1000)}
    model = {**base, "small": torch.arange(1.0, 11.0)}
    found = merge_state_dicts(base, [model], "ties", keep_rate=0.3)
    assert found["small"].tolist() == [0] * 7 + [8, 9, 10]
    everything = merge_state_dicts(base, [model], "ties", keep_rate=0.005, domain="all")
    assert everything["small"].tolist() == [0] * 5 + [6, 7, 8, 9, 10]
    assert torch.equal(merge_state_dicts(base, [model], "ties", keep_rate=0.3, domain="all")["small"], model["small"])


def test_float64_models_are_merged_in_float64():
    base = {"w": torch.zeros(2, 2, dtype=torch.float64)}
    models = [{"w": torch.full((2, 2), 1 + 2**-40 * sign, dtype=torch.float64)} for sign in (0, 2)]
    assert merge_state_dicts(base, models, "average")["w"][0, 0].item() == 1 + 2**-40


def test_the_mask_of_a_model_hangs_on_its_own_tensor_alone():
    first = merged("dare", models=MODELS[:1])
    lone = merge_state_dicts({"fc1.weight": BASE["fc1.weight"]}, [{"fc1.weight": MODELS[0]["fc1.weight"]}], "dare")
    assert torch.equal(first["fc1.weight"], lone["fc1.weight"])
    renamed = merge_state_dicts({"other": BASE["fc1.weight"]}, [{"other": MODELS[0]["fc1.weight"]}], "dare")
    assert not torch.equal(renamed["other"], lone["fc1.weight"])


def test_dropping_keeps_the_average_over_many_seeds():
    base, models = {"w": torch.zeros(3)}, [{"w": torch.tensor([1.0, -2.0, 0.5])}]
    draws = torch.stack([merge_state_dicts(base, models, "dare", seed=seed, keep_rate=0.5)["w"] for seed in range(800)])
    error = models[0]["w"].abs() / 800**0.5
    assert ((draws.mean(0) - models[0]["w"]).abs() < 4 * error).all()


def test_bad_requests_are_refused():
    with pytest.raises(UnknownNameError, match="unknown method 'tise': did you mean 'ties'"):
        merge_state_dicts(BASE, MODELS, "tise")
    with pytest.raises(InvalidOptionError, match="at least one fine-tuned state dict"):
        merge_state_dicts(BASE, [], "ties")
    with pytest.raises(InvalidOptionError, match="unknown option 'density': the options here are keep_rate"):
        merge_state_dicts(BASE, MODELS, "ties", density=0.2)
    with pytest.raises(InvalidOptionError, match=r"keep_rate must be from 0 to 1; found 20"):
        merge_state_dicts(BASE, MODELS, "ties", keep_rate=20)
    with pytest.raises(IncompatibleStateDictsError, match=r"model 1 lacks fc1\.weight"):
        merge_state_dicts(BASE, [MODELS[0], {k: t for k, t in MODELS[1].items() if k != "fc1.weight"}], "ties")


def test_scores_that_fit_no_weight_are_refused():
    def guided(scores):
        return merge_state_dicts(BASE, MODELS, "m_ties", node_mloss=scores)

    with pytest.raises(InvalidOptionError, match="m_ties needs node_mloss"):
        merge_state_dicts(BASE, MODELS, "m_ties")
    with pytest.raises(InvalidOptionError, match="ties takes no node_mloss; it guides m_ties, m_dare"):
        merge_state_dicts(BASE, MODELS, "ties", node_mloss={})
    with pytest.raises(InvalidOptionError, match=r"'fc9\.weight', which the models lack"):
        guided({"fc9.weight": torch.rand(7)})
    with pytest.raises(InvalidOptionError, match=r"each of its 7 rows; found shape \(8,\)"):
        guided({"fc1.weight": torch.rand(8)})
    with pytest.raises(InvalidOptionError, match=r"rows of a matrix of floats; fc1\.bias"):
        guided({"fc1.bias": torch.rand(7)})
    with pytest.raises(InvalidOptionError, match="row 3 is nan"):
        guided({"fc1.weight": torch.tensor([0, 0, 0, float("nan"), 0, 0, 0])})


def test_scores_may_be_lists_and_arrays():
    scores = {key: values.double() for key, values in node_mloss(BASE).items()}
    plain = {key: values.tolist() for key, values in scores.items()}
    arrays = {key: values.numpy() for key, values in scores.items()}
    expected = merge_state_dicts(BASE, MODELS, "m_ties", node_mloss=scores)
    for form in (plain, arrays):
        assert same(merge_state_dicts(BASE, MODELS, "m_ties", node_mloss=form), expected)


SCALED = [name for name in SINGLE if any(field.name == "scale" for field in fields(METHODS[name].options_type))]
"""A plugin is free to refuse negative scales; every method of the lab takes them."""


@pytest.mark.parametrize("method", SCALED)
def test_a_negative_scale_goes_as_far_the_other_way(method):
    scale = next(field for field in fields(METHODS[method].options_type) if field.name == "scale")
    if METHODS[method].origin is not None and (scale.metadata.get("minimum") or 0.0) >= 0:
        pytest.skip("this plugin has no negative scale")
    there, back = (merged(method, scale=scale) for scale in (0.5, -0.5))
    for key in ("fc1.weight", "fc2.weight", "conv.weight"):
        assert torch.allclose(BASE[key] - there[key], back[key] - BASE[key], atol=1e-6), key
    assert not torch.equal(there["fc1.weight"], BASE["fc1.weight"])


@pytest.mark.parametrize(
    ("dtype", "advice"), [(torch.float16, ", or give the pretrained model in float32"), (torch.float32, "")]
)
def test_values_that_the_type_cannot_hold_are_refused(dtype, advice):
    most = torch.finfo(dtype).max
    base, model = {"w": torch.zeros(2, 3, dtype=dtype)}, {"w": torch.full((2, 3), most / 2, dtype=dtype)}
    found = f"the merged w has values beyond what {str(dtype)[6:]} holds (at most {most:g})"
    with pytest.raises(CheckpointError) as caught:
        merge_state_dicts(base, [model], "task_arithmetic", scale=4.0)
    assert str(caught.value) == f"{found}; choose a smaller scale{advice}."


def test_infinities_of_the_pretrained_model_are_its_own():
    base = {"mask": torch.tensor([0.0, float("-inf")]), "w": torch.ones(3)}
    assert torch.equal(merge_state_dicts(base, [{**base, "w": torch.zeros(3)}], "average")["mask"], base["mask"])


def test_running_statistics_are_averaged_whatever_the_method():
    base = {"bn.running_var": torch.full((2,), 1.0), "w": torch.ones(3)}
    models = [{"bn.running_var": torch.full((2,), value), "w": torch.zeros(3)} for value in (0.1, 0.3)]
    found = merge_state_dicts(base, models, "task_arithmetic", scale=2.0)
    assert torch.allclose(found["bn.running_var"], torch.tensor(0.2)) and torch.equal(
        found["w"], torch.full((3,), -3.0)
    )
