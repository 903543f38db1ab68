"""A set of models is checked as a whole: each fault is named, and all of one stage come together."""

import pytest
import torch

from mloss_core.checkpoints.validating import validate_set
from tests.checkpoint_files import visual

KEY = "transformer.resblocks.1.mlp.c_fc.weight"


def _tuned(seed: int, amount: float = 0.01) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    base = visual().state_dict()
    return {key: value + amount * torch.randn(value.shape, generator=draw) for key, value in base.items()}


def _problems(changes: dict[str, torch.Tensor | None], **options) -> str:
    odd = {**_tuned(2), **{key: value for key, value in changes.items() if value is not None}}
    for key in [key for key, value in changes.items() if value is None]:
        del odd[key]
    return " ".join(validate_set(visual().state_dict(), {"a.pt": _tuned(1), "odd.pt": odd}, **options).problems)


def test_a_sound_set_passes_and_shows_distances() -> None:
    found = validate_set(visual().state_dict(), {"a.pt": _tuned(1), "b.pt": _tuned(2)})
    assert found.fine and not found.warnings
    assert 0 < found.distances["a.pt"] < 0.3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({KEY: None}, f"odd.pt lacks {KEY}."),
        ({"visual.extra": torch.zeros(1)}, "odd.pt has unexpected visual.extra."),
        ({KEY: torch.zeros(3, 4)}, f"odd.pt: {KEY} is (3, 4), in the base it is (64, 16)."),
        ({"conv1.weight": torch.zeros(32, 3, 8, 8)}, "odd.pt has width 32, the base has 16"),
        ({KEY: torch.full((64, 16), float("nan"))}, f"odd.pt: {KEY} has 1024 NaN (first at [0, 0])."),
        ({"ln_pre.bias": torch.full((16,), float("inf"))}, "odd.pt: ln_pre.bias has 16 infinite"),
    ],
)
def test_each_fault_is_named(changes: dict, words: str) -> None:
    assert words in _problems(changes)


def test_many_missing_tensors_are_counted() -> None:
    base = visual().state_dict()
    text = _problems(dict.fromkeys([key for key in base if "resblocks.1" in key]))
    assert "and 7 more" in text


def test_wrong_base_base_itself_and_copies() -> None:
    base = visual().state_dict()
    models = {"far.pt": visual(9).state_dict(), "same.pt": base, "a.pt": _tuned(1), "copy.pt": _tuned(1)}
    text = " ".join(validate_set(base, models).problems)
    assert "far.pt differs from the base by 1" in text and "tuned from another model" in text
    assert "same.pt equals the base" in text
    assert "copy.pt and a.pt hold the same weights" in text


def test_tensors_beside_the_tower_that_moved_are_a_note_and_no_problem() -> None:
    digests = {"base": {"logit_scale": "1", "ln_final.weight": "1"}, "a.pt": {"logit_scale": "2"}, "b.pt": {}}
    models = {"a.pt": _tuned(1), "b.pt": _tuned(2)}
    found = validate_set(visual().state_dict(), models, fingerprints=digests)
    assert found.fine
    assert found.warnings == (
        "tensors beside the vision tower differ from the base's in a.pt (logit_scale): they were trained too, and are "
        "left out of every merge.",
    )
    known = validate_set(visual().state_dict(), models, fingerprints=digests, text_may_differ=True)
    assert known.fine and known.warnings == ()


@pytest.mark.parametrize("trained", ["resblocks.1.", "ln_", "in_proj_weight", "class_embedding", "ln_post.bias"])
def test_partly_trained_models_are_fine_tunes(trained: str) -> None:
    base = visual().state_dict()
    models = {
        f"{seed}.pt": {key: _tuned(seed)[key] if trained in key else value for key, value in base.items()}
        for seed in (1, 2)
    }
    found = validate_set(base, models)
    assert found.problems == ()
    matrices = [key for key in base if trained in key and base[key].ndim == 2]
    assert all((distance > 0) == bool(matrices) for distance in found.distances.values())


def test_a_far_model_of_this_base_is_known_by_what_it_kept_or_by_a_word() -> None:
    base, other = visual().state_dict(), visual(9).state_dict()
    last = {key: other[key] if "resblocks.1." in key else value for key, value in base.items()}
    assert validate_set(base, {"last.pt": last}).fine
    assert not validate_set(base, {"far.pt": other}).fine
    said = validate_set(base, {"far.pt": other}, far_from_base=True)
    assert said.fine and "far.pt differs from the base by 1" in said.warnings[0]


def test_without_a_base_and_without_models() -> None:
    found = validate_set(None, {"a.pt": _tuned(1), "b.pt": _tuned(2)})
    assert found.fine and "no base was given" in found.warnings[0]
    assert validate_set(None, {}).problems == ("no model was found.",)
