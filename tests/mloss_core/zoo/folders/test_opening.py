"""Folders of checkpoints open as zoos, each fault named with its file, and merge like any other."""

import io
import json
import os
import pickle
import re
import sys
import types
from pathlib import Path

import pytest
import torch

from mloss_core import Recipe, evaluate, measure_mloss, merge, open_zoo
from mloss_core.caching import cache_root
from mloss_core.checkpoints.sharded import source_files
from mloss_core.errors import ZooError
from mloss_core.state_dicts import state_digest
from tests.checkpoint_files import save_head, visual, zip_with_pickle
from tests.zoo_files import (
    LAYOUTS,
    SCALE,
    TASKS,
    describe,
    flat,
    head,
    hugging_face,
    named,
    save_pickled,
    save_state,
    sharded,
    tall_masks,
    task_vectors,
    towers,
    tuned,
)
from tests.zoos import NoiseDataset

pytestmark = pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_opens_and_merges(layout, tmp_path):
    zoo = open_zoo(LAYOUTS[layout](tmp_path / "mine"), device="cpu")
    base, models = towers()
    assert (zoo.name, zoo.tasks, zoo.architecture.activation) == ("mine", TASKS, "quick_gelu")
    assert zoo.pretrained.digest == state_digest(base.state_dict())
    expected = dict(zip(TASKS, models, strict=True))
    for task, encoder in zoo.finetuned.items():
        for key, value in expected[task].state_dict().items():
            whole = layout != "hugging_face" or key != "proj"
            assert torch.equal(encoder.weights[key], value if whole else base.state_dict()["proj"]), key
        assert encoder.digest == state_digest(encoder.weights)
        assert encoder.bytes == sum(file.stat().st_size for file in source_files(Path(encoder.source)))
    result = merge(zoo, Recipe(method="task_arithmetic", options={"scale": 0.3}))
    key = "transformer.resblocks.1.mlp.c_fc.weight"
    start = base.state_dict()[key]
    by_hand = start + 0.3 * sum(model.state_dict()[key] - start for model in models)
    torch.testing.assert_close(result.state_dict()[key], by_hand)


def test_heads_and_facts_of_pickled_modules(tmp_path):
    zoo = open_zoo(task_vectors(tmp_path), device="cpu")
    assert zoo.architecture.heads == 2 and zoo.notes == ()
    for task in TASKS:
        torch.testing.assert_close(zoo.heads[task], head(task))
        torch.testing.assert_close(zoo.heads[task].norm(dim=1), torch.full((len(head(task)),), SCALE))
    assert zoo.card["files"]["dtd"]["format"] == "legacy:open_clip"
    assert 0 < zoo.card["files"]["dtd"]["distance"] < 0.3


def test_the_second_time_nothing_is_converted_or_checked(tmp_path, monkeypatch):
    folder = task_vectors(tmp_path / "zoo")
    first, told = open_zoo(folder, device="cpu"), []
    monkeypatch.setattr("mloss_core.zoo.folders.checking.validate_set", lambda *_, **__: pytest.fail("checked again"))
    monkeypatch.setattr("mloss_core.zoo.folders.members.convert", lambda *_, **__: pytest.fail("converted again"))
    again = open_zoo(folder, device="cpu", progress=lambda fraction, _="": told.append(fraction))
    assert again.digest == first.digest and again.card == first.card and told == []


def test_a_file_that_changed_or_a_cache_that_lost_it_is_converted_again(tmp_path):
    folder = flat(tmp_path / "zoo")
    first = open_zoo(folder, device="cpu")
    path, stat = folder / "Cars.pth", (folder / "Cars.pth").stat()
    save_state(path, tuned(8), "")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    second = open_zoo(folder, device="cpu")
    assert second.finetuned["cars"].digest == state_digest(tuned(8).state_dict()) != first.finetuned["cars"].digest
    for converted in (cache_root() / "converted").glob("*.safetensors"):
        converted.unlink()
    assert open_zoo(folder, device="cpu").digest == second.digest


def test_merged_files_beside_the_models_do_not_become_models(tmp_path):
    zoo = open_zoo(flat(tmp_path), device="cpu")
    merge(zoo, Recipe(method="average"), out=tmp_path / "average.safetensors")
    again = open_zoo(tmp_path, device="cpu")
    assert again.tasks == TASKS and "merged files are left out: average.safetensors." in again.notes


def test_progress_of_the_first_time(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path / "cache"))
    told = []
    open_zoo(flat(tmp_path / "zoo"), device="cpu", progress=lambda fraction, _="": told.append(fraction))
    assert told == sorted(told) and told[-1] == pytest.approx(1)


