"""The command line on zoos of files: what is in them, conversion, merged files in every format, heads."""

import json
import os
import sys
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mloss_core.checkpoints import open_checkpoint
from mloss_core.cli import main
from mloss_core.data.field.catalogue import CATALOGUE
from mloss_core.state_dicts import state_digest
from tests.checkpoint_files import ImageEncoder, save_head, visual
from tests.field_files import picture
from tests.mloss_core.data.test_text_towers import clip
from tests.zoo_files import (
    CLASSES,
    LAYOUTS,
    TASKS,
    flat,
    head,
    hugging_face,
    save_pickled,
    save_state,
    sharded,
    task_vectors,
    tuned,
)
from tests.zoos import NoiseDataset

pytestmark = pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")
AVERAGE = ("merge", "--method", "average")


def answer(capsys, *arguments):
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments):
    assert main(list(map(str, arguments))) == 2
    return capsys.readouterr().err


@pytest.fixture
def images(monkeypatch, tmp_path):
    """Images of every task, from a stand-in for the reader of datasets."""
    module = types.ModuleType("mloss_core.data.on_disk")
    sizes = {"train": 20, "val": 10, "test": 12}
    module.open_datasets = lambda names, root, architecture: (
        {name: NoiseDataset(name, CLASSES[name], 16, sizes, 0) for name in names},
        (),
    )
    monkeypatch.setitem(sys.modules, "mloss_core.data.on_disk", module)
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("MLOSS_DATA", str(tmp_path / "data"))


def test_zoo_tells_all_it_knows(capsys, tmp_path):
    folder = task_vectors(tmp_path / "mine")
    found = answer(capsys, "zoo", folder)
    assert found["zoo"]["name"] == "mine" and found["layout"] == "<Dataset>/finetuned.pt"
    assert found["architecture"]["activation"] == "quick_gelu" and found["architecture"]["heads"] == 2
    cars = found["models"][1]
    assert cars["file"] == "Cars/finetuned.pt" and cars["format"] == "zip:open_clip" and cars["head"] == [3, 8]
    assert cars["classes"] is None and len(cars["digest"]) == 64 and 0 < cars["distance"] < 0.3
    assert "set MLOSS_DATA" in found["datasets"]
    assert main(["zoo", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "SUN397/finetuned.pt (pickle:open_clip)" in text and "2 heads, 64 nodes a block, quick_gelu" in text
    assert "without a dataset: cars, dtd, sun397 (no folder of datasets was given" in text


def test_zoo_shows_notes(capsys, tmp_path):
    assert main(["zoo", str(flat(tmp_path))]) == 0
    assert "note: Activation not recorded in these files; using quick_gelu" in capsys.readouterr().out


@pytest.mark.parametrize("layout", LAYOUTS)
def test_merging_every_layout(layout, capsys, tmp_path):
    folder, out = LAYOUTS[layout](tmp_path / "zoo"), tmp_path / "merged.safetensors"
    merged = answer(capsys, *AVERAGE, "--zoo", folder, "--out", out)
    assert merged["recipe"]["method"] == "average" and set(merged["inputs"]) == {"pretrained", *TASKS}
    key = "transformer.resblocks.0.mlp.c_fc.weight"
    mean = sum(tuned(seed).state_dict()[key] for seed in (1, 2, 3)) / 3
    torch.testing.assert_close(load_file(out)[key], mean)


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("canonical", "conv1.weight"),
        ("open_clip", "visual.conv1.weight"),
        ("task_vectors", "model.visual.conv1.weight"),
        ("hf", "vision_model.embeddings.patch_embedding.weight"),
    ],
)
def test_every_format_is_merged_and_evaluated_alike(format, name, capsys, tmp_path, images):
    folder, out = task_vectors(tmp_path / "zoo"), tmp_path / "merged.safetensors"
    merged = answer(capsys, *AVERAGE, "--zoo", folder, "--out", out, "--format", format)
    assert merged["format"] == format and name in load_file(out)
    with open_checkpoint(out) as found:
        assert found.digest == merged["digest"] and found.facts["activation"] == "quick_gelu"
    rows = answer(capsys, "evaluate", "--zoo", folder, "--method", "average", "--weights", out)["rows"]
    typed, from_file = rows[1:3]
    assert typed["kind"] == "merged" and typed["tasks"] == from_file["tasks"] and set(typed["tasks"]) == set(TASKS)


