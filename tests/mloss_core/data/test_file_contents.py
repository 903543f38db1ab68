"""A dataset is known by what its files hold: same names, sizes and times do not hide that they changed."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from mloss_core.caching import Cache
from mloss_core.data import file_contents
from mloss_core.data.file_contents import content_digest
from mloss_core.data.image_folders import ImageFolderDataset
from mloss_core.data.on_disk import open_dataset
from mloss_core.errors import DatasetError
from tests import field_files
from tests.mloss_core.data.test_image_folders import SHAPE, write


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{number}.bin" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 100)
    return paths


def rewrite(path, content: bytes) -> None:
    """Other content of the same size, its time of change set back."""
    stat = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("most", [2**30, 10])
def test_other_content_of_the_same_size_and_time_is_another_digest(files, tmp_path, monkeypatch, most):
    monkeypatch.setattr(file_contents, "MOST_READ", most)
    cache = Cache(tmp_path / "cache")
    before = content_digest(files, cache)
    assert content_digest(files, cache) == before
    rewrite(files[1], b"x" * 100)
    assert content_digest(files, cache) != before


def test_a_copy_is_the_same_and_files_are_read_once(files, tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache")
    before = content_digest(files, cache)
    copies = [shutil.copy(path, tmp_path / f"copy{path.name}") for path in files]
    assert content_digest(copies, cache) == before
    monkeypatch.setattr(file_contents, "_content", lambda files: pytest.fail("read again"))
    assert content_digest(files, cache) == before
    with pytest.raises(DatasetError, match=r"2\.bin cannot be read: No such file"):
        files[2].unlink()
        content_digest(files, cache)


def test_images_that_change_places_change_the_dataset_but_no_draw(tmp_path):
    """Two bitmaps of one size: a class mix-up that is mended."""
    write(tmp_path / "train", ["a", "b"], 4)
    pair = [tmp_path / "train" / name / "x.bmp" for name in "ab"]
    for value, path in enumerate(pair):
        Image.new("RGB", (9, 9), (value, 9, 9)).save(path)
    before = ImageFolderDataset("x", tmp_path, SHAPE)
    first, listing = before.digest, before.listing
    contents = [path.read_bytes() for path in pair]
    for path, content in zip(pair, reversed(contents), strict=True):
        rewrite(path, content)
    after = ImageFolderDataset("x", tmp_path, SHAPE)
    assert after.digest != first and after.listing == listing


@pytest.mark.parametrize(
    ("make", "name", "place"),
    [
        (field_files.mnist, "mnist", "raw/t10k-images-idx3-ubyte"),
        (field_files.mnist, "mnist", "raw/train-images-idx3-ubyte"),
        (field_files.svhn, "svhn", "test_32x32.mat"),
    ],
)
def test_arrays_in_files_too(tmp_path, make, name, place):
    from mloss_core.data.field.catalogue import CATALOGUE

    folder = make(tmp_path)
    before = open_dataset(name, folder, SHAPE, CATALOGUE[name]).digest
    content = bytearray((folder / place).read_bytes())
    content[-1] ^= 1
    rewrite(folder / place, bytes(content))
    assert open_dataset(name, folder, SHAPE, CATALOGUE[name]).digest != before


def test_features_are_those_of_the_new_images(tmp_path):
    """The whole way: a cache that holds the old images' features gives the new ones'."""
    import dataclasses

    from mloss_core.outputs import features
    from tests.zoos import tiny_zoo

    zoo, cache = tiny_zoo(1), Cache(tmp_path / "cache")
    task = zoo.tasks[0]
    for split in ("train", "test"):
        write(tmp_path / "data" / split, ["a"], 3)
    path = tmp_path / "data" / "test" / "a" / "x.bmp"
    found = []
    for value in (10, 200):
        Image.new("RGB", (20, 20), (value, 90, 9)).save(path)
        data = ImageFolderDataset(task, tmp_path / "data", zoo.architecture)
        opened = dataclasses.replace(zoo, datasets={task: data})
        found.append(features(opened, zoo.pretrained, task, "test", cache=cache).numpy())
    assert np.array_equal(found[0][:3], found[1][:3]) and not np.allclose(found[0][3], found[1][3])