def test_a_zoo_is_found_by_name_in_checkpoints(tmp_path, monkeypatch):
    flat(tmp_path / "checkpoints" / "ViT-B-32")
    monkeypatch.chdir(tmp_path)
    assert open_zoo("ViT-B-32", device="cpu").name == "ViT-B-32"
    assert open_zoo("checkpoints", device="cpu").name == "ViT-B-32"
    (tmp_path / "file").touch()
    with pytest.raises(ZooError, match="must be a folder of checkpoints; file is a file"):
        open_zoo("file")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: save_state(f / "Cars.pth", visual(9), ""), r"Cars\.pth differs from the base by \d+%"),
        (lambda f: save_state(f / "Cars.pth", visual(), ""), r"Cars\.pth equals the base"),
        (lambda f: save_state(f / "Cars.pth", tuned(2), ""), r"DTD\.pth and Cars\.pth hold the same weights"),
        (lambda f: save_head(f / "Cars.pth", head("cars")), r"Cars\.pth.* classification head; give it as a head"),
        (lambda f: (f / "Cars.pth").write_text("<html>"), r"Cars\.pth is a web page"),
        (lambda f: describe(f, finetuned={"cars": "gone.pt"}), r"no weight file .*gone\.pt"),
    ],
)
def test_each_fault_is_named_with_its_file(change, words, tmp_path):
    change(flat(tmp_path))
    with pytest.raises(ZooError, match=f"the zoo .* cannot be opened: .*{words}"):
        open_zoo(tmp_path, device="cpu")


def test_shapes_that_differ_and_several_faults_come_together(tmp_path):
    state = {**tuned(1).state_dict(), "proj": torch.zeros(16, 4)}
    flat(tmp_path)
    torch.save(state, tmp_path / "Cars.pth")
    (tmp_path / "DTD.pth").write_text("<html>")
    with pytest.raises(ZooError) as caught:
        open_zoo(tmp_path, device="cpu")
    assert "2 problems: (1) DTD.pth is a web page" in str(caught.value)
    assert "(2) Cars.pth: proj is (16, 4), in the base it is (16, 8)." in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: save_state(path, tuned(1)), r"head_Cars\.pt is no .* head.*If it is a model"),
        (lambda path: save_head(path, torch.ones(3, 9)), r"head_Cars\.pt must be \(class, 8\) .*\(3, 9\)"),
        (lambda path: path.write_text("<html>"), r"head_Cars\.pt is a web page"),
        (lambda path: path.write_bytes(b""), r"head_Cars\.pt is empty"),
    ],
)
def test_a_head_that_cannot_be_read_is_left_out_with_a_note(change, words, tmp_path):
    """Merging needs no head, and those of the other models serve."""
    task_vectors(tmp_path)
    change(tmp_path / "head_Cars.pt")
    zoo = open_zoo(tmp_path, device="cpu")
    assert set(zoo.finetuned) - set(zoo.heads) == {"cars"} and zoo.heads
    (note,) = (note for note in zoo.notes if "head" in note)
    assert re.search(f"^the head of cars is left out: .*{words}", note)


def test_all_unreadable_files_are_named_where_they_lie(tmp_path):
    task_vectors(tmp_path)
    (tmp_path / "Cars" / "finetuned.pt").write_bytes(b"")
    (tmp_path / "DTD" / "finetuned.pt").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ZooError) as caught:
        open_zoo(tmp_path, device="cpu")
    assert "(1) Cars/finetuned.pt is empty" in str(caught.value)
    assert "(2) DTD/finetuned.pt is a Git-LFS pointer" in str(caught.value)


