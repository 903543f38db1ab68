"""Which files below a folder are its images."""

from pathlib import Path

import pytest

from mloss_core.data.image_folders import ImageFolderDataset
from mloss_core.data.image_paths import images_below, numbered_notes
from mloss_core.data.on_disk import open_datasets
from mloss_core.data.unlabelled import UnlabelledDataset
from tests.mloss_core.data.test_image_folders import SHAPE, write


def names(paths, root):
    return [path.relative_to(root).as_posix() for path in paths]


def test_a_link_in_a_circle_counts_nothing_twice(tmp_path):
    write(tmp_path / "x" / "train", ["a", "b"], 4)
    (tmp_path / "x" / "train" / "a" / "again").symlink_to("..", target_is_directory=True)
    (tmp_path / "x" / "train" / "a" / "self").symlink_to(".", target_is_directory=True)
    found = images_below(tmp_path / "x" / "train" / "a")
    assert len(found.paths) == len({path.resolve() for path in found.paths})
    data = ImageFolderDataset("x", tmp_path / "x", SHAPE)
    assert any(("train/a/self" in note and "is not read" in note) or "are not read" in note for note in data.notes)


def test_a_link_to_images_elsewhere_is_followed(tmp_path):
    write(tmp_path / "elsewhere", ["a"], 3)
    (tmp_path / "train" / "a").mkdir(parents=True)
    (tmp_path / "train" / "a" / "more").symlink_to(tmp_path / "elsewhere" / "a", target_is_directory=True)
    assert len(images_below(tmp_path / "train" / "a").paths) == 3


def test_what_looks_like_an_image_and_is_not_read_is_named(tmp_path):
    write(tmp_path / "train", ["a", "b"], 3)
    (tmp_path / "train" / "a" / "x.gif").write_bytes(b"GIF89a")
    (tmp_path / "train" / "b" / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "train" / "loose.png").write_bytes(b"x")
    (tmp_path / "train" / "b" / "readme.txt").write_text("x")
    note = next(note for note in ImageFolderDataset("x", tmp_path, SHAPE).notes if "not read" in note)
    assert "train/loose.png, train/a/x.gif, train/b/gone.png are not read" in note and "readme" not in note


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        ([str(number) for number in range(12)], True),
        ([f"class_{number}" for number in range(12)], True),
        ([f"{number:02}" for number in range(12)], False),
        ([str(number) for number in range(10)], False),
        (["7", "8", "cat"], False),
        (["c1", "d10", "d2"], False),
    ],
)
def test_numbers_in_alphabetical_order_are_noted(folders, told, tmp_path):
    notes = numbered_notes(sorted(folders), tmp_path)
    assert bool(notes) == told
    if told:
        assert "read in alphabetical order" in notes[0] and "1" in notes[0]


def test_the_note_on_numbers_comes_with_the_dataset(tmp_path):
    write(tmp_path / "mine" / "train", [str(number) for number in range(12)], 2)
    _, notes = open_datasets(["mine"], tmp_path, SHAPE)
    assert any(note.startswith("mine: the class folders of") and "0, 1, 10, 11, .." in note for note in notes)


def test_deep_images_are_noted(tmp_path):
    import numpy as np
    from PIL import Image

    write(tmp_path / "mine" / "train", ["a"], 3)
    Image.fromarray(np.full((9, 9), 30000, np.uint16)).save(tmp_path / "mine" / "train" / "a" / "deep.png")
    assert any("more than 8 bits are scaled" in note for note in open_datasets(["mine"], tmp_path, SHAPE)[1])


def test_unlabelled_images_keep_their_order_and_their_notes(tmp_path):
    write(tmp_path, ["b", "a b", "a"], 2)
    Path(tmp_path / "a" / "x.gif").write_bytes(b"GIF89a")
    data = UnlabelledDataset("x", tmp_path, SHAPE)
    assert data.size("train") == 6 and any("a/x.gif is not read" in note for note in data.notes)
    assert names(sorted(images_below(tmp_path).paths), tmp_path)[0] == "a/000.png"


def test_other_folders_files_and_archives_of_a_name_are_named(tmp_path):
    write(tmp_path / "cars" / "train", ["a"], 3)
    write(tmp_path / "Cars" / "train", ["a"], 3)
    (tmp_path / "dtd.tar.gz").write_bytes(b"x")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "data.npz").write_bytes(b"x")
    found, notes = open_datasets(["cars", "dtd", "mine"], tmp_path, SHAPE)
    assert list(found) == ["cars"]
    assert any("several folders of that name; Cars is read, cars is not" in note for note in notes)
    assert any(note.startswith("no dataset of dtd") and "dtd.tar.gz: unpack it" in note for note in notes)
    assert any(note.startswith("no dataset of mine") and "not read: data.npz" in note for note in notes)
