"""Miniature datasets of the field in the forms in which they lie on people's disks."""

import csv
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from mloss_core.data.field.catalogue import CATALOGUE

SIDE = 12


def pixels(seed: int, count: int, side: int = SIDE, channels: int = 3) -> np.ndarray:
    """Noise images, uint8 (image, side, side, channels) or (image, side, side) for one channel."""
    shape = (count, side, side, channels) if channels > 1 else (count, side, side)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def picture(path: Path, seed: int = 0) -> None:
    """One noise image in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed, 1)[0]).save(path)


def classes_of(task: str) -> Sequence[str]:
    """Class folders in label order."""
    folders = CATALOGUE[task].folder_classes
    assert folders is not None
    return folders


def idx(path: Path, array: np.ndarray) -> None:
    """An idx file, gzipped where its name says so."""
    magic = 2048 + array.ndim
    content = (
        b"".join(int(value).to_bytes(4, "big") for value in (magic, *array.shape)) + array.astype(np.uint8).tobytes()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def mnist(root: Path, name: str = "MNIST", prefix: str = "", end: str = "", test: str = "t10k") -> Path:
    """`MNIST/raw/train-images-idx3-ubyte` and the other three: 20 training and 10 test images."""
    for seed, (stem, count) in enumerate((("train", 20), (test, 10))):
        raw = root / name / "raw"
        idx(raw / f"{prefix}{stem}-images-idx3-ubyte{end}", pixels(seed, count, 28, 1))
        idx(raw / f"{prefix}{stem}-labels-idx1-ubyte{end}", np.arange(count) % 10)
    return root / name


def pixel_table(path: Path, count: int, labels: bool = True, side: int = 28) -> np.ndarray:
    """A table as Kaggle keeps MNIST: `label,pixel0,..`, or pixels alone; returns the images."""
    images = pixels(count, count, side, 1)
    header = [*(["label"] if labels else []), *(f"pixel{place}" for place in range(side * side))]
    lines = [[*([place % 10] if labels else []), *image.ravel().tolist()] for place, image in enumerate(images)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(",".join(map(str, line)) for line in [header, *lines]) + "\n")
    return images


def svhn(root: Path) -> Path:
    """`svhn/{train,test}_32x32.mat`, where 10 is the digit 0."""
    (root / "svhn").mkdir(parents=True)
    for seed, (split, count) in enumerate((("train", 20), ("test", 10))):
        labels = np.array([10 if place % 10 == 0 else place % 10 for place in range(count)], np.uint8)
        images = pixels(seed, count, 32).transpose(1, 2, 3, 0)
        savemat(root / "svhn" / f"{split}_32x32.mat", {"X": images, "y": labels[:, None]})
    return root / "svhn"


def cars(root: Path) -> Path:
    """`stanford_cars/devkit/cars_train_annos.mat`, images, and test annotations with labels."""
    folder = root / "stanford_cars"
    kinds = [("bbox_x1", "O"), ("class", "O"), ("fname", "O")]
    for split, count in (("train", 20), ("test", 6)):
        rows = np.zeros((1, count), dtype=kinds)
        for place in range(count):
            name = f"{place + 1:05d}.jpg"
            picture(folder / f"cars_{split}" / name, place)
            rows[0, place] = (np.array([[1]]), np.array([[place % 196 + 1]]), np.array([name]))
        place = (
            folder / "devkit" / "cars_train_annos.mat"
            if split == "train"
            else (folder / "cars_test_annos_withlabels.mat")
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        savemat(place, {"annotations": rows})
    return folder


def dtd(root: Path) -> Path:
    """`dtd/dtd/{images,labels}`: an image a class in each list of partition 1."""
    folder = root / "dtd" / "dtd"
    for split in ("train", "val", "test"):
        names = [f"{name}/{name}_{split}.jpg" for name in classes_of("dtd")]
        for place, name in enumerate(names):
            picture(folder / "images" / name, place)
        (folder / "labels").mkdir(parents=True, exist_ok=True)
        (folder / "labels" / f"{split}1.txt").write_text("\n".join(names) + "\n")
    return root / "dtd"


def eurosat(root: Path) -> Path:
    """`eurosat/2750/<class>/*.jpg`: four images a class, no split."""
    for name in classes_of("eurosat"):
        for place in range(4):
            picture(root / "eurosat" / "2750" / name / f"{name}_{place + 1}.jpg", place)
    return root / "eurosat"


def gtsrb(root: Path) -> Path:
    """`gtsrb/GTSRB/Training/<class>`, `Final_Test/Images`, `GT-final_test.csv`."""
    folder = root / "gtsrb" / "GTSRB"
    for name in classes_of("gtsrb"):
        picture(folder / "Training" / name / "00000_00000.ppm", int(name))
    rows = [(f"{place:05d}.ppm", 42 - place) for place in range(8)]
    for name, seed in rows:
        picture(folder / "Final_Test" / "Images" / name, seed)
    with (root / "gtsrb" / "GT-final_test.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Filename", "Width", "Height", "ClassId"])
        writer.writerows([name, SIDE, SIDE, label] for name, label in rows)
    return root / "gtsrb"


def kaggle_gtsrb(root: Path) -> Path:
    """`gtsrb/Train/<class>/*.png` with classes 0 to 42, `Test/*.png`, `Train.csv` and `Test.csv`."""
    folder = root / "gtsrb"
    rows = {
        "Train": [(f"Train/{label}/000{label:02d}_0.png", label) for label in range(43)],
        "Test": [(f"Test/{place:05d}.png", 42 - place) for place in range(8)],
    }
    for split, listed in rows.items():
        for name, seed in listed:
            picture(folder / name, seed)
        with (folder / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["Width", "ClassId", "Path"], *([SIDE, label, name] for name, label in listed)])
    return folder


def resisc45(root: Path) -> Path:
    """`resisc45/NWPU-RESISC45/<class>/<class>_001.jpg` with lists of file names without folders."""
    folder = root / "resisc45"
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for name in classes_of("resisc45"):
        for place, split in enumerate(lists, 1):
            picture(folder / "NWPU-RESISC45" / name / f"{name}_{place:03d}.jpg", place)
            lists[split].append(f"{name}_{place:03d}.jpg")
    for split, names in lists.items():
        (folder / f"resisc45-{split}.txt").write_text("\n".join(reversed(names)) + "\n")
    return folder


def sun397(root: Path, lists: bool = False) -> Path:
    """`SUN397/<letter>/<class>/*.jpg`, some below `indoor` and `outdoor`; two images a class, perhaps with lists."""
    folder = root / "SUN397"
    names: dict[str, list[str]] = {"Training": [], "Testing": []}
    for name in classes_of("sun397"):
        for place, part in enumerate(names):
            picture(folder / name[0] / name / f"sun_{place}.jpg", place)
            names[part].append(f"/{name[0]}/{name}/sun_{place}.jpg")
    if lists:
        for part, lines in names.items():
            (folder / f"{part}_01.txt").write_text("\n".join(lines) + "\n")
    return folder


CORE: dict[str, Callable[[Path], Path]] = {
    "cars": cars,
    "dtd": dtd,
    "eurosat": eurosat,
    "gtsrb": gtsrb,
    "mnist": mnist,
    "resisc45": resisc45,
    "svhn": svhn,
    "sun397": sun397,
}
"""Makers of the eight core datasets; each returns the dataset's folder."""


def parquet(folder: Path, splits: dict[str, int], classes: Sequence[str], groups: int = 4) -> Path:
    """A Hugging Face dataset: `data/<split>-00000-of-00001.parquet` with class names in the schema."""
    import io

    import pyarrow
    import pyarrow.parquet

    (folder / "data").mkdir(parents=True, exist_ok=True)
    facts = {"info": {"features": {"label": {"names": list(classes), "_type": "ClassLabel"}}}}
    for seed, (split, count) in enumerate(splits.items()):
        cells = []
        for image in pixels(seed, count):
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "png")
            cells.append({"bytes": buffer.getvalue(), "path": None})
        table = pyarrow.table({"image": cells, "label": [place % len(classes) for place in range(count)]})
        table = table.replace_schema_metadata({"huggingface": json.dumps(facts)})
        path = folder / "data" / f"{split}-00000-of-00001.parquet"
        pyarrow.parquet.write_table(table, path, row_group_size=groups)
    return folder
