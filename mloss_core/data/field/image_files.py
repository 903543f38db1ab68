"""Readers of the field's datasets that keep an image a file: class folders, list files, annotations."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mloss_core.data.field.array_files import Parts
from mloss_core.data.field.catalogue import FieldTask
from mloss_core.data.field.lists import csv_rows, text_lines, whole_number
from mloss_core.data.field.matlab import matlab
from mloss_core.data.field.places import first_of, need
from mloss_core.data.foreign_files import reading
from mloss_core.data.pictures import PictureFiles, SomePictures
from mloss_core.errors import DatasetError

SEED, TEST_SHARE = 0, 5
"""Datasets without a split of their own give one in so many images to the test split, drawn with this seed."""
_SUFFIXES = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".tif", ".tiff", ".webp"}


def read_cars(folder: Path, task: FieldTask) -> Parts:
    """`devkit/cars_train_annos.mat`, `cars_train/`, `cars_test_annos_withlabels.mat`, `cars_test/`."""
    annotations = {
        "train": ["devkit/cars_train_annos.mat", "cars_train_annos.mat"],
        "test": ["cars_test_annos_withlabels.mat", "devkit/cars_test_annos_withlabels.mat"],
    }
    parts: Parts = {}
    for split, names in annotations.items():
        images, rows = need(folder, [f"cars_{split}"]), _annotations(need(folder, names))
        paths = [_below(images, name, images) for name, _ in rows]
        parts[split] = PictureFiles(paths, [label - 1 for _, label in rows], folder)
    return parts


def read_dtd(folder: Path, task: FieldTask) -> Parts:
    """Partition 1: `dtd/images/<class>/*.jpg` with `dtd/labels/{train,test}1.txt`."""
    labels, images = need(folder, ["dtd/labels", "labels"]), need(folder, ["dtd/images", "images"])
    index = _index(task)
    return {split: _listed(images, text_lines(labels / f"{split}1.txt"), index, folder) for split in ("train", "test")}


def read_eurosat(folder: Path, task: FieldTask) -> Parts:
    """`2750/<class>/*.jpg`, split 80/20 by a seed, or folders `train` and `test` that hold the classes."""
    if first_of(folder, ["train/*", "train"]) is not None:
        return {split: _classes(need(folder, [split]), task, folder) for split in ("train", "test")}
    images = need(folder, ["2750", "EuroSAT/2750", "AnnualCrop", "EuroSAT_RGB"])
    return seeded_split(_classes(images.parent if images.name == "AnnualCrop" else images, task, folder))


def read_gtsrb(folder: Path, task: FieldTask) -> Parts:
    """`GTSRB/Training/<class>/*.ppm`, `GTSRB/Final_Test/Images/*.ppm`, `GT-final_test.csv`; or Kaggle's tables."""
    kaggle = first_of(folder, ["Test.csv", "*/Test.csv"])
    if kaggle is not None:
        return _kaggle_gtsrb(folder, kaggle)
    train = need(folder, ["GTSRB/Training", "GTSRB/Final_Training/Images", "Training", "Final_Training/Images"])
    test = need(folder, ["GTSRB/Final_Test/Images", "Final_Test/Images"])
    truth = need(folder, ["GT-final_test.csv", "GTSRB/GT-final_test.csv"])
    rows = csv_rows(truth, ("Filename", "ClassId"), ";")
    paths = [_below(test, row["Filename"], truth) for row in rows]
    return {
        "train": _classes(train, task, folder),
        "test": PictureFiles(paths, [whole_number(row["ClassId"], truth) for row in rows], folder),
    }


def _kaggle_gtsrb(folder: Path, truth: Path) -> Parts:
    """`Train/<class>/*.png`, `Test/*.png`, with `Train.csv` and `Test.csv` that name and number them.

    Class folders are numbered without zeros there, so that the tables tell more than the folders.
    """
    parts: Parts = {}
    for split, table in (("train", need(folder, ["Train.csv", "*/Train.csv"])), ("test", truth)):
        rows = csv_rows(table, ("ClassId", "Path"))
        paths = [_below(table.parent, row["Path"], table) for row in rows]
        parts[split] = PictureFiles(paths, [whole_number(row["ClassId"], table) for row in rows], folder)
    return parts


def read_resisc45(folder: Path, task: FieldTask) -> Parts:
    """`NWPU-RESISC45/<class>/*.jpg` with the lists `resisc45-train.txt` and `resisc45-test.txt` of file names."""
    images, index = need(folder, ["NWPU-RESISC45", "images"]), _index(task)
    parts: Parts = {}
    for split in ("train", "test"):
        names = text_lines(need(folder, [f"resisc45-{split}.txt"]))
        # The lists name files without their folders; the class is what stands before the number.
        parts[split] = _listed(images, sorted(f"{name.rpartition('_')[0]}/{name}" for name in names), index, folder)
    return parts


def read_sun397(folder: Path, task: FieldTask) -> Parts:
    """`<letter>/<class>/*.jpg`, by the lists of the official first partition, or without them 80/20 by a seed."""
    images = need(folder, ["SUN397/a", "a", "*/a"]).parent
    names = {"train": "Training_01.txt", "test": "Testing_01.txt"}
    lists = {split: first_of(folder, [name, f"*/{name}"]) for split, name in names.items()}
    index = _index(task)
    if None not in lists.values():
        return {
            split: _listed(images, [_without_letter(line) for line in text_lines(path)], index, folder, letters=True)
            for split, path in lists.items()
            if path is not None
        }
    found = [name for name in sorted(index) if (images / _with_letter(name)).is_dir()]
    _check_all(found, task, images)
    files = [f"{name}/{path.name}" for name in found for path in _images(images / _with_letter(name))]
    return seeded_split(_listed(images, files, index, folder, letters=True))


