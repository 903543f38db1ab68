"""The layouts of the wild are told apart by names alone; what is missing is said."""

import pytest

from mloss_core.errors import ZooError
from mloss_core.zoo.folders.discovery import discover
from tests.zoo_files import describe


def make(folder, *files):
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def found(folder):
    zoo = discover(folder)
    return (
        [zoo.label(path) for path in zoo.pretrained],
        {task: zoo.label(path) for task, path in zoo.finetuned.items()},
        {task: zoo.label(path) for task, path in zoo.heads.items()},
    )


def test_task_vectors(tmp_path):
    make(
        tmp_path,
        "zeroshot.pt",
        "head_Cars.pt",
        "head_DTD.pt",
        "head_MNIST.pt",
        "Cars/finetuned.pt",
        "Cars/checkpoint_100.pt",
        "DTD/finetuned.pt",
        "DTD/zeroshot.pt",
        "logs/a.txt",
    )
    tuned = {"cars": "Cars/finetuned.pt", "dtd": "DTD/finetuned.pt"}
    assert found(tmp_path) == (["zeroshot.pt"], tuned, {"cars": "head_Cars.pt", "dtd": "head_DTD.pt"})
    assert discover(tmp_path).notes == (
        "not read, models here are called finetuned or nonlinear_finetuned: Cars/checkpoint_100.pt, DTD/zeroshot.pt.",
        "heads without a model here are left out: mnist.",
    )


def test_tall_masks_with_the_base_beside_a_model(tmp_path):
    make(
        tmp_path,
        "MNISTVal/nonlinear_zeroshot.pt",
        "CarsVal/nonlinear_finetuned.pt",
        "CarsVal/linear_finetuned.pt",
        "CarsVal/nonlinear_zeroshot.pt",
        "head_CarsVal.pt",
    )
    bases = ["CarsVal/nonlinear_zeroshot.pt", "MNISTVal/nonlinear_zeroshot.pt"]
    assert found(tmp_path) == (bases, {"cars": "CarsVal/nonlinear_finetuned.pt"}, {"cars": "head_CarsVal.pt"})


def test_repositories_as_cloned_and_as_cached(tmp_path):
    make(
        tmp_path,
        "clip-vit-base-patch32/model.safetensors",
        "clip-vit-base-patch32_dtd/pytorch_model.bin",
        "models--tanganke--clip-vit-base-patch32_sun397/snapshots/abc/model.safetensors",
        "heads/head_dtd.pt",
    )
    tuned = {
        "dtd": "clip-vit-base-patch32_dtd/pytorch_model.bin",
        "sun397": "models--tanganke--clip-vit-base-patch32_sun397/snapshots/abc/model.safetensors",
    }
    assert found(tmp_path) == (["clip-vit-base-patch32/model.safetensors"], tuned, {"dtd": "heads/head_dtd.pt"})


def test_repositories_with_a_loose_base(tmp_path):
    make(tmp_path, "zeroshot.pt", "ViT-B-32-Cars/pytorch_model.bin")
    assert found(tmp_path) == (["zeroshot.pt"], {"cars": "ViT-B-32-Cars/pytorch_model.bin"}, {})


def test_a_flat_folder(tmp_path):
    make(tmp_path, "ViT-B-32_base.pt", "cars_finetuned.safetensors", ".hidden.pt", "head_cars.pt", "notes.txt")
    assert found(tmp_path) == (["ViT-B-32_base.pt"], {"cars": "cars_finetuned.safetensors"}, {"cars": "head_cars.pt"})


def test_a_zoo_json_names_all_or_only_what_is_unclear(tmp_path):
    make(tmp_path, "x.pt", "a.pt", "b.pt", "h.pt")
    describe(tmp_path, pretrained="x.pt", finetuned={"B": "b.pt", "A": "a.pt"}, heads={"a": "h.pt"})
    assert found(tmp_path) == (["x.pt"], {"b": "b.pt", "a": "a.pt"}, {"a": "h.pt"})
    describe(tmp_path, pretrained="x.pt", activation="gelu", name="mine")
    assert found(tmp_path) == (["x.pt"], {"a": "a.pt", "b": "b.pt", "h": "h.pt"}, {})
    assert (discover(tmp_path).described.activation, discover(tmp_path).name) == ("gelu", "mine")


def test_the_only_zoo_below(tmp_path):
    make(tmp_path, "ViT-B-32/zeroshot.pt", "ViT-B-32/Cars/finetuned.pt", "logs/a.txt")
    assert discover(tmp_path).folder == tmp_path / "ViT-B-32" and discover(tmp_path).name == "ViT-B-32"
    make(tmp_path, "ViT-L-14/zeroshot.pt", "ViT-L-14/Cars/finetuned.pt")
    with pytest.raises(ZooError, match=r"holds 2 zoos: ViT-B-32, ViT-L-14\. Open one of them"):
        discover(tmp_path)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), "is no zoo: found nothing. Expected"),
        (("readme.md", "images/a.png"), r"is no zoo: found images/, readme\.md\. Expected <Dataset>/finetuned\.pt"),
        (("Cars/finetuned.pt", "head_Cars.pt"), r"lacks the pre.*Found Cars/finetuned\.pt; expected zeroshot\.pt"),
        (("a.pt", "b.pt"), r"lacks the pretrained model.*Found a\.pt, b\.pt"),
        (("zeroshot.pt", "head_Cars.pt"), r"lacks fine-tuned models\. Found zeroshot\.pt"),
        (("zeroshot.pt", "pretrained.pt", "cars.pt"), r"several .*: pretrained\.pt, zeroshot\.pt\. Name"),
        (
            ("zeroshot.pt", "Cars/finetuned.pt", "CarsVal/nonlinear_finetuned.pt"),
            r"two files for cars: Cars/finetuned\.pt and CarsVal/nonlinear_finetuned\.pt\. Move one away",
        ),
        (("zeroshot.pt", "cars.pt", "head_cars.pt", "heads/head_Cars.pt"), "two files for cars"),
    ],
)
def test_what_is_missing_is_said(files, words, tmp_path):
    with pytest.raises(ZooError, match=words):
        discover(make(tmp_path, *files))


def test_repositories_in_several_files_are_their_index(tmp_path):
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json")
    make(
        tmp_path,
        *(f"{folder}/{file}" for folder in ("clip-vit-base-patch32", "clip-vit-base-patch32_dtd") for file in shards),
    )
    make(tmp_path, "clip-vit-base-patch32_cars/pytorch_model.bin.index.json")
    bases, tuned, _ = found(tmp_path)
    assert bases == ["clip-vit-base-patch32/model.safetensors.index.json"]
    assert sorted(tuned.values()) == [
        "clip-vit-base-patch32_cars/pytorch_model.bin.index.json",
        "clip-vit-base-patch32_dtd/model.safetensors.index.json",
    ]


def test_long_listings_are_cut(tmp_path):
    with pytest.raises(ZooError, match=r"a7\.pt and 3 more"):
        discover(make(tmp_path, *(f"a{number}.pt" for number in (0, 1, 2, 3, 4, 5, 6, 7, 8, 90, 91))))