def test_a_hugging_face_folder_gets_its_configuration(capsys, tmp_path):
    folder, out = hugging_face(tmp_path / "zoo"), tmp_path / "model.safetensors"
    merged = answer(capsys, *AVERAGE, "--zoo", folder, "--out", out, "--format", "hf")
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["hidden_act"] == "quick_gelu" and config["model_type"] == "clip_vision_model"
    assert answer(capsys, *AVERAGE, "--zoo", folder, "--out", out, "--format", "hf")["digest"] == merged["digest"]
    (tmp_path / "config.json").write_text("{}")
    assert "belongs to another model" in refused(capsys, *AVERAGE, "--zoo", folder, "--out", out, "--format", "hf")
    assert "must not replace a model of the zoo" in refused(
        capsys, *AVERAGE, "--zoo", folder, "--out", folder / "openai__clip-vit-base-patch32" / "model.safetensors"
    )


def test_the_fields_image_encoder_loads_a_merged_file_strictly(capsys, tmp_path):
    folder, out = task_vectors(tmp_path / "zoo"), tmp_path / "merged.safetensors"
    merged = answer(capsys, *AVERAGE, "--zoo", folder, "--out", out, "--format", "task_vectors")
    encoder = ImageEncoder(visual(9))
    encoder.load_state_dict(load_file(out), strict=True)
    assert state_digest(encoder.model.visual.state_dict()) == merged["digest"]
    with open_checkpoint(folder / "zeroshot.pt") as base:
        for name in base.left_out:
            assert torch.equal(encoder.state_dict()[name], base.read_stored(name)), name


def test_evaluating_files_that_do_not_fit(capsys, tmp_path, images):
    folder = task_vectors(tmp_path / "zoo")
    evaluate = ("evaluate", "--zoo", folder, "--weights")
    save_head(tmp_path / "head.pt", head("cars"))
    assert "give it as a head" in refused(capsys, *evaluate, tmp_path / "head.pt")
    odd = visual(act_layer=torch.nn.GELU)
    save_pickled(tmp_path / "gelu.pt", odd)
    assert "records activation gelu, the models of zoo have quick_gelu" in refused(
        capsys, *evaluate, tmp_path / "gelu.pt"
    )
    torch.save({**visual().state_dict(), "proj": torch.zeros(16, 4)}, tmp_path / "small.pt")
    assert "proj is (16, 4)" in refused(capsys, *evaluate, tmp_path / "small.pt")


def test_a_tower_without_projection_is_evaluated_with_the_zoos(capsys, tmp_path, images):
    folder = task_vectors(tmp_path / "zoo")
    hugging_face(tmp_path / "hf")
    file = tmp_path / "hf" / "tanganke__clip-vit-base-patch32_cars" / "model.safetensors"
    rows = answer(capsys, "evaluate", "--zoo", folder, "--weights", file)["rows"]
    assert [row["kind"] for row in rows] == ["zero_shot", "merged", "ensemble", "ensemble", "individual"]