class Hostile:
    """Unpickling it would create a file."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


@pytest.mark.parametrize("name", ["Cars/finetuned.pt", "zeroshot.pt", "head_Cars.pt"])
@pytest.mark.parametrize("container", ["zip", "pickle", "legacy"])
def test_a_hostile_file_is_refused_by_name_and_never_run(name, container, tmp_path):
    task_vectors(tmp_path / "zoo")
    path, canary = tmp_path / "zoo" / name, tmp_path / "canary"
    if container == "zip":
        zip_with_pickle(path, pickle.dumps(Hostile(canary), protocol=2))
    elif container == "pickle":
        path.write_bytes(pickle.dumps(Hostile(canary), protocol=4))
    else:
        buffer = io.BytesIO()
        torch.save({"a": Hostile(canary)}, buffer, _use_new_zipfile_serialization=False)
        path.write_bytes(buffer.getvalue())
    words = rf"{name} names (posix|nt)\.system, which no checkpoint needs.*nothing was run"
    if name.startswith("head"):
        assert any(re.search(words, note) for note in open_zoo(tmp_path / "zoo", device="cpu").notes)
    else:
        with pytest.raises(ZooError, match=words):
            open_zoo(tmp_path / "zoo", device="cpu")
    assert not canary.exists()
    pickle.loads(pickle.dumps(Hostile(canary)))
    assert canary.exists(), "the check can fail"


def test_bases_beside_models_must_agree(tmp_path):
    base, models = towers(2)
    for name, model in zip("ab", models, strict=True):
        save_state(tmp_path / name / "nonlinear_finetuned.pt", model)
        save_state(tmp_path / name / "nonlinear_zeroshot.pt", base)
    assert open_zoo(tmp_path, device="cpu").tasks == ("a", "b")
    save_state(tmp_path / "b" / "nonlinear_zeroshot.pt", visual(5))
    with pytest.raises(ZooError, match=r"a/nonlinear_zeroshot\.pt and b/nonlinear_zeroshot\.pt hold different weights"):
        open_zoo(tmp_path, device="cpu")


def test_activations_that_disagree_and_what_settles_them(tmp_path):
    base, models = towers(2)
    save_pickled(tmp_path / "zeroshot.pt", base)
    save_pickled(tmp_path / "a.pt", models[0])
    odd = visual(act_layer=torch.nn.GELU)
    odd.load_state_dict(models[1].state_dict())
    save_pickled(tmp_path / "b.pt", odd)
    with pytest.raises(
        ZooError, match=r"disagree about the activation: quick_gelu in zeroshot\.pt, a\.pt; gelu in b\.pt"
    ):
        open_zoo(tmp_path, device="cpu")
    zoo = open_zoo(describe(tmp_path, activation="gelu"), device="cpu")
    assert zoo.architecture.activation == "gelu"
    assert "Activation gelu, from zoo.json; it overrules quick_gelu in zeroshot.pt, a.pt." in zoo.notes


def test_a_name_that_contradicts_the_files_is_an_error(tmp_path):
    base, models = towers(1)
    folder = tmp_path / "ViT-B-32-quickgelu"
    for path, model in (("zeroshot.pt", base), ("a.pt", models[0])):
        plain = visual(act_layer=torch.nn.GELU)
        plain.load_state_dict(model.state_dict())
        save_pickled(folder / path, plain)
    words = r"the activation: gelu in zeroshot\.pt, a\.pt; quick_gelu in the name ViT-B-32-quickgelu\."
    with pytest.raises(ZooError, match=words):
        open_zoo(folder, device="cpu")


def test_what_no_file_records_is_announced(tmp_path):
    zoo = open_zoo(flat(tmp_path / "a"), device="cpu")
    assert zoo.architecture.heads == 1
    assert (
        "Heads not recorded; 1 assumed from width 16. Layer-norm epsilon not recorded; 1e-05 assumed. "
        "Normalisation not recorded; CLIP's own assumed." in zoo.notes
    )
    folder = sharded(tmp_path / "b")
    assert "Normalisation not recorded; CLIP's own assumed." in open_zoo(folder, device="cpu").notes
    for repository in folder.iterdir():
        values = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
        (repository / "preprocessor_config.json").write_text(json.dumps(values))
    zoo = open_zoo(folder, device="cpu")
    assert zoo.architecture.mean == (0.5, 0.5, 0.5) and zoo.architecture.std == (0.25, 0.25, 0.25)
    assert not any("not recorded" in note for note in zoo.notes)


def test_a_guessed_activation_is_announced(tmp_path):
    notes = open_zoo(flat(tmp_path / "a"), device="cpu").notes
    assert "Activation not recorded in these files; using quick_gelu (OpenAI)" in " ".join(notes)
    notes = open_zoo(flat(tmp_path / "ViT-B-32-quickgelu"), device="cpu").notes
    assert "Activation quick_gelu, from the name ViT-B-32-quickgelu." in notes


def test_mixed_precision_is_announced(tmp_path):
    flat(tmp_path)
    save_state(tmp_path / "Cars.pth", tuned(1).half(), "")
    assert (
        "differ in precision: float32 in ViT-B-32_pretrained.pt, DTD.pth, SUN397.pth; float16 in Cars.pth"
        in " ".join(open_zoo(tmp_path, device="cpu").notes)
    )


def test_without_datasets_measuring_says_which_and_where(tmp_path, monkeypatch):
    zoo = open_zoo(task_vectors(tmp_path / "zoo"), device="cpu")
    with pytest.raises(
        ZooError, match=r"no dataset for cars, dtd, sun397 \(no folder of datasets was given: set MLOSS_DATA"
    ):
        measure_mloss(zoo)
    with pytest.raises(ZooError, match=r"accuracies need images of every task.* no dataset for cars, dtd"):
        evaluate(zoo, [], tasks=["cars", "dtd"])
    monkeypatch.setenv("MLOSS_DATA", str(tmp_path / "nowhere"))
    zoo = open_zoo(tmp_path / "zoo", device="cpu")
    assert any("there is none" in note for note in zoo.notes)
    with pytest.raises(ZooError, match="nowhere does not exist"):
        measure_mloss(zoo)


@pytest.fixture
def on_disk(monkeypatch):
    """A stand-in for the reader of datasets that knows two of the tasks."""
    module, asked = types.ModuleType("mloss_core.data.on_disk"), []

    def open_datasets(names, root, architecture):
        asked.append((names, root, architecture.image_size))
        sizes = {"train": 20, "val": 10, "test": 12}
        return {name: NoiseDataset(name, 3, 16, sizes, 0) for name in names if name != "sun397"}, (
            "sun397 is not there.",
        )

    module.open_datasets = open_datasets
    monkeypatch.setitem(sys.modules, "mloss_core.data.on_disk", module)
    return asked


def test_datasets_come_from_zoo_json_or_the_environment(tmp_path, monkeypatch, on_disk):
    folder = task_vectors(tmp_path / "zoo")
    for place in ("data", "zoo/images"):
        (tmp_path / place).mkdir()
    monkeypatch.setenv("MLOSS_DATA", str(tmp_path / "data"))
    zoo = open_zoo(folder, device="cpu")
    assert on_disk == [(TASKS, tmp_path / "data", 16)] and set(zoo.datasets) == {"cars", "dtd"}
    assert "sun397 is not there." in zoo.notes
    assert "the head of dtd has 4 classes, its dataset 3; it is left out." in zoo.notes and "dtd" not in zoo.heads
    assert len(measure_mloss(zoo, tasks=["cars", "dtd"], samples_per_task=2).layers) == 2
    with pytest.raises(ZooError, match=r"no dataset for sun397 \(looked in .*data, which MLOSS_DATA names\)"):
        measure_mloss(zoo)
    with pytest.raises(ZooError, match=r"no zero-shot head for dtd; .*heads build"):
        evaluate(zoo, [], tasks=["cars", "dtd"])
    assert evaluate(zoo, [], tasks=["cars"]).shape[0] > 0
    open_zoo(describe(folder, datasets="images"), device="cpu")
    assert on_disk[-1][1] == folder / "images"


def test_files_that_cannot_be_read_and_what_is_wrong_with_the_others_are_one_report(tmp_path):
    folder = tall_masks(tmp_path)
    (folder / "CarsVal" / "nonlinear_finetuned.pt").write_bytes(b"<html>quota</html>")
    other = tuned(9)
    with torch.no_grad():
        other.proj[0, 0] = float("nan")
    save_state(folder / "DTDVal" / "nonlinear_finetuned.pt", other)
    with pytest.raises(ZooError, match="2 problems") as caught:
        open_zoo(folder, device="cpu")
    text = str(caught.value)
    assert "(1) CarsVal/nonlinear_finetuned.pt is a web page" in text
    assert "(2) DTDVal/nonlinear_finetuned.pt" in text and "NaN" in text


def test_renamed_tasks_keep_the_digests_of_their_files(tmp_path):
    folder = named(tmp_path / "mine")
    said = json.loads((folder / "zoo.json").read_text())
    first = {task: encoder.digest for task, encoder in open_zoo(folder).finetuned.items()}
    files = list(said["finetuned"].items())
    said["finetuned"] = {files[1][0]: files[0][1], files[0][0]: files[1][1], "vehicles": files[2][1]}
    (folder / "zoo.json").write_text(json.dumps(said))
    zoo = open_zoo(folder)
    second = {task: encoder.digest for task, encoder in zoo.finetuned.items()}
    one, other, third = (task.lower() for task, _ in files)
    assert (second[one], second[other], second["vehicles"]) == (first[other], first[one], first[third])
    assert second == {task: state_digest(encoder.weights) for task, encoder in zoo.finetuned.items()}


@pytest.mark.parametrize(
    ("config", "images", "words"),
    [
        ({"num_attention_heads": 3}, {}, "3 attention heads are recorded, which do not divide the width 16"),
        ({"hidden_act": ["x"], "num_attention_heads": -2, "layer_norm_eps": float("nan")}, {}, ""),
        ({"num_attention_heads": True, "layer_norm_eps": 0.0}, {"image_mean": [10**400, 0, 0]}, ""),
        ({}, {"image_mean": [0.5, 0.5, 0.5], "image_std": [0, 0, 0]}, ""),
    ],
)
def test_configurations_that_say_nonsense(config, images, words, tmp_path):
    folder = hugging_face(tmp_path / "hub")
    for place in folder.iterdir():
        (place / "config.json").write_text(json.dumps(config))
        (place / "preprocessor_config.json").write_text(json.dumps(images))
    if words:
        with pytest.raises(ZooError, match=words):
            open_zoo(folder)
        return
    shape = open_zoo(folder).architecture
    assert shape.heads >= 1 and shape.layer_norm_eps == 1e-5 and min(shape.std) > 0.2
