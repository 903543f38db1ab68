import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mloss_core.data.on_disk import open_datasets
from mloss_core.data.parquet_folders import read_parquet_folder
from mloss_core.errors import DatasetError
from mloss_core.vision.architecture import Architecture
from tests.field_files import parquet, pixels

SHAPE = Architecture(width=16, layers=2, heads=2, patch=6, grid=2, mlp_width=64, embed_dim=8)


def rows(path: Path, labels: Sequence[Any], column: str = "label", side: int = 12) -> None:
    """A parquet file of noise images with these labels."""
    import pyarrow
    import pyarrow.parquet

    cells = []
    for image in pixels(0, len(labels), side):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "png")
        cells.append({"bytes": buffer.getvalue(), "path": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table({"image": cells, column: list(labels)}), path)


def test_rows_classes_and_images(tmp_path):
    data = read_parquet_folder("cats", parquet(tmp_path, {"train": 20, "test": 9}, ["a_cat", "dog", "cow"]), SHAPE)
    assert data.classes == ("a cat", "dog", "cow")
    assert [data.size(split) for split in ("train", "val", "test")] == [18, 2, 9]
    assert data.labels("test").tolist() == [0, 1, 2] * 3
    # The second row group begins at the fifth row.
    assert np.array_equal(data.pixels("test", [8, 4]), pixels(1, 9)[[8, 4]])
    assert [data.image_name("test", place) for place in (0, 8)] == [
        "test-00000-of-00001.parquet#0",
        "test-00000-of-00001.parquet#8",
    ]


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


@pytest.mark.parametrize(
    "name",
    [
        "train.parquet|test.parquet",
        "data/train-00000-of-00001.parquet|data/test-00000-of-00001.parquet",
        "data/train-00000-of-00001-0a1b2c3d4e5f6071.parquet|data/test-00000-of-00001-0a1b2c3d4e5f6071.parquet",
        "mnist/train-00000-of-00001.parquet|mnist/test-00000-of-00001.parquet",
        "default/train/0000.parquet|default/test/0000.parquet",
        "train/0000.PARQUET|test/0000.PARQUET",
    ],
)
def test_layouts_of_the_hub(tmp_path, name):
    for split, place in zip(("train", "test"), name.split("|"), strict=True):
        rows(tmp_path / place, [0, 1] * (10 if split == "train" else 2))
    data = read_parquet_folder("x", tmp_path, SHAPE)
    assert [data.size(split) for split in ("train", "val", "test")] == [18, 2, 4] and data.notes == ()


def configured(folder: Path, configs: dict[str, tuple[int, str]]) -> None:
    for config, (count, column) in configs.items():
        for split in ("train", "test"):
            rows(folder / config / f"{split}-00000-of-00001.parquet", [0, 1] * count, column)


@pytest.mark.parametrize("column", ["label", "digits"])
def test_configurations_are_never_mixed(tmp_path, column):
    configured(tmp_path, {"cropped_digits": (10, "label"), "full_numbers": (3, column)})
    data = read_parquet_folder("x", tmp_path, SHAPE)
    assert data.size("train") + data.size("val") == 20 and data.size("test") == 20
    assert len(data.notes) == 1 and "2 configurations; cropped_digits is read, full_numbers is not" in data.notes[0]


def test_the_configuration_with_fitting_columns_is_read_whatever_its_name(tmp_path):
    configured(tmp_path, {"a": (3, "digits"), "default": (10, "label"), "z": (4, "label")})
    data = read_parquet_folder("x", tmp_path, SHAPE)
    assert data.size("test") == 20 and "default is read, a, z are not" in data.notes[0]


def test_names_of_files_tell_configurations_too(tmp_path):
    for name, count in (("train", 10), ("train-small", 3), ("test", 2), ("extra-00000-of-00001", 5)):
        rows(tmp_path / f"{name}.parquet", [0, 1] * count)
    data = read_parquet_folder("x", tmp_path, SHAPE)
    assert data.size("train") + data.size("val") == 20
    assert any("small is not" in note for note in data.notes)
    assert any("no known split are not read: extra-00000-of-00001.parquet" in note for note in data.notes)


def test_a_missing_shard_is_told(tmp_path):
    for shard in (0, 2):
        rows(tmp_path / f"train-0000{shard}-of-00003.parquet", [0, 1])
    with pytest.raises(DatasetError, match="must hold all 3 shards of train; found 2"):
        read_parquet_folder("x", tmp_path, SHAPE)
    rows(tmp_path / "train-00001-of-00003.parquet", [0, 1])
    assert read_parquet_folder("x", tmp_path, SHAPE).size("train") == 6 - 1
    rows(tmp_path / "train-00000-of-00001.parquet", [0, 1])
    with pytest.raises(DatasetError, match="those of two lie there"):
        read_parquet_folder("x", tmp_path, SHAPE)


def test_shards_of_other_columns_are_refused(tmp_path):
    rows(tmp_path / "train-00000-of-00002.parquet", [0, 1])
    rows(tmp_path / "train-00001-of-00002.parquet", [0, 1], "other")
    with pytest.raises(DatasetError, match=r"00001-of-00002\.parquet must have the columns image and label"):
        read_parquet_folder("x", tmp_path, SHAPE)


def test_a_file_that_is_replaced_is_read_anew(tmp_path):
    rows(tmp_path / "train.parquet", [0, 1] * 4)
    before = read_parquet_folder("x", tmp_path, SHAPE)
    first, digest = before.pixels("train", range(4)), before.digest
    rows(tmp_path / "train.parquet", [0, 1] * 4, side=14)
    after = read_parquet_folder("x", tmp_path, SHAPE)
    assert after.digest != digest and not np.array_equal(after.pixels("train", range(4)), first)


@pytest.mark.parametrize("place", [0.3, 0.6])
def test_damaged_pages_are_one_sentence(tmp_path, place):
    rows(tmp_path / "train.parquet", [0, 1] * 30)
    content = bytearray((tmp_path / "train.parquet").read_bytes())
    start = int(place * len(content))
    content[start : start + 3000] = b"\xaa" * 3000
    (tmp_path / "train.parquet").write_bytes(content)
    with pytest.raises(DatasetError, match=r"train\.parquet must"):
        read_parquet_folder("x", tmp_path, SHAPE).images("train", range(54))
