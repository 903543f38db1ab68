"""A dataset with one bad line or stream is left out with a note that names the file; the others open."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from mloss_core.data.field.catalogue import CATALOGUE
from mloss_core.data.on_disk import open_dataset, open_datasets
from mloss_core.errors import DatasetError
from tests import field_files
from tests.mloss_core.data.test_image_folders import SHAPE, write

TABLE = "Filename;Width;ClassId\n"
FACES = "emotion,pixels,Usage\n" + "".join(f"{place % 7},{'7 ' * 2303}7,Training\n" for place in range(9))
DAMAGED = {
    "a word for a number": ("gtsrb", "GT-final_test.csv", (TABLE + "00000.ppm;1;x\n").encode()),
    "a short line": ("gtsrb", "GT-final_test.csv", (TABLE + "00000.ppm;1\n").encode()),
    "other letters": ("gtsrb", "GT-final_test.csv", (TABLE + "\xe9.ppm;1;2\n").encode("latin-1")),
    "a file outside": ("gtsrb", "GT-final_test.csv", (TABLE + "../../x.ppm;1;2\n").encode()),
    "nothing but names": ("gtsrb", "GT-final_test.csv", TABLE.encode()),
    "a zero byte": ("gtsrb", "GT-final_test.csv", (TABLE + "a\0.ppm;1;2\n").encode()),
    "an endless field": ("gtsrb", "GT-final_test.csv", TABLE.encode() + b'"' + b"a" * 2**21),
    "a list of bytes": ("dtd", "dtd/labels/train1.txt", b"\xff\xfe\x00\x81"),
    "a matrix cut short": ("svhn", "test_32x32.mat", None),
    "a matrix of noise": ("cars", "devkit/cars_train_annos.mat", bytes(range(256)) * 9),
    "a count too many": ("mnist", "raw/t10k-labels-idx1-ubyte", None),
    "images cut short": ("mnist", "raw/t10k-images-idx3-ubyte", None),
    "an empty file": ("mnist", "raw/train-images-idx3-ubyte", b""),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_one_damaged_file_leaves_one_dataset_out(damage, tmp_path):
    name, place, content = DAMAGED[damage]
    path = field_files.CORE[name](tmp_path) / place
    path.write_bytes(path.read_bytes()[:-7] if content is None else content)
    write(tmp_path / "mine" / "train", ["a", "b"], 4)
    found, notes = open_datasets([name, "mine"], tmp_path, SHAPE)
    assert list(found) == ["mine"]
    note = next(note for note in notes if note.startswith(f"no dataset of {name}: "))
    assert Path(place).name in note or "images" in note
    assert len(note) < 700 and "\n" not in note


def test_a_damaged_stream_is_found_when_the_dataset_is_opened(tmp_path):
    folder = field_files.mnist(tmp_path, end=".gz")
    path = folder / "raw" / "t10k-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[100:140] = b"\xaa" * 40
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"t10k-images-idx3-ubyte\.gz must be an idx file"):
        open_dataset("mnist", folder, SHAPE, CATALOGUE["mnist"])


@pytest.mark.parametrize("line", ["3,12 13", "x,1 2,Training", "3", '"', "3,,Training,"])
def test_lines_of_fer2013(tmp_path, line):
    (tmp_path / "fer2013").mkdir()
    path = tmp_path / "fer2013" / "fer2013.csv"
    path.write_text(FACES + line + "\n" + FACES.splitlines()[1].replace("Training", "PublicTest") + "\n")
    try:
        data = open_dataset("fer2013", path.parent, SHAPE, CATALOGUE["fer2013"])
        data.images("train", range(data.size("train")))
    except DatasetError as error:
        assert "fer2013" in str(error)
    else:
        pytest.fail("the line was read")


@pytest.mark.parametrize("lines", ["a_1 1 1 1\nb_2\n", "a_1 one\n", "a_1 38\n", "../a 1\n", "a_1 -1\n", "a_1 0\n"])
def test_lines_of_pets(tmp_path, lines):
    (tmp_path / "oxfordiiitpet" / "images").mkdir(parents=True)
    lists = tmp_path / "oxfordiiitpet" / "annotations"
    lists.mkdir()
    (lists / "trainval.txt").write_text(lines)
    (lists / "test.txt").write_text("a_1 1 1 1\n")
    found, notes = open_datasets(["oxfordiiitpet"], tmp_path, SHAPE)
    assert not found and notes[0].startswith("no dataset of oxfordiiitpet: ")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    folder = field_files.gtsrb(tmp_path)
    path = folder / "GT-final_test.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert open_dataset("gtsrb", folder, SHAPE, CATALOGUE["gtsrb"]).size("test") == 8


def test_an_image_that_is_listed_but_gone_is_a_sentence(tmp_path):
    folder = field_files.cars(tmp_path)
    data = open_dataset("cars", folder, SHAPE, CATALOGUE["cars"])
    shutil.rmtree(folder / "cars_test")
    with pytest.raises(DatasetError, match=r"cars_test/00001\.jpg cannot be read: No such file"):
        assert data.digest


def test_kaggles_gtsrb_has_the_tables_labels(tmp_path):
    folder = field_files.kaggle_gtsrb(tmp_path)
    data = open_dataset("gtsrb", folder, SHAPE, CATALOGUE["gtsrb"])
    assert [data.size(split) for split in ("train", "val", "test")] == [39, 4, 8]
    assert data.labels("test").tolist() == [42 - place for place in range(8)]
    assert sorted(data.labels("train").tolist() + data.labels("val").tolist()) == list(range(43))
    assert data.classes == CATALOGUE["gtsrb"].classes and data.images("test", [7]).shape == (1, 3, 32, 32)


@pytest.mark.parametrize("prefix", ["", "mnist_", "fashion-mnist_"])
def test_kaggles_mnist(tmp_path, prefix):
    name = "fashionmnist" if prefix.startswith("fashion") else "mnist"
    field_files.pixel_table(tmp_path / f"{prefix}train.csv", 20)
    images = field_files.pixel_table(tmp_path / f"{prefix}test.csv", 10)
    data = open_dataset(name, tmp_path, SHAPE, CATALOGUE[name])
    assert [data.size(split) for split in ("train", "val", "test")] == [18, 2, 10]
    assert data.labels("test").tolist() == list(range(10))
    assert np.array_equal(np.asarray(data._splits["test"].open(3))[..., 0], images[3])


@pytest.mark.parametrize(
    "text", ["", "label,pixel0\n", "label,pixel0\n1\n", "label,pixel0,pixel1\n1,2,3\n", "label,p\nx,1\n"]
)
def test_damaged_tables_of_pixels(tmp_path, text):
    field_files.pixel_table(tmp_path / "test.csv", 10)
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(DatasetError, match=r"train\.csv"):
        open_dataset("mnist", tmp_path, SHAPE, CATALOGUE["mnist"])