def read_pets(folder: Path, task: FieldTask) -> Parts:
    """`images/*.jpg` with `annotations/{trainval,test}.txt`: name, class from 1, and more."""
    images, lists = need(folder, ["images"]), need(folder, ["annotations"])
    parts: Parts = {}
    for split, name in (("train", "trainval"), ("test", "test")):
        path = lists / f"{name}.txt"
        rows = [line.split() for line in text_lines(path) if not line.startswith("#")]
        short = next((row for row in rows if len(row) < 2), None)
        if short is not None:
            raise DatasetError(f"{path} must name an image and its class in each line; found {short[0][:40]!r}.")
        paths = [_below(images, f"{row[0]}.jpg", path) for row in rows]
        parts[split] = PictureFiles(paths, [whole_number(row[1], path) - 1 for row in rows], folder)
    return parts


def read_flowers(folder: Path, task: FieldTask) -> Parts:
    """`jpg/image_00001.jpg` with `imagelabels.mat` (classes from 1) and `setid.mat` (numbers of each split)."""
    images = need(folder, ["jpg"])
    labels = matlab(need(folder, ["imagelabels.mat"]), "labels").ravel()
    numbers = need(folder, ["setid.mat"])
    parts: Parts = {}
    for split, name in (("train", "trnid"), ("test", "tstid")):
        with reading(numbers, "number images"):
            chosen = [int(number) for number in matlab(numbers, name).ravel()]
            wrong = next((number for number in chosen if not 1 <= number <= len(labels)), None)
        if wrong is not None:
            raise DatasetError(f"{numbers} must number images 1 to {len(labels)}; found {wrong}. Download it again.")
        paths = [images / f"image_{number:05d}.jpg" for number in chosen]
        parts[split] = PictureFiles(paths, [int(labels[number - 1]) - 1 for number in chosen], folder)
    return parts


def read_food(folder: Path, task: FieldTask) -> Parts:
    """`images/<class>/*.jpg` with `meta/{train,test}.txt` of names without ending."""
    images, lists = need(folder, ["images"]), need(folder, ["meta"])
    index = _index(task)
    return {
        split: _listed(images, [f"{line}.jpg" for line in text_lines(lists / f"{split}.txt")], index, folder)
        for split in ("train", "test")
    }


def read_rendered(folder: Path, task: FieldTask) -> Parts:
    """`{train,test}/<class>/*.png`."""
    return {split: _classes(need(folder, [split]), task, folder) for split in ("train", "test")}


def seeded_split(pictures: PictureFiles) -> Parts:
    """Four in five images to train on, one to test on, in an order of the seed alone."""
    order = np.random.default_rng(SEED).permutation(len(pictures.labels)).tolist()
    test = len(order) // TEST_SHARE
    return {"train": SomePictures(pictures, sorted(order[test:])), "test": SomePictures(pictures, sorted(order[:test]))}


def _index(task: FieldTask) -> dict[str, int]:
    """Label of each class folder."""
    return {name: label for label, name in enumerate(task.folder_classes or ())}


def _classes(images: Path, task: FieldTask, folder: Path) -> PictureFiles:
    """All images of the class folders, in order."""
    index = _index(task)
    _check_all([path.name for path in sorted(images.iterdir()) if path.is_dir() and path.name[0] != "."], task, images)
    names = [f"{name}/{path.name}" for name in sorted(index) for path in _images(images / name)]
    return _listed(images, names, index, folder)


def _check_all(found: Sequence[str], task: FieldTask, images: Path) -> None:
    expected = set(task.folder_classes or ())
    odd = sorted(expected ^ set(found))
    if odd:
        raise DatasetError(
            f"{images} must hold the {len(expected)} class folders of {task.title}; {', '.join(odd[:5])} "
            f"{'is' if len(odd) == 1 else 'are'} missing or not one of them."
        )


def _listed(
    images: Path, names: Sequence[str], index: Mapping[str, int], folder: Path, letters: bool = False
) -> PictureFiles:
    """Images named `<class>/<file>`; with `letters`, class folders lie below one of their first letter."""
    labels = []
    for name in names:
        kind = name.rpartition("/")[0]
        if kind not in index:
            raise DatasetError(f"{images}: {name!r} is listed, but {kind!r} is none of the classes. Check the lists.")
        labels.append(index[kind])
    paths = [_below(images, _with_letter(name) if letters else name, images) for name in names]
    return PictureFiles(paths, labels, folder)


def _below(images: Path, name: str, source: Path) -> Path:
    """The file that a list names; one outside the folder of images is none of the dataset's."""
    path = Path(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise DatasetError(f"{source} must name files below {images}; found {name[:80]!r}.")
    return images / path


def _with_letter(name: str) -> str:
    return f"{name[0]}/{name}"


def _without_letter(line: str) -> str:
    """`/a/abbey/sun_x.jpg` as `abbey/sun_x.jpg`."""
    return line.strip("/").partition("/")[2]


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.name[0] != ".")


def _annotations(path: Path) -> list[tuple[str, int]]:
    rows = np.atleast_1d(matlab(path, "annotations", squeeze=True))
    with reading(path, "hold annotations with fname and class"):
        return [(str(row["fname"]), int(row["class"])) for row in rows]


READERS: Mapping[str, Callable[[Path, FieldTask], Parts]] = {
    "cars": read_cars,
    "dtd": read_dtd,
    "eurosat": read_eurosat,
    "gtsrb": read_gtsrb,
    "resisc45": read_resisc45,
    "sun397": read_sun397,
    "oxfordiiitpet": read_pets,
    "flowers102": read_flowers,
    "food101": read_food,
    "renderedsst2": read_rendered,
}
"""Readers by task."""
