"""Image folders as datasets: labels, splits, the encoder's own transform, and what is said of broken ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mloss_core import Recipe, evaluate, measure_mloss, merge, open_zoo
from mloss_core.data.image_folders import ImageFolderDataset
from mloss_core.data.on_disk import open_datasets
from mloss_core.errors import DatasetError
from mloss_core.vision.architecture import Architecture
from tests.zoo_files import CLASSES, TASKS, task_vectors

SHAPE = Architecture(width=16, layers=2, heads=2, patch=8, grid=4, mlp_width=64, embed_dim=8)


def write(folder: Path, classes: list[str], count: int, size: tuple[int, int] = (50, 40), seed: int = 0) -> None:
    """Noise images, `count` a class."""
    draw = np.random.default_rng(seed)
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = draw.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:03}.png")


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "Cars"
    write(folder / "train", ["b_two", "a"], 10)
    write(folder / "Validation", ["b_two", "a"], 2)
    write(folder / "test", ["b_two", "a"], 3)
    return folder


def test_classes_labels_and_sizes(root):
    data = ImageFolderDataset("cars", root, SHAPE)
    assert data.classes == ("a", "b two") and data.notes == ()
    assert [data.size(split) for split in ("train", "val", "test")] == [20, 4, 6]
    assert data.labels("test").tolist() == [0, 0, 0, 1, 1, 1] and data.labels("test").dtype == torch.int64
    assert data.image_name("test", 0) == "test/a/000.png" and data.image_name("val", 3) == "Validation/b_two/001.png"


def test_what_file_managers_leave_is_no_class_and_no_image(root):
    for split in ("train", "Validation", "test"):
        (root / split / ".ipynb_checkpoints").mkdir()
        (root / split / "__MACOSX" / "a").mkdir(parents=True)
        (root / split / "a" / "._000.png").write_bytes(b"x")
        (root / split / "a" / ".DS_Store").write_bytes(b"x")
    data = ImageFolderDataset("cars", root, SHAPE)
    assert data.classes == ("a", "b two") and data.size("train") == 20
    assert data.images("test", range(6)).shape == (6, 3, 32, 32)


def test_images_are_those_of_open_clips_own_transform(root):
    from open_clip.transform import image_transform

    data = ImageFolderDataset("cars", root, SHAPE)
    transform = image_transform(32, is_train=False, mean=SHAPE.mean, std=SHAPE.std)
    path = sorted((root / "test" / "b_two").iterdir())[1]
    torch.testing.assert_close(data.images("test", [4])[0], transform(Image.open(path)), rtol=1e-5, atol=1e-5)
    assert data.pixels("test", [4, 0]).shape == (2, 32, 32, 3)
    stretched = data.images("test", [0], "stretch")
    assert stretched.shape == (1, 3, 32, 32) and 0 <= stretched.min() and stretched.max() <= 1


def test_validation_is_set_apart_once_and_for_all(tmp_path):
    write(tmp_path / "x" / "train", ["a", "b"], 20)
    first, second = (ImageFolderDataset("x", tmp_path / "x", SHAPE) for _ in range(2))
    assert (first.size("train"), first.size("val"), first.size("test")) == (36, 4, 0)
    assert first.manifest == second.manifest and first.digest == second.digest
    places = {
        split: {tuple(first.pixels(split, [i]).ravel()[:9]) for i in range(first.size(split))}
        for split in ("train", "val")
    }
    assert not places["train"] & places["val"]
    assert "4 of 40 training images, drawn with seed 0" in first.notes[0]


def test_the_digest_follows_files_and_preparation(root):
    digest = ImageFolderDataset("cars", root, SHAPE).digest
    assert ImageFolderDataset("cars", root, SHAPE).digest == digest
    other = Architecture(**{**SHAPE.to_dict(), "mean": (0.5, 0.5, 0.5)})
    assert ImageFolderDataset("cars", root, other).digest != digest
    write(root / "test", ["a"], 4)
    assert ImageFolderDataset("cars", root, SHAPE).digest != digest


def test_grey_and_palette_images_become_rgb(tmp_path):
    for split in ("train", "val"):
        write(tmp_path / split, ["a"], 2)
    Image.new("L", (40, 33), 200).save(tmp_path / "train" / "a" / "grey.png")
    Image.new("P", (33, 40), 3).save(tmp_path / "train" / "a" / "palette.png")
    assert ImageFolderDataset("x", tmp_path, SHAPE).images("train", range(4)).shape == (4, 3, 32, 32)


def test_broken_folders_are_told(root, tmp_path):
    data = ImageFolderDataset("cars", root, SHAPE)
    with pytest.raises(DatasetError, match="images 0 to 5 in test; found 6"):
        data.images("test", [6])
    (root / "test" / "a" / "000.png").write_text("<html>")
    with pytest.raises(DatasetError, match=r"000\.png must be an image that Pillow can read"):
        data.images("test", [0])
    write(root / "test", ["c"], 1)
    with pytest.raises(DatasetError, match="must have the same class folders; c are in one alone"):
        ImageFolderDataset("cars", root, SHAPE)
    (root / "train" / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"every class folder of .*train must hold images; empty holds none"):
        ImageFolderDataset("cars", root, SHAPE)
    (tmp_path / "bare").mkdir()
    with pytest.raises(DatasetError, match="bare must hold a folder train"):
        ImageFolderDataset("bare", tmp_path / "bare", SHAPE)


def test_open_datasets_says_what_is_missing(root, tmp_path):
    (tmp_path / "DTD").mkdir()
    write(tmp_path / "sun397" / "train", ["a", "b"], 10)
    found, notes = open_datasets(("cars", "dtd", "sun397", "mnist"), tmp_path, SHAPE)
    assert list(found) == ["cars", "sun397"]
    text = " ".join(notes)
    assert "no dataset of dtd" in text and f"no dataset of mnist: {tmp_path} holds no folder mnist." in text
    assert "sun397: " in text and "accuracy can be measured on val alone" in text


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code:UserWarning")
def test_a_zoo_of_files_with_image_folders_goes_all_the_way(tmp_path):
    """Pickled modules, heads and image folders: measure, merge, evaluate."""
    folder = task_vectors(tmp_path / "zoo")
    for task in TASKS:
        classes = [f"c{index}" for index in range(CLASSES[task])]
        for split, count in (("train", 8), ("val", 2), ("test", 3)):
            write(tmp_path / "data" / task.upper() / split, classes, count, seed=len(split))
    (folder / "zoo.json").write_text(json.dumps({"datasets": str(tmp_path / "data")}))
    zoo = open_zoo(folder, device="cpu")
    assert zoo.notes == ()
    report = measure_mloss(zoo, samples_per_task=4)
    assert (report.layers["mloss"] > 0).all()
    result = merge(zoo, Recipe(method="m_ties"), report=report)
    table = evaluate(zoo, [result], split="test")
    assert list(table["kind"]) == ["zero_shot", "merged", "ensemble", "ensemble", "individual"]
    assert table.attrs["counts"] == {task: 3 * CLASSES[task] for task in TASKS}
