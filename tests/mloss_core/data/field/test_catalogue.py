"""The catalogue's tasks against the field's own numbers and names."""

import json
from pathlib import Path

import pytest

from mloss_core.data.field import catalogue
from mloss_core.data.field.catalogue import CATALOGUE, SUITES, field_task, require_field_task
from mloss_core.errors import UnknownNameError

COUNTS = {
    "cars": (196, 8, 8144, 8041),
    "dtd": (47, 8, 1880, 1880),
    "eurosat": (10, 3, 21600, 5400),
    "gtsrb": (43, 3, 26640, 12630),
    "mnist": (10, 1, 60000, 10000),
    "resisc45": (45, 18, 18900, 6300),
    "svhn": (10, 1, 73257, 26032),
    "sun397": (397, 2, 87003, 21751),
    "stl10": (10, 2, 5000, 8000),
    "oxfordiiitpet": (37, 1, 3680, 3669),
    "flowers102": (102, 1, 1020, 6149),
    "cifar100": (100, 18, 50000, 10000),
    "pcam": (2, 1, 262144, 32768),
    "fer2013": (7, 6, 28709, 7178),
    "cifar10": (10, 18, 50000, 10000),
    "food101": (101, 1, 75750, 25250),
    "fashionmnist": (10, 2, 60000, 10000),
    "renderedsst2": (2, 1, 6920, 1821),
    "emnist": (10, 1, 240000, 40000),
    "kmnist": (10, 1, 60000, 10000),
}
"""Classes, templates, training and test images."""
WORDS = sorted((Path(catalogue.__file__).parent / "words").glob("*.json"))


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    task = CATALOGUE[name]
    assert (len(task.classes), len(task.templates), task.train, task.test) == COUNTS[name]
    assert task.name == task.reader == name and task.title.lower() == name


def test_the_catalogue_holds_these_tasks_alone():
    assert list(CATALOGUE) == list(COUNTS) and len(CATALOGUE) == 20
    assert {path.stem for path in WORDS} == set(COUNTS)
    assert "cars" in CATALOGUE and "Cars" not in CATALOGUE
    with pytest.raises(KeyError):
        CATALOGUE["boats"]


@pytest.mark.parametrize("name", COUNTS)
def test_wording_is_clean(name):
    task = CATALOGUE[name]
    for listed in (task.classes, task.templates, task.folder_classes or ()):
        assert len(set(listed)) == len(listed)
        assert all(text and text == " ".join(text.split()) for text in listed)
    assert not any("_" in word or "{" in word for word in task.classes)
    for template in task.templates:
        assert template.count("{") == template.count("}") == template.count("{}") == 1
    assert task.folder_classes is None or len(task.folder_classes) == len(task.classes)


@pytest.mark.parametrize("path", WORDS, ids=lambda path: path.stem)
def test_files_hold_nothing_else(path):
    text = path.read_text(encoding="utf-8")
    assert set(json.loads(text)) in ({"classes", "templates"}, {"classes", "templates", "folders"})
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Cars", "cars"),
        ("CarsVal", "cars"),
        ("stanford-cars", "cars"),
        ("stanford_cars", "cars"),
        ("StanfordCars", "cars"),
        ("RESISC45", "resisc45"),
        ("SUN397Val", "sun397"),
        ("EuroSAT", "eurosat"),
        ("pets", "oxfordiiitpet"),
        ("oxford_pets", "oxfordiiitpet"),
        ("oxford-iiit-pet", "oxfordiiitpet"),
        ("OxfordIIITPetVal", "oxfordiiitpet"),
        ("flowers", "flowers102"),
        ("oxford_flowers102", "flowers102"),
        ("patch_camelyon", "pcam"),
        ("fashion_mnist", "fashionmnist"),
        ("rendered_sst2", "renderedsst2"),
        ("sst2", "renderedsst2"),
        ("emnist", "emnist"),
        ("MNISTVal", "mnist"),
        ("FER-2013", "fer2013"),
        ("cifar_10", "cifar10"),
        ("CIFAR-100_val", "cifar100"),
        ("boats", None),
        ("val", None),
        ("", None),
        ("emnist_letters", None),
        ("ImageNet", None),
    ],
)
def test_names_in_the_wild(name, found):
    task = field_task(name)
    assert (None if task is None else task.name) == found


def test_no_two_tasks_share_a_name():
    names = [alias for task in CATALOGUE.values() for alias in (task.name, *task.aliases)]
    assert len(set(names)) == len(names)
    assert all(field_task(alias).name == task.name for task in CATALOGUE.values() for alias in task.aliases)


def test_unknown_names():
    assert require_field_task("DTDVal") is CATALOGUE["dtd"]
    with pytest.raises(UnknownNameError, match=r"'svnh': did you mean 'svhn'\? Known: cars, dtd, eu"):
        require_field_task("svnh")
    with pytest.raises(UnknownNameError, match="'emnist_letters' is another task than emnist, which is EMNIST digits"):
        require_field_task("emnist_letters")


def test_suites():
    first = ("cars", "dtd", "eurosat", "gtsrb", "mnist", "resisc45", "svhn", "sun397")
    second = ("stl10", "oxfordiiitpet", "flowers102", "cifar100", "pcam", "fer2013")
    third = ("cifar10", "food101", "fashionmnist", "renderedsst2", "emnist", "kmnist")
    assert dict(SUITES) == {
        "N8": first,
        "N14": first + second,
        "N20": first + second + third,
        "paper": ("resisc45", "cars", "mnist", "dtd", "eurosat", "gtsrb", "sun397", "svhn"),
    }
