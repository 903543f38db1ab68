"""Label order and wording, spot by spot: a class in the wrong place costs accuracy and is seen nowhere else."""

import pytest
import torchvision.datasets

from mloss_core.data.field.catalogue import CATALOGUE


@pytest.mark.parametrize(
    ("name", "index", "word"),
    [
        ("cars", 0, "AM General Hummer SUV 2000"),
        ("cars", 5, "Acura Integra Type R 2001"),
        ("cars", 195, "smart fortwo Convertible 2012"),
        ("dtd", 0, "banded"),
        ("dtd", 30, "polka-dotted"),
        ("dtd", 46, "zigzagged"),
        ("gtsrb", 0, "red and white circle 20 kph speed limit"),
        ("gtsrb", 14, "stop"),
        ("gtsrb", 12, "white and yellow diamond priority road"),
        ("gtsrb", 40, "blue circle with white arrows indicating a traffic circle"),
        ("mnist", 0, "0"),
        ("mnist", 9, "9"),
        ("svhn", 0, "0"),
        ("svhn", 9, "9"),
        ("emnist", 0, "0"),
        ("resisc45", 0, "airplane"),
        ("resisc45", 16, "ground track field"),
        ("resisc45", 44, "wetland"),
        ("sun397", 0, "abbey"),
        ("sun397", 9, "apse indoor"),
        ("sun397", 396, "youth hostel"),
        ("oxfordiiitpet", 0, "Abyssinian"),
        ("oxfordiiitpet", 36, "Yorkshire Terrier"),
        ("flowers102", 0, "pink primrose"),
        ("flowers102", 92, "air plant"),
        ("flowers102", 101, "blackberry lily"),
        ("cifar100", 1, "aquarium fish"),
        ("cifar100", 26, "crab"),
        ("cifar100", 99, "worm"),
        ("pcam", 0, "lymph node"),
        ("pcam", 1, "lymph node containing metastatic tumor tissue"),
        ("food101", 0, "apple pie"),
        ("food101", 100, "waffles"),
        ("renderedsst2", 1, "positive"),
    ],
)
def test_classes_in_label_order(name, index, word):
    assert CATALOGUE[name].classes[index] == word


def test_short_lists_whole():
    assert CATALOGUE["eurosat"].classes == (
        "annual crop land",
        "forest",
        "brushland or shrubland",
        "highway or road",
        "industrial buildings or commercial buildings",
        "pasture land",
        "permanent crop land",
        "residential buildings or homes or apartments",
        "river",
        "lake or sea",
    )
    assert CATALOGUE["eurosat"].folder_classes == (
        "AnnualCrop",
        "Forest",
        "HerbaceousVegetation",
        "Highway",
        "Industrial",
        "Pasture",
        "PermanentCrop",
        "Residential",
        "River",
        "SeaLake",
    )
    assert CATALOGUE["cifar10"].classes == (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )
    assert CATALOGUE["stl10"].classes == (
        "airplane",
        "bird",
        "car",
        "cat",
        "deer",
        "dog",
        "horse",
        "monkey",
        "ship",
        "truck",
    )
    assert CATALOGUE["fer2013"].classes == ("angry", "disgusted", "fearful", "happy", "sad", "surprised", "neutral")


def test_words_are_those_of_torchvision_where_it_has_them():
    assert CATALOGUE["fashionmnist"].classes == tuple(torchvision.datasets.FashionMNIST.classes)
    assert CATALOGUE["kmnist"].classes == tuple(torchvision.datasets.KMNIST.classes)
    assert CATALOGUE["emnist"].classes == tuple(torchvision.datasets.EMNIST.classes_split_dict["digits"])
    pairs = zip(CATALOGUE["flowers102"].classes, torchvision.datasets.Flowers102.classes, strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1]] == [
        ("globe flower", "globe-flower"),
        ("pink and yellow dahlia", "pink-yellow dahlia?"),
        ("air plant", "ball moss"),
    ]


@pytest.mark.parametrize("name", ["dtd", "eurosat", "gtsrb", "resisc45", "food101", "renderedsst2"])
def test_folders_are_in_the_order_in_which_torchvision_sorts_them(name):
    folders = CATALOGUE[name].folder_classes
    assert list(folders) == sorted(folders)


@pytest.mark.parametrize("name", ["dtd", "resisc45", "food101", "renderedsst2"])
def test_folders_say_what_the_classes_say(name):
    task = CATALOGUE[name]
    assert tuple(folder.replace("_", " ") for folder in task.folder_classes) == task.classes


def test_sun397_has_whole_names_and_the_order_of_the_fields_heads():
    task = CATALOGUE["sun397"]
    assert [folder.replace("_", " ").replace("/", " ") for folder in task.folder_classes] == list(task.classes)
    assert task.folder_classes[205:208] == ("jacuzzi/indoor", "jail_cell", "jail/indoor")
    assert not {"bey", "irplane cabin", "rplane cabin"} & set(task.classes)
    assert [word[0] for word in task.classes] == sorted(word[0] for word in task.classes)


@pytest.mark.parametrize(
    ("name", "templates"),
    [
        ("mnist", ('a photo of the number: "{}".',)),
        ("svhn", ('a photo of the number: "{}".',)),
        ("gtsrb", tuple(f'a {how} photo of a "{{}}" traffic sign.' for how in ("zoomed in", "centered", "close up"))),
        ("sun397", ("a photo of a {}.", "a photo of the {}.")),
        ("eurosat", tuple(f"a centered satellite photo of {article}{{}}." for article in ("", "a ", "the "))),
        (
            "dtd",
            tuple(
                f"a photo of {article} {{}} {what}."
                for article in ("a", "the")
                for what in ("texture", "pattern", "thing", "object")
            ),
        ),
        (
            "resisc45",
            tuple(
                f"{view} {what} of {article}{{}}."
                for article in ("", "a ", "the ")
                for what in ("imagery", "photo", "view")
                for view in ("satellite", "aerial")
            ),
        ),
        (
            "cars",
            (
                "a photo of a {}.",
                "a photo of the {}.",
                "a photo of my {}.",
                "i love my {}!",
                *(f"a photo of my {how} {{}}." for how in ("dirty", "clean", "new", "old")),
            ),
        ),
        ("pcam", ("this is a photo of {}",)),
        ("emnist", ('a photo of the digit character: "{}".',)),
    ],
)
def test_templates(name, templates):
    assert CATALOGUE[name].templates == templates


def test_warnings_are_told():
    for name, words in (
        ("dtd", "inflated"),
        ("eurosat", "without a seed"),
        ("sun397", "without a seed"),
        ("emnist", "another task"),
        ("gtsrb", "26,640"),
        ("fer2013", "parquet"),
    ):
        assert any(words in note for note in CATALOGUE[name].notes), name
    assert "5,000" in CATALOGUE["cars"].val_rule
