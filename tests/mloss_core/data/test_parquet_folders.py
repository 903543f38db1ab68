import numpy as np
import pytest

from mloss_core.data.on_disk import open_datasets
from mloss_core.data.parquet_folders import read_parquet_folder
from mloss_core.errors import DatasetError
from mloss_core.vision.architecture import Architecture
from tests.field_files import parquet, pixels

SHAPE = Architecture(width=16, layers=2, heads=2, patch=6, grid=2, mlp_width=64, embed_dim=8)


def test_rows_classes_and_images(tmp_path):
    data = read_parquet_folder("cats", parquet(tmp_path, {"train": 20, "test": 9}, ["a_cat", "dog", "cow"]), SHAPE)
    assert data.classes == ("a cat", "dog", "cow")
    assert [data.size(split) for split in ("train", "val", "test")] == [18, 2, 9]
    assert data.labels("test").tolist() == [0, 1, 2] * 3
    # The second row group begins at the fifth row.
    assert np.array_equal(data.pixels("test", [8, 4]), pixels(1, 9)[[8, 4]])


def test_a_validation_split_of_its_own_is_taken(tmp_path):
    folder = parquet(tmp_path / "Cats", {"train": 6, "validation": 3, "test": 3}, ["a", "b"])
    found, notes = open_datasets(["cats"], folder.parent, SHAPE)
    assert found["cats"].size("train") == 6 and found["cats"].size("val") == 3 and notes == ()


def test_the_field_s_wording_is_taken_where_the_classes_are_its(tmp_path):
    folder = parquet(tmp_path / "mnist", {"train": 20, "test": 10}, [str(digit) for digit in range(10)])
    data = open_datasets(["MNIST"], folder.parent, SHAPE)[0]["MNIST"]
    assert data.templates == ('a photo of the number: "{}".',)


def test_what_is_no_dataset_is_one_sentence(tmp_path):
    with pytest.raises(DatasetError, match="must hold parquet files of a train split"):
        read_parquet_folder("x", parquet(tmp_path / "a", {"test": 2}, ["a"]), SHAPE)
    folder = parquet(tmp_path / "b", {"train": 2}, ["a"])
    (folder / "data" / "train-00000-of-00001.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DatasetError, match="must be a parquet file"):
        read_parquet_folder("x", folder, SHAPE)


def test_other_columns_are_named(tmp_path):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"], "label": [0]}), tmp_path / "train.parquet")
    with pytest.raises(DatasetError, match="must have a column image and a column label; found text, label"):
        read_parquet_folder("x", tmp_path, SHAPE)