def test_convert(capsys, tmp_path):
    folder, out = task_vectors(tmp_path / "zoo"), tmp_path / "cars.safetensors"
    source = folder / "Cars" / "finetuned.pt"
    found = answer(capsys, "convert", source, "--out", out)
    assert found["facts"]["activation"] == "quick_gelu" and found["bytes"] == out.stat().st_size
    assert {path.name for path in tmp_path.iterdir()} == {"zoo", "cars.safetensors"}
    assert state_digest(load_file(out)) == state_digest(tuned(1).state_dict())
    with open_checkpoint(out) as again:
        assert again.facts["activation"] == "quick_gelu" and again.facts["heads"] == 2
    assert "must not replace" in refused(capsys, "convert", out, "--out", out)
    assert main(["convert", str(source)]) == 0
    text = capsys.readouterr().out
    assert "zip:open_clip, float32" in text and "heads 2" in text and "left out: 5 tensors" in text


def test_convert_refuses_what_is_no_model_and_leaves_nothing(capsys, tmp_path):
    (tmp_path / "page.pt").write_text("<html>")
    assert "is a web page" in refused(capsys, "convert", tmp_path / "page.pt", "--out", tmp_path / "o.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["page.pt"]


def test_heads_are_built_and_found_by_the_zoo(capsys, tmp_path):
    folder = flat(tmp_path / "zoo")
    torch.save(clip().state_dict(), tmp_path / "clip.pt")
    (tmp_path / "cars.json").write_text(json.dumps({"classes": ["Audi", "BMW"], "templates": ["a photo of a {}."]}))
    build = ("heads", "build", "--weights", tmp_path / "clip.pt", "--classes", tmp_path / "cars.json", "--out")
    found = answer(capsys, *build, folder / "head_Cars.safetensors")
    assert (found["classes"], found["embed_dim"], found["activation"]) == (2, 8, "quick_gelu")
    models = answer(capsys, "zoo", folder)["models"]
    assert [model["head"] for model in models] == [None, [2, 8], None, None]
    assert main([str(part) for part in (*build, tmp_path / "again.safetensors", "--activation", "quick_gelu")]) == 0
    assert "2 classes, 1 templates, logit scale 14.29" in capsys.readouterr().out
    save_state(tmp_path / "clip.pt", visual())
    assert "no text tower" in refused(capsys, *build, tmp_path / "new.safetensors")
    assert not Path(tmp_path / "new.safetensors").exists()


def test_heads_of_the_fields_tasks_need_no_class_file(capsys, tmp_path):
    torch.save(clip().state_dict(), tmp_path / "clip.pt")
    build = ("heads", "build", "--weights", tmp_path / "clip.pt", "--out", tmp_path / "head_EuroSAT.safetensors")
    found = answer(capsys, *build, "--dataset", "EuroSATVal")
    assert (found["classes"], found["templates"], found["embed_dim"]) == (10, 3, 8)
    assert any("no official split" in note for note in found["notes"])
    words = {
        "classes": list(CATALOGUE["eurosat"].classes),
        "templates": [
            "a centered satellite photo of {}.",
            "a centered satellite photo of a {}.",
            "a centered satellite photo of the {}.",
        ],
    }
    (tmp_path / "eurosat.json").write_text(json.dumps(words))
    assert answer(capsys, *build, "--classes", tmp_path / "eurosat.json")["digest"] == found["digest"]
    assert "did you mean 'eurosat'? Known: cars, dtd" in refused(capsys, *build, "--dataset", "eurosta")
    assert "one of the arguments --classes --dataset is required" in refused(capsys, *build)
    both = ("--dataset", "cars", "--classes", "c.json")
    assert "not allowed with argument" in refused(capsys, *build, *both)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "must be JSON"),
        ("[]", "must be a JSON object; found a list"),
        ('{"classes": ["a"]}', "found classes"),
        ('{"classes": [], "templates": ["{}"]}', "classes of"),
        ('{"classes": ["a"], "templates": [1]}', "templates of"),
    ],
)
def test_class_files_that_are_none(text, words, capsys, tmp_path):
    (tmp_path / "c.json").write_text(text)
    error = refused(
        capsys,
        "heads",
        "build",
        "--weights",
        "x.pt",
        "--classes",
        tmp_path / "c.json",
        "--out",
        tmp_path / "h.safetensors",
    )
    assert words in error and error.count("\n") == 1


