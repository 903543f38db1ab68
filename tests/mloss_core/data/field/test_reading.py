"""The field's datasets in their true forms on disk, in miniature."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from mloss_core.data.field.catalogue import CATALOGUE, SUITES
from mloss_core.data.on_disk import open_dataset, open_datasets
from mloss_core.errors import DatasetError
from mloss_core.vision.architecture import Architecture
from tests import field_files
from tests.field_files import CORE, classes_of, idx, mnist, picture, pixels, sun397

SHAPE = Architecture(width=16, layers=2, heads=2, patch=8, grid=4, mlp_width=64, embed_dim=8)
SIZES = {  # train, val, test: a tenth of the training images is held out
    "cars": (18, 2, 6),
    "dtd": (43, 4, 47),
    "eurosat": (29, 3, 8),
    "gtsrb": (39, 4, 8),
    "mnist": (18, 2, 10),
    "resisc45": (41, 4, 45),
    "svhn": (18, 2, 10),
    "sun397": (573, 63, 158),
}


def opened(name: str, folder: Path):
    return open_dataset(name, folder, SHAPE, CATALOGUE[name])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for make in CORE.values():
        make(folder)
    return folder


@pytest.fixture(scope="module")
def core(root):
    return open_datasets(SUITES["N8"], root, SHAPE)


def test_all_eight_are_found_below_one_folder(core):
    found, notes = core
    assert tuple(found) == SUITES["N8"]
    assert not [note for note in notes if note.startswith("no dataset")]


@pytest.mark.parametrize("name", CORE)
def test_sizes_classes_and_wording(name, core):
    data, task = core[0][name], CATALOGUE[name]
    assert tuple(data.size(split) for split in ("train", "val", "test")) == SIZES[name]
    assert data.classes == task.classes and data.templates == task.templates
    assert data.images("test", [0, 1]).shape == (2, 3, 32, 32)
    assert int(data.labels("test").max()) < len(task.classes) and data.labels("train").dtype == torch.int64


@pytest.mark.parametrize("name", CORE)
def test_nothing_is_in_two_splits(name, core):
    data = core[0][name]
    seen = {
        split: {image.tobytes() for image in data.pixels(split, range(data.size(split)))} for split in ("train", "val")
    }
    labelled = {(split, label) for split in seen for label in data.labels(split).tolist()}
    assert labelled
    if name in ("mnist", "svhn"):
        assert not seen["train"] & seen["val"]


def test_a_tenth_is_held_out_as_the_fields_checkpoints_did(tmp_path):
    idx(tmp_path / "raw" / "train-images-idx3-ubyte", np.zeros((60000, 1, 1), np.uint8))
    idx(tmp_path / "raw" / "train-labels-idx1-ubyte", np.arange(60000) % 10)
    idx(tmp_path / "raw" / "t10k-images-idx3-ubyte", np.zeros((10, 1, 1), np.uint8))
    idx(tmp_path / "raw" / "t10k-labels-idx1-ubyte", np.arange(10))
    data = opened("mnist", tmp_path)
    assert (data.size("train"), data.size("val")) == (55000, 5000)
    # Their code asserts that the first training image is number 36044.
    assert data._splits["train"]._places[0] == 36044


def test_labels_of_lists_and_annotations(core):
    found = core[0]
    assert sorted(found["cars"].labels("test").tolist()) == list(range(6))
    assert found["gtsrb"].labels("test").tolist() == [42, 41, 40, 39, 38, 37, 36, 35]
    assert found["resisc45"].labels("test").tolist() == list(range(45))
    assert found["dtd"].labels("test").tolist() == list(range(47))
    assert found["svhn"].labels("test").tolist() == [place % 10 for place in range(10)]


def test_images_are_the_stored_ones(core, tmp_path):
    side_28 = Architecture(width=16, layers=2, heads=2, patch=14, grid=2, mlp_width=64, embed_dim=8)
    data = open_dataset("mnist", mnist(tmp_path), side_28, CATALOGUE["mnist"])
    assert np.array_equal(data.pixels("test", [3])[0][..., 1], pixels(1, 10, 28, 1)[3])
    svhn = core[0]["svhn"]
    assert np.array_equal(svhn.pixels("test", [4])[0], pixels(1, 10, 32)[4])


def test_sun397_goes_by_folder_names_and_by_lists_where_they_are(tmp_path, core):
    folder = sun397(tmp_path, lists=True)
    data = opened("sun397", folder)
    assert (data.size("train"), data.size("val"), data.size("test")) == (358, 39, 397)
    assert data.labels("test").tolist() == list(range(397))
    where = classes_of("sun397").index("apse/indoor")
    assert data.classes[where] == CATALOGUE["sun397"].classes[where]
    assert data.digest != core[0]["sun397"].digest


def test_gzipped_files_and_other_places(tmp_path):
    plain = opened("mnist", mnist(tmp_path / "a"))
    packed = opened("mnist", mnist(tmp_path / "b", end=".gz"))
    assert np.array_equal(plain.pixels("val", [0, 1]), packed.pixels("val", [0, 1]))
    kmnist = opened("kmnist", mnist(tmp_path / "c", "KMNIST"))
    emnist = opened("emnist", mnist(tmp_path / "d", "EMNIST", "emnist-digits-", test="test"))
    assert kmnist.size("test") == emnist.size("test") == 10


@pytest.mark.parametrize("name", ["Cars", "stanford-cars", "StanfordCars", "CARSVal"])
def test_tasks_are_found_by_all_their_names(name, root):
    found = open_datasets([name], root, SHAPE)[0]
    assert list(found) == [name] and found[name].classes[0] == "AM General Hummer SUV 2000"


def test_the_digest_follows_files_and_labels(tmp_path):
    first = opened("eurosat", field_files.eurosat(tmp_path / "a"))
    again = opened("eurosat", field_files.eurosat(tmp_path / "b"))
    assert first.digest == again.digest and first.manifest == again.manifest
    assert first.manifest["splits"]["test"]["images"] == 8 and "seed 0" in first.manifest["rule"]
    folder = field_files.eurosat(tmp_path / "c")
    picture(folder / "2750" / "Forest" / "Forest_9.jpg")
    assert opened("eurosat", folder).digest != first.digest


def test_what_is_less_than_usual_is_said(core):
    assert "cars: 20 training and 6 test images are here; usual are 8144 and 8041." in core[1]
    assert any(note.startswith("dtd: Published DTD figures") for note in core[1])


@pytest.mark.parametrize(
    ("name", "gone", "words"),
    [
        ("cars", "cars_test_annos_withlabels.mat", "must hold cars_test_annos_withlabels.mat"),
        ("dtd", "dtd/labels/test1.txt", "the list .*test1.txt cannot be read"),
        ("eurosat", "2750/Forest", "must hold the 10 class folders of EuroSAT; Forest is missing"),
        ("gtsrb", "GT-final_test.csv", "must hold GT-final_test.csv"),
        ("mnist", "raw/t10k-labels-idx1-ubyte", "must hold raw/t10k-labels-idx1-ubyte"),
        ("resisc45", "resisc45-train.txt", "must hold resisc45-train.txt"),
        ("svhn", "test_32x32.mat", "must hold test_32x32.mat"),
    ],
)
def test_what_is_missing_is_one_sentence(name, gone, words, tmp_path):
    folder = CORE[name](tmp_path)
    place = folder / gone
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    with pytest.raises(DatasetError, match=words):
        opened(name, folder)
    found, notes = open_datasets([name], tmp_path, SHAPE)
    assert not found and notes[0].startswith(f"no dataset of {name}: ")


def test_damaged_files_are_one_sentence(tmp_path):
    folder = mnist(tmp_path)
    (folder / "raw" / "train-labels-idx1-ubyte").write_bytes(b"<html>")
    with pytest.raises(DatasetError, match="must be an idx file of labels; it is not"):
        opened("mnist", folder)
    other = CORE["svhn"](tmp_path)
    (other / "train_32x32.mat").write_bytes(b"no matlab at all" * 20)
    with pytest.raises(DatasetError, match="must be a MATLAB file with y"):
        opened("svhn", other)
    lists = CORE["resisc45"](tmp_path)
    (lists / "resisc45-test.txt").write_text("moon_001.jpg\n")
    with pytest.raises(DatasetError, match="'moon' is none of the classes"):
        opened("resisc45", lists)


def python_batch(path: Path, labels: list[int], key: str = "labels") -> np.ndarray:
    """A batch as CIFAR's Python version pickles it; gives its images."""
    images = pixels(len(labels), len(labels), 32)
    rows = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(labels), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({"batch_label": "x", key: labels, "data": rows, "filenames": ["a"]}, protocol=4))
    return images


