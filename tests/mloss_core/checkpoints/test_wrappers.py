"""Weights are found wherever people keep them in a file, or the message names what was found and looked for."""

import re

import pytest
import torch

from mloss_core.checkpoints import open_checkpoint
from mloss_core.checkpoints.opening import open_tensors
from mloss_core.errors import CheckpointError
from tests.checkpoint_files import ImageEncoder, vanishing_module, visual

NAMED = {f"visual.{key}": value for key, value in visual().state_dict().items()}
OTHER = {f"visual.{key}": value for key, value in visual(4).state_dict().items()}
OPTIMISER = {"state": {0: {"exp_avg": torch.ones(4, 4)}}, "param_groups": [{"lr": 0.1}]}


def _is_the_tower(path, state=NAMED):
    checkpoint = open_checkpoint(path)
    assert all(torch.equal(checkpoint[key.removeprefix("visual.")], value) for key, value in state.items())
    return checkpoint


@pytest.mark.parametrize(
    "content",
    [
        {"net": NAMED, "acc": 91},
        {"model_state": NAMED, "optimizer": OPTIMISER},
        {"weights": NAMED, "step": torch.tensor(3)},
        {"model_ema": NAMED},
        {"teacher": NAMED},
        {"state": {"model": NAMED, "optimizers": {"Adam": OPTIMISER}}},
        {"whatever": {"inner": {"deeper": NAMED}}},
        [NAMED, {}],
        (3, [NAMED]),
        {"state_dict": NAMED, "mean": 0.5, "heads": "many", "activation": [1]},
    ],
)
def test_odd_wrappers_are_read(content, tmp_path):
    torch.save(content, tmp_path / "a.pt")
    assert "notes" not in _is_the_tower(tmp_path / "a.pt").facts


@pytest.mark.parametrize("names", [("state_dict", "state_dict_ema"), ("model", "model_ema"), ("net", "ema")])
def test_moving_averages_are_passed_over_with_a_note(names, tmp_path):
    for order in (names, names[::-1]):
        torch.save({name: {names[0]: NAMED, names[1]: OTHER}[name] for name in order}, tmp_path / "a.pt")
        notes = _is_the_tower(tmp_path / "a.pt").facts["notes"]
        assert notes == [f"the weights below '{names[1]}' were passed over."]


def test_moving_averages_beside_the_tower_in_one_dict(tmp_path):
    torch.save({**NAMED, **{f"ema.{key}": value for key, value in OTHER.items()}}, tmp_path / "a.pt")
    assert _is_the_tower(tmp_path / "a.pt").facts["notes"] == ["the weights below 'ema.visual.' were passed over."]


def test_a_module_below_a_name_is_read_with_its_facts(tmp_path):
    with vanishing_module("src.modeling", ImageEncoder):
        torch.save({"epoch": 3, "net": ImageEncoder(visual())}, tmp_path / "a.pt")
    assert _is_the_tower(tmp_path / "a.pt").facts["activation"] == "quick_gelu"


@pytest.mark.parametrize("wrapper", ["_checkpoint_wrapped_module.", "_fsdp_wrapped_module.", "_orig_mod."])
def test_names_inside_the_tower_may_be_wrapped(wrapper, tmp_path):
    wrapped = {re.sub(r"(resblocks\.\d+\.)", rf"\1{wrapper}", key): value for key, value in NAMED.items()}
    torch.save(wrapped, tmp_path / "a.pt")
    _is_the_tower(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"student": NAMED, "teacher": OTHER}, "holds several models, below student, teacher; save one of them alone"),
        (
            {"a": 1, "b": "x"},
            "holds a dict without .*: not a model. Its keys are a, b. Weights are looked for below state_dict",
        ),
        (
            {"model": {key: value.numpy()[:2] for key, value in NAMED.items()}},
            "holds .* NumPy arrays.*Its keys are model",
        ),
        ([1, 2], "holds a list without tensors"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_keys(content, words, tmp_path):
    torch.save(content, tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match=rf"odd\.pt {words}"):
        open_checkpoint(tmp_path / "odd.pt")


def test_any_architecture_below_a_wrapper_is_the_largest_group_of_tensors(tmp_path):
    torch.save({"fancy": {"fc.weight": torch.ones(2, 2), "fc.bias": torch.ones(2)}, "opt": OPTIMISER}, tmp_path / "a")
    assert set(open_tensors(tmp_path / "a").shapes) == {"fc.weight", "fc.bias"}
    torch.save({"student": {"w": torch.ones(2)}, "teacher": {"w": torch.ones(2)}}, tmp_path / "b")
    with pytest.raises(CheckpointError, match="several models, below student, teacher"):
        open_tensors(tmp_path / "b")
