import json

import pytest
import torch

from mloss_core import open_zoo
from mloss_core.demo import MANIFEST_NAME, card
from mloss_core.demo.build import build_demo_zoo
from mloss_core.demo.tasks import TASKS
from mloss_core.evaluation import controls


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A zoo after a few updates, with the shortest of cards."""
    folder, told = tmp_path_factory.mktemp("zoo"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(card, "TASK_ARITHMETIC_SCALES", (0.2,))
        patch.setattr(card, "TIES_KEEP_RATES", (0.5,))
        patch.setattr(card, "TIES_SCALES", (1.0,))
        patch.setattr(controls, "CARD_KEEP_RATES", (0.8,))
        patch.setattr(controls, "CARD_SEEDS", 1)
        manifest = build_demo_zoo(
            folder, seed=5, scale=0.001, device="cpu", progress=lambda f, m="": told.append((f, m))
        )
    return folder, manifest, told


def test_the_zoo_opens_and_differs_between_tasks(built):
    folder, manifest, _ = built
    assert json.loads((folder / MANIFEST_NAME).read_text()) == json.loads(json.dumps(manifest))
    zoo = open_zoo(folder, device="cpu")
    assert zoo.tasks == tuple(TASKS) and zoo.notes == ()
    assert {task: zoo.datasets[task].digest for task in zoo.tasks} == {
        task: facts["digest"] for task, facts in manifest["tasks"].items()
    }, "the opened zoo draws the images that the builder drew"
    weights = [encoder.weights["proj"] for encoder in (zoo.pretrained, *zoo.sources())]
    assert all(not torch.equal(a, b) for i, a in enumerate(weights) for b in weights[:i])


def test_every_finetune_starts_from_the_pretrained_weights(built):
    """A fine-tune must not start where the one before stopped: two updates move no weight far from the base."""
    zoo = open_zoo(built[0], device="cpu")
    for encoder in zoo.sources():
        for key, tensor in encoder.weights.items():
            assert (tensor - zoo.pretrained.weights[key]).abs().max() < 2.5e-3, (encoder.name, key)


def test_the_manifest_says_how_it_was_made(built):
    _, manifest, _ = built
    assert manifest["seed"] == 5 and manifest["scale"] == 0.001 and manifest["name"] == "demo"
    assert set(manifest["files"]) == {
        *(f"{task}.safetensors" for task in TASKS),
        "pretrained.safetensors",
        "text.safetensors",
        "heads.safetensors",
    }
    assert set(manifest["losses"]) == {"pretraining", *TASKS} == set(manifest["seconds"]) - {"card"}
    names = {"zero_shot", "individual", "simple_average", "task_arithmetic", "ties", "ensemble_logits"}
    for split, count in (("val", 40), ("test", 60)):
        assert names <= set(manifest["accuracy"][split])
        assert set(manifest["counts"][split].values()) == {count}
        accuracy = manifest["accuracy"][split]["zero_shot"]
        assert manifest["average"][split]["zero_shot"]["average"] == pytest.approx(sum(accuracy.values()) / 8)
    assert len(manifest["mloss"]["layers"]) == 12 and {"torch", "pillow", "device"} <= set(manifest["versions"])


def test_controls_are_paired_with_their_row(built):
    rows = {row["name"]: row for row in built[1]["controls"]["test"]}
    main = rows["m_ties k=0.8 e=0.1"]
    assert main["m_ties_minus_this"] == 0 and main["discordant"] == [0, 0]
    other = rows["m_ties k=0.8 e=0.1, reversed rank"]
    assert other["m_ties_minus_this"] == pytest.approx(main["average"] - other["average"])
    assert other["kept_fraction"] == pytest.approx(main["kept_fraction"], abs=1e-3)


def test_progress_rises_to_the_end(built):
    fractions = [fraction for fraction, _ in built[2]]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)
    assert any("fine-tuning terrain" in message for _, message in built[2])