def test_files_that_are_read_are_never_replaced(capsys, tmp_path):
    folder = sharded(tmp_path / "hub")
    models = sorted(path for path in folder.iterdir() if path.is_dir())
    shard = sorted(models[0].glob("model-*.safetensors"))[0]
    index = models[0] / "model.safetensors.index.json"
    whole = hugging_face(tmp_path / "whole")
    repository = sorted(path for path in whole.iterdir() if path.is_dir())[0]
    file = repository / "model.safetensors"
    clips = tmp_path / "clip.safetensors"
    clips.write_bytes(file.read_bytes())
    before = {path: path.read_bytes() for path in (shard, index, file, clips)}
    for arguments in (
        ("convert", index, "--out", shard),
        ("merge", "--pretrained", models[0], "--models", models[1], "--method", "average", "--out", shard),
        ("merge", "--pretrained", repository, "--models", repository, "--method", "average", "--out", file),
        ("heads", "build", "--weights", clips, "--dataset", "eurosat", "--out", clips),
    ):
        assert "--out must not replace a file that is read" in refused(capsys, *arguments)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_merged_weights_go_to_safetensors_alone(capsys, tmp_path):
    folder = flat(tmp_path / "mine")
    words = refused(capsys, *AVERAGE, "--zoo", folder, "--out", folder / "merged.pt")
    assert "--out must end in .safetensors" in words and not (folder / "merged.pt").exists()


def test_files_are_merged_without_zoo_and_device(capsys, tmp_path):
    folder = flat(tmp_path / "mine")
    start = (
        "merge",
        "--pretrained",
        folder / "Cars.pth",
        "--models",
        folder / "DTD.pth",
        "--method",
        "average",
        "--out",
        tmp_path / "x.safetensors",
    )
    for more in (("--zoo", folder), ("--device", "cuda:7")):
        assert "leave out --zoo and --device" in refused(capsys, *start, *more)


def test_a_config_beside_the_file_may_be_anything(capsys, tmp_path):
    folder, out = flat(tmp_path / "mine"), tmp_path / "out"
    out.mkdir()
    (out / "config.json").write_bytes(b"\xff\xfe")
    words = refused(capsys, *AVERAGE, "--zoo", folder, "--format", "hf", "--out", out / "model.safetensors")
    assert "belongs to another model" in words


def test_names_that_are_no_utf_8_are_one_line(capsys, tmp_path):
    folder = flat(tmp_path / "mine")
    bad = os.fsdecode(os.fsencode(folder) + b"/D\xe9.pth")
    Path(bad).write_bytes((folder / "DTD.pth").read_bytes())
    words = refused(capsys, "zoo", folder)
    assert words.count("\n") == 1 and "UTF-8" in words


def test_a_folder_with_unlabeled_images_gives_a_ranked_table_and_a_tuned_scale(capsys, tmp_path, monkeypatch):
    """Checkpoints, heads and loose images of each task, nothing else: what a user without labels has."""
    zoo = task_vectors(tmp_path / "zoo")
    for task in TASKS:
        for place in range(6):
            picture(tmp_path / "data" / task / f"{place}.jpg", place)
    monkeypatch.setenv("MLOSS_DATA", str(tmp_path / "data"))
    found = answer(capsys, "evaluate", "--zoo", zoo, "--tune", "--method", "task_arithmetic")
    assert found["labels"] is False and found["counts"] == {}
    (search,) = found["tuning"]
    assert search["choose_by"] == "expert_agreement" and search["counts"] == dict.fromkeys(TASKS, 6)
    row = next(row for row in found["rows"] if row["kind"] == "merged")
    assert row["recipe"]["options"]["scale"] == search["scale"] and 0 <= row["expert_agreement"] <= 1
    assert main(["evaluate", "--zoo", str(zoo), "--method", "ties"]) == 0
    assert "have no labels, so there are no accuracies" in capsys.readouterr().out
