"""Labels that the hub hides: no image without one counts as a mistake, and each split says so."""

import pytest
import torch

from mloss_core.data.datasets import is_labelled
from mloss_core.data.manifests import split_manifest
from mloss_core.data.on_disk import open_datasets
from mloss_core.data.parquet_folders import read_parquet_folder
from mloss_core.data.subset import DatasetSubset
from mloss_core.errors import DatasetError
from tests.field_files import pixel_table
from tests.mloss_core.data.test_parquet_folders import SHAPE, rows


def labelled(folder, train, test):
    rows(folder / "data" / "train-00000-of-00001.parquet", train)
    rows(folder / "data" / "test-00000-of-00001.parquet", test)
    return read_parquet_folder("cats", folder, SHAPE)


@pytest.mark.parametrize("hidden", [-1, None, -7])
def test_images_without_labels_are_left_out_and_counted(tmp_path, hidden):
    data = labelled(tmp_path, [0, 1, hidden] * 4, [0, 1, hidden])
    assert data.size("train") + data.size("val") == 8 and data.size("test") == 2
    assert set(data.labels("train").tolist()) == {0, 1} and data.labels("test").tolist() == [0, 1]
    assert data.classes == ("0", "1")
    assert "cats: 1 of 3 test images are left out, as their labels are hidden (-1)." in data.notes
    assert split_manifest(data, "test")["left_out"] == "".join(note for note in data.notes if "3 test" in note)


def test_a_split_whose_labels_are_all_hidden_has_no_accuracy(tmp_path):
    data = labelled(tmp_path, [0, 1] * 6, [-1] * 5)
    with pytest.raises(DatasetError, match="the labels of all 5 test images of cats are hidden"):
        data.labels("test")
    assert any("5 test images of cats are hidden (-1): accuracy cannot be measured" in note for note in data.notes)
    assert data.images("test", [4]).shape[0] == 1


def test_training_images_without_labels_serve_where_none_is_needed(tmp_path):
    data = labelled(tmp_path, [-1] * 4, [0, 1])
    assert data.size("train") == 4 and data.size("val") == 0
    with pytest.raises(DatasetError, match="all 4 train images of cats are hidden"):
        data.labels("train")
    assert torch.isfinite(data.images("train", [0, 3])).all()
    assert data.hidden == ("train",)
    assert [is_labelled(data, split) for split in ("train", "val", "test")] == [False, False, True]
    few = DatasetSubset(data, 1)
    assert is_labelled(few, "test") and not is_labelled(few, "train")


def test_a_table_without_labels_is_a_hidden_test_split(tmp_path):
    """As Kaggle gives out MNIST."""
    pixel_table(tmp_path / "mnist" / "train.csv", 20)
    pixel_table(tmp_path / "mnist" / "test.csv", 5, labels=False)
    found, notes = open_datasets(["mnist"], tmp_path, SHAPE)
    assert found["mnist"].size("train") == 18 and found["mnist"].size("val") == 2
    assert any("all 5 test images of mnist are hidden" in note for note in notes)
    with pytest.raises(DatasetError, match="hidden"):
        found["mnist"].labels("test")


@pytest.mark.parametrize("label", ["zero", 1.5])
def test_labels_that_are_no_class_numbers_are_refused(tmp_path, label):
    with pytest.raises(DatasetError, match=f"must hold class numbers; found '{label}'"):
        labelled(tmp_path, [label], [label])
