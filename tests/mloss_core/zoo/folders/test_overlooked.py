"""No file that looks like a model, a shard or a head is passed over without a note that names it and says why."""

import os

import pytest

from mloss_core.errors import ZooError
from mloss_core.zoo.folders.discovery import discover
from tests.zoo_files import describe

REPOSITORIES = ("clip-vit-base-patch32/model.safetensors", "clip-vit-base-patch32_dtd/model.safetensors")
CACHED = "models--a--clip-vit-base-patch32_cars"
MODELS = "models here are called finetuned or nonlinear_finetuned"


def _make(folder, *files):
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("zeroshot.pt", "cars.pt", "dtd.pt.part"), "not read, a download that is not complete: dtd.pt.part."),
        (("zeroshot.pt", "cars.pt", "dtd.pth.incomplete"), "a download that is not complete: dtd.pth.incomplete."),
        (("zeroshot.pt", "cars.pt", "dtd.PT.crdownload"), "a download that is not complete: dtd.PT.crdownload."),
        (
            ("zeroshot.pt", "cars.pt", "model-00001-of-00002.safetensors"),
            "not read, a shard without an index: model-00001-of-00002.safetensors.",
        ),
        (("zeroshot.pt", "cars.pt", "sub/dtd.pt"), "not read, not beside the pretrained model: sub/dtd.pt."),
        (("zeroshot.pt", "cars.pt", "head_cars.npy"), "not read, of a format that is not read: head_cars.npy."),
        (
            ("zeroshot.pt", "cars.pt", "runs/seed1/best/dtd.pt"),
            "not read, not beside the pretrained model: runs/seed1/best/dtd.pt.",
        ),
        (("zeroshot.pt", "Cars/finetuned.pt", "old/DTD/x.pt"), f"not read, {MODELS}: old/DTD/x.pt."),
        (("zeroshot.pt", "Cars/finetuned.pt", "DTD/model.pt"), f"not read, {MODELS}: DTD/model.pt."),
        (("zeroshot.pt", "Cars/finetuned.pt", "SUN.pt"), f"not read, {MODELS}: SUN.pt."),
        (("zeroshot.pt", "Cars/finetuned.pt", "Cars/model_ema.pt"), "not read, a moving average: Cars/model_ema.pt."),
        (
            ("zeroshot.pt", "Cars/finetuned.pt", "Cars/head_Cars.pt"),
            "not read, a head is looked for beside the models or in heads/: Cars/head_Cars.pt.",
        ),
        (
            (
                *REPOSITORIES,
                "clip-vit-base-patch32_cars/model.fp16.safetensors",
                "clip-vit-base-patch32_cars/config.json",
            ),
            "not read, of another precision: clip-vit-base-patch32_cars/model.fp16.safetensors.",
        ),
        (
            (*REPOSITORIES, "clip-vit-base-patch32_cars/model-00001-of-00002.safetensors"),
            "not read, a shard without an index: clip-vit-base-patch32_cars/model-00001-of-00002.safetensors.",
        ),
        (
            (*REPOSITORIES, f"{CACHED}/snapshots/1/config.json", f"{CACHED}/blobs/0f.incomplete"),
            f"not read, a download that is not complete: {CACHED}/.",
        ),
    ],
)
def test_what_is_passed_over_is_named_with_a_reason(files, words, tmp_path):
    assert any(words in note for note in discover(_make(tmp_path, *files)).notes)


def test_only_three_folders_are_looked_into_and_none_of_datasets(tmp_path):
    _make(tmp_path, "zeroshot.pt", "cars.pt", "a/b/c/d/deep.pt", "data/cifar10/data_batch_1.bin", ".git/lfs/x.bin")
    describe(tmp_path, datasets="data")
    assert discover(tmp_path).notes == ()
    (tmp_path / "zoo.json").unlink()
    assert discover(tmp_path).notes == ("not read, not beside the pretrained model: data/cifar10/data_batch_1.bin.",)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cars.fp16.safetensors", "of another precision"),
        ("cars-bf16.pt", "of another precision"),
        ("cars_ema.pt", "a moving average"),
        ("ema_cars.pt", "a moving average"),
        ("zeroshot_fp16.pt", "of another precision"),
    ],
)
def test_other_copies_of_a_model_are_noted_and_no_tasks(name, reason, tmp_path):
    found = discover(_make(tmp_path, "zeroshot.pt", "cars.pt", "dtd.pt", name))
    assert list(found.finetuned) == ["cars", "dtd"] and found.pretrained == (tmp_path / "zeroshot.pt",)
    assert found.notes == (f"not read, {reason}: {name}.",)


