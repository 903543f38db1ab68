import dataclasses

import pytest

from mloss_core import measure_mloss
from mloss_core.data.on_disk import open_datasets
from mloss_core.data.unlabelled import UnlabelledDataset
from mloss_core.errors import DatasetError, ZooError
from mloss_core.evaluation import evaluate_rows
from tests.field_files import picture
from tests.zoos import tiny_zoo


@pytest.fixture
def folder(tmp_path):
    for place in range(6):
        picture(tmp_path / "photos" / ("holiday" if place % 2 else ".") / f"{place}.jpg", place)
    (tmp_path / "photos" / "readme.txt").write_text("no image")
    return tmp_path / "photos"


def test_images_anywhere_below_the_folder(folder):
    data = UnlabelledDataset("photos", folder, tiny_zoo(2).architecture)
    assert [data.size(split) for split in ("train", "val", "test")] == [6, 0, 0] and data.classes == ()
    assert data.images("train", [5]).shape[0] == 1
    with pytest.raises(DatasetError, match="have no labels; put them into train/<class>"):
        data.labels("train")


def test_m_loss_is_measured_and_accuracy_is_refused(folder):
    zoo = tiny_zoo(2)
    names = list(zoo.tasks)
    for name in names:
        (folder.parent / name).symlink_to(folder, target_is_directory=True)
    datasets, notes = open_datasets(names, folder.parent, zoo.architecture)
    assert all("without labels" in note for note in notes) and len(notes) == 2
    blind = dataclasses.replace(zoo, datasets=datasets)
    assert measure_mloss(blind, samples_per_task=4).layers["mloss"].min() > 0
    with pytest.raises((DatasetError, ZooError)):
        evaluate_rows(blind)


def test_an_empty_folder_is_no_dataset(tmp_path):
    with pytest.raises(DatasetError, match="must hold images"):
        UnlabelledDataset("x", tmp_path, tiny_zoo(2).architecture)


def test_hidden_files_and_folders_are_passed_over(folder):
    before = UnlabelledDataset("x", folder, tiny_zoo(2).architecture).size("train")
    (folder / ".thumbnails").mkdir()
    for place in (folder / ".thumbnails" / "a.png", folder / "._a.png"):
        place.write_bytes(b"x")
    assert UnlabelledDataset("x", folder, tiny_zoo(2).architecture).size("train") == before


def test_a_field_datasets_images_alone_have_no_labels(tmp_path):
    """Of Cars, but nothing that tells a class beside them."""
    for place in range(3):
        picture(tmp_path / "cars" / f"{place}.jpg", place)
    datasets, notes = open_datasets(["cars"], tmp_path, tiny_zoo(2).architecture)
    assert datasets["cars"].size("train") == 3 and datasets["cars"].classes == ()
    assert "3 images without labels" in notes[0]
    (tmp_path / "cars" / "cars_annos.mat").write_bytes(b"")
    datasets, notes = open_datasets(["cars"], tmp_path, tiny_zoo(2).architecture)
    assert not datasets and "no dataset of cars" in notes[0]