def test_pickled_cifar_is_read_as_data(tmp_path):
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        images = python_batch(tmp_path / "cifar10" / "cifar-10-batches-py" / name, [7, 2, 0])
    data = opened("cifar10", tmp_path / "cifar10")
    assert data.size("train") + data.size("val") == 15 and data.labels("test").tolist() == [7, 2, 0]
    assert np.array_equal(data.pixels("test", [1])[0], images[1])
    for name in ("train", "test"):
        python_batch(tmp_path / "cifar100" / "cifar-100-python" / name, [99, 3] * 5, "fine_labels")
    assert opened("cifar100", tmp_path / "cifar100").labels("test").tolist() == [99, 3] * 5


class Hostile:
    """Touches a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.canary,))


def test_a_hostile_batch_is_refused_and_nothing_runs(tmp_path):
    canary, folder = tmp_path / "canary", tmp_path / "cifar10" / "cifar-10-batches-py"
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        python_batch(folder / name, [1])
    (folder / "data_batch_3").write_bytes(pickle.dumps({"labels": [1], "data": Hostile(canary)}))
    with pytest.raises(DatasetError, match="Keep the dataset as folders of images"):
        opened("cifar10", folder.parent)
    assert not canary.exists()


def test_the_binary_version_of_cifar_is_read(tmp_path):
    batches = tmp_path / "cifar10" / "cifar-10-batches-bin"
    batches.mkdir(parents=True)
    folder = batches.parent
    images = pixels(3, 2, 32)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        rows = [
            bytes([label]) + image.transpose(2, 0, 1).tobytes() for label, image in zip((7, 2), images, strict=True)
        ]
        (batches / f"{name}.bin").write_bytes(b"".join(rows))
    data = opened("cifar10", folder)
    assert data.size("train") + data.size("val") == 10 and data.labels("test").tolist() == [7, 2]
    assert np.array_equal(data.pixels("test", [1])[0], images[1])


def test_class_folders_and_parquet_take_the_catalogues_wording(tmp_path):
    for split in ("train", "test"):
        for name in classes_of("dtd"):
            for place in range(2):
                picture(tmp_path / "DTD" / split / name / f"{place}.png", place)
    data = open_datasets(["dtd"], tmp_path, SHAPE)[0]["dtd"]
    assert data.classes == CATALOGUE["dtd"].classes and data.templates == CATALOGUE["dtd"].templates


def test_a_task_that_nothing_reads_says_in_what_form_it_would_be(tmp_path):
    (tmp_path / "pcam").mkdir()
    with pytest.raises(DatasetError, match=r"PCAM is read from image folders .* or parquet files"):
        opened("pcam", tmp_path / "pcam")