def test_the_only_copy_of_a_model_is_the_model(tmp_path):
    found = discover(_make(tmp_path, "zeroshot.pt", "cars_ema.pt", "dtd.fp16.safetensors"))
    assert len(found.finetuned) == 2 and found.notes == ()


def test_links_to_nowhere_and_pipes_are_named(tmp_path):
    _make(tmp_path, "zeroshot.pt", "cars.pt")
    (tmp_path / "dtd.pt").symlink_to(tmp_path / "gone.pt")
    (tmp_path / "gtsrb").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "svhn.pt")
    notes = discover(tmp_path).notes
    assert "not read, a link whose target is gone: dtd.pt, gtsrb." in notes
    assert "not read, no regular file: svhn.pt." in notes


def test_what_every_repository_keeps_beside_its_weights_is_no_news(tmp_path):
    for name in ("clip-vit-base-patch32", "clip-vit-base-patch32_dtd"):
        files = ("model.safetensors", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "optimizer.pt")
        _make(tmp_path / name, *files, "config.json")
    assert discover(tmp_path).notes == ()


def test_shards_with_an_index_are_one_model_everywhere(tmp_path):
    _make(tmp_path, "zeroshot.pt", "Cars.safetensors.index.json")
    _make(tmp_path, "Cars-00001-of-00002.safetensors", "Cars-00002-of-00002.safetensors")
    zoo = discover(tmp_path)
    assert {task: path.name for task, path in zoo.finetuned.items()} == {"cars": "Cars.safetensors.index.json"}
    assert zoo.notes == ()


def test_endings_in_any_case_are_read(tmp_path):
    zoo = discover(_make(tmp_path, "zeroshot.PT", "Cars.PTH", "head_Cars.SafeTensors"))
    assert set(zoo.finetuned) == set(zoo.heads) == {"cars"} and zoo.notes == ()


def test_a_zoo_json_that_names_the_models_says_all(tmp_path):
    _make(tmp_path, "zeroshot.pt", "cars.pt", "cars_old.pt", "dtd.pt.part")
    assert discover(describe(tmp_path, finetuned={"cars": "cars.pt"})).notes == ()


def test_when_nothing_is_left_the_error_names_what_was_passed_over(tmp_path):
    _make(tmp_path, "zeroshot.pt", "cars.pt.incomplete")
    with pytest.raises(ZooError, match=r"lacks fine-tuned models.*\(not read, a download .*: cars\.pt\.incomplete\.\)"):
        discover(tmp_path)


def _cached(folder, *revisions):
    base = _make(folder, "clip-vit-base-patch32/model.safetensors") / "models--a--clip-vit-base-patch32_dtd"
    for age, revision in enumerate(revisions):
        path = base / "snapshots" / revision / "model.safetensors"
        _make(folder, str(path.relative_to(folder)))
        os.utime(path.parent, (1e9 - age, 1e9 - age))
    return base


def test_of_several_snapshots_refs_main_decides(tmp_path):
    base = _cached(tmp_path, "newer", "older")
    found = discover(tmp_path)
    assert found.finetuned["dtd"].parent.name == "newer"
    assert any("2 snapshots, and refs/main names none with weights: newer is read" in note for note in found.notes)
    _make(tmp_path, f"{base.name}/refs/main")
    (base / "refs" / "main").write_text("older\n")
    found = discover(tmp_path)
    assert found.finetuned["dtd"].parent.name == "older" and found.notes == ()


@pytest.mark.parametrize("reference", ["../../elsewhere", "gone", "\0", "x" * 500])
def test_a_reference_that_leads_nowhere_is_noted(reference, tmp_path):
    base = _cached(tmp_path, "newer", "older")
    _make(tmp_path, f"{base.name}/refs/main")
    (base / "refs" / "main").write_text(reference)
    found = discover(tmp_path)
    assert found.finetuned["dtd"].parent.name == "newer" and len(found.notes) == 1
