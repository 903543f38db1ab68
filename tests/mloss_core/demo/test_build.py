import json
import shutil

import pytest
import torch

from mloss_core import open_zoo
from mloss_core.demo import MANIFEST_NAME, build, card, curve
from mloss_core.demo.build import build_demo_zoo
from mloss_core.demo.recipe import DemoRecipe
from mloss_core.demo.tasks import first_tasks
from mloss_core.errors import UnknownNameError, ZooError
from mloss_core.evaluation import controls
from mloss_core.zoo.embedded import EMBEDDED, EmbeddedZoo

TASKS = first_tasks(8)
RECIPE = DemoRecipe(seed=5, scale=0.001)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A zoo after a few updates, with the shortest of cards."""
    folder, told = tmp_path_factory.mktemp("zoo"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOSS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(card, "TASK_ARITHMETIC_SCALES", (0.2,))
        patch.setattr(card, "TIES_KEEP_RATES", (0.5,))
        patch.setattr(card, "TIES_SCALES", (1.0,))
        patch.setattr(curve, "COUNTS", (2,))
        patch.setattr(curve, "CURVE_METHODS", ("average", "ties"))
        patch.setattr(controls, "CARD_KEEP_RATES", (0.8,))
        patch.setattr(controls, "CARD_SEEDS", 1)
        manifest = build_demo_zoo(folder, RECIPE, device="cpu", progress=lambda f, m="": told.append((f, m)))
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


def test_the_curve_is_of_the_first_tasks(built):
    """Its last point is the zoo itself, so its baselines are those of the card."""
    manifest = built[1]
    found = manifest["curve"]
    assert list(found["rows"]) == ["2", "8"] and found["split"] == "test"
    whole, averages = found["rows"]["8"], manifest["average"]["test"]
    for name in ("zero_shot", "ensemble_logits", "ensemble_features", "individual"):
        assert whole[name] == averages[name]
    assert whole["average"] == averages["simple_average"]
    assert found["methods"]["ties"]["options"]["keep_rate"] == 0.2
    individual, two = manifest["accuracy"]["test"]["individual"], list(TASKS)[:2]
    expected = sum(individual[task] for task in two) / 2
    assert found["rows"]["2"]["individual"]["average"] == pytest.approx(expected)


def test_a_part_of_a_card_is_measured_anew(built, tmp_path, monkeypatch):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "zoo"
    shutil.copytree(built[0], folder)
    before = json.loads((folder / MANIFEST_NAME).read_text())
    worn = {**before, "mloss": None, "task_vectors": None, "chosen": "kept"}
    (folder / MANIFEST_NAME).write_text(json.dumps(worn))
    found = json.loads(json.dumps(build.measure_card_anew(folder, device="cpu", parts=("profile",))))
    assert {**found, "chosen": None} == {**before, "chosen": None}, "seconds are those of the whole card"
    assert found["chosen"] == "kept" and json.loads((folder / MANIFEST_NAME).read_text()) == found
    assert open_zoo(folder, device="cpu").digest == open_zoo(built[0], device="cpu").digest, "a card is no weight"
    with pytest.raises(UnknownNameError, match="unknown part of a card 'colour'"):
        build.measure_card_anew(folder, device="cpu", parts=("colour",))
    monkeypatch.setattr(card, "measure_mloss", lambda zoo: pytest.fail("a curve needs no M-Loss"))
    assert card.measure_card(open_zoo(folder, device="cpu"), parts=("curve",)) == {}


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


def test_a_stopped_build_goes_on_where_it_was(built, tmp_path, monkeypatch):
    """The second fine-tune breaks off; the next call trains neither the base nor the first again."""
    recipe, trained = DemoRecipe(seed=5, scale=0.001, tasks=3, width=32), []
    monkeypatch.setattr(build, "measure_nested", lambda zoo, progress: {})
    finetune = build.finetune

    def breaks(*args, message, **options):
        trained.append(message)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return finetune(*args, message=message, **options)

    monkeypatch.setattr(build, "finetune", breaks)
    with pytest.raises(KeyboardInterrupt):
        build_demo_zoo(tmp_path, recipe, device="cpu")
    monkeypatch.setattr(build, "pretrain", None)
    manifest = build_demo_zoo(tmp_path, recipe, device="cpu")
    assert trained == ["fine-tuning digits", *["fine-tuning street"] * 2, "fine-tuning letters"]
    assert set(manifest["losses"]) == {"pretraining", "digits", "street", "letters"}
    assert not (tmp_path / "building.json").exists()
    assert open_zoo(tmp_path, device="cpu").architecture.width == 32


def test_another_optimiser_takes_the_pretrained_model_over(built, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "measure_nested", lambda zoo, progress: {})
    monkeypatch.setattr(build, "pretrain", None)
    sgd = DemoRecipe(seed=5, scale=0.001, optimiser="sgd")
    manifest = build_demo_zoo(tmp_path, sgd, device="cpu", start=built[0])
    ours, theirs = manifest["files"], built[1]["files"]
    assert ours["pretrained.safetensors"] == theirs["pretrained.safetensors"]
    assert ours["signs.safetensors"] != theirs["signs.safetensors"]
    with pytest.raises(ZooError, match="another recipe"):
        build_demo_zoo(tmp_path / "other", DemoRecipe(seed=6, scale=0.001), device="cpu", start=built[0])


def test_larger_zoos_have_a_card_for_their_first_tasks(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(curve, "COUNTS", (2, 8, 12))
    monkeypatch.setattr(curve, "CURVE_METHODS", ("average", "ties"))
    recipe = DemoRecipe(scale=0.001, tasks=9, width=32)
    manifest = build_demo_zoo(tmp_path / "zoo", recipe, device="cpu")
    assert set(manifest["nested"]) == {"8"} and "tsv_m" in manifest["chosen"]
    nested = manifest["nested"]["8"]
    assert list(manifest["curve"]["rows"]) == ["2", "8", "9"] and "curve" not in nested
    assert len(nested["mloss"]["layers"]) == 12 and nested["mloss"] != manifest["mloss"]
    assert "ensemble_logits" in manifest["average"]["val"] and "ensemble_logits" in nested["average"]["val"]
    assert set(nested["accuracy"]["val"]["individual"]) == set(TASKS) and nested["controls"] == {"val": [], "test": []}
    individual = manifest["accuracy"]["val"]["individual"]
    assert {task: individual[task] for task in TASKS} == nested["accuracy"]["val"]["individual"]
    monkeypatch.setitem(EMBEDDED, "few", EmbeddedZoo("few", "A few", tmp_path / "zoo", 8))
    eight = open_zoo("few", device="cpu")
    assert eight.tasks == tuple(TASKS) and eight.card["accuracy"] == nested["accuracy"]
    assert list(eight.card["curve"]["rows"]) == ["2", "8"]
    assert set(eight.card["files"]) == set(manifest["files"]) - {"arrows.safetensors"}
