"""What is fixed about each of the field's 20 tasks besides its wording: numbers of images, other names, warnings."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

VAL_TENTH = "a tenth of the training images, at most 5,000, drawn with a fixed seed"
"""The field's rule for a validation split, also where a dataset brings one: checkpoints were trained on the rest."""


class Facts(NamedTuple):
    """One task.

    Args:
        title: the name that the field's code and checkpoint folders use.
        train: number of training images before any are set apart for validation.
        val: number in the dataset's own validation split, or None without one.
        test: number of test images.
        aliases: other names, in lower case and without `-` and `_`.
        notes: what to know when comparing figures or placing files.
    """

    title: str
    train: int
    val: int | None
    test: int
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


_EUROSAT = (
    "EuroSAT has no official split of its 27,000 images. Reference code draws 80/20 without a seed; here the split is "
    "seeded and recorded, so figures from elsewhere were measured on other images.",
    "Checkpoints of the field were tuned on a split of their own, which may hold images that are test images here.",
)
_SUN397 = (
    "Reference code splits all 108,754 images 80/20 without a seed. Here the official first partition (19,850 training "
    "and 19,850 test images) is used where its lists lie beside the images, else an 80/20 split by a seed.",
    "Rows of the field's ready heads have jail cell before jail indoor; ClassName.txt has them the other way round, so "
    "images are labelled by the name of their folder.",
    "Some code drops two more leading letters of the class names (abbey becomes bey); heads built so score lower.",
)
_DTD = (
    "Published DTD figures of the TALL, TSV and Iso checkpoints are inflated: fine-tuned test accuracy is 98.0, on "
    "held-out validation images 78.6, so test images were trained on. Compare averages without DTD.",
    "Partition 1 is read. The usual training set of task vectors is train and val together, 3,760 images.",
)
_FER2013 = (
    "Classes are in the order of fer2013.csv. Copies sorted by folder name have neutral before sad and surprised.",
    "Test labels need fer2013.csv, icml_face_data.csv or parquet files; train.csv and test.csv do not have them.",
    "Happy, sad, surprised and neutral have synonyms in OpenAI's list; the first word of each is used.",
)
_EMNIST = (
    "EMNIST digits, 10 classes. fusion_bench has EMNIST letters, 26 classes, under a similar name: another task.",
    "EMNIST's files hold each image transposed, and the field's code shows them so.",
)
_NO_OWN_TEMPLATES = "OpenAI gives no wording for this task; templates are those of the TALL checkpoints' heads."
_UNDERSCORES = "The TALL checkpoints' heads were built with underscores in the class names; here they are spaces."

FACTS: Mapping[str, Facts] = MappingProxyType(
    {
        "cars": Facts(
            "Cars",
            8144,
            None,
            8041,
            ("stanfordcars", "cars196"),
            ("Test labels come from cars_test_annos_withlabels.mat, which is a download of its own.",),
        ),
        "dtd": Facts("DTD", 1880, 1880, 1880, ("describabletextures",), _DTD),
        "eurosat": Facts("EuroSAT", 21600, None, 5400, ("eurosatrgb",), _EUROSAT),
        "gtsrb": Facts(
            "GTSRB",
            26640,
            None,
            12630,
            (),
            ("26,640 training images, of the set that torchvision reads; the full training set has 39,209.",),
        ),
        "mnist": Facts("MNIST", 60000, None, 10000),
        "resisc45": Facts(
            "RESISC45",
            18900,
            6300,
            6300,
            ("resisc", "nwpuresisc45"),
            ("Splits are those of the list files resisc45-train.txt, -val.txt and -test.txt.",),
        ),
        "svhn": Facts(
            "SVHN",
            73257,
            None,
            26032,
            ("streetviewhousenumbers",),
            ("Classes are digits with MNIST's template, as in the field's heads.",),
        ),
        "sun397": Facts("SUN397", 87003, None, 21751, ("sun",), _SUN397),
        "stl10": Facts(
            "STL10", 5000, None, 8000, ("stl",), ("OpenAI's 2 templates are used; the M-Loss repository's head has 8.",)
        ),
        "oxfordiiitpet": Facts(
            "OxfordIIITPet", 3680, None, 3669, ("pets", "pet", "oxfordpets", "oxfordpet", "oxfordiiitpets")
        ),
        "flowers102": Facts(
            "Flowers102",
            1020,
            1020,
            6149,
            ("flowers", "flower102", "oxfordflowers102", "oxfordflowers"),
            ("OpenAI's one template is used; the M-Loss repository's head has 20.",),
        ),
        "cifar100": Facts("CIFAR100", 50000, None, 10000, (), (_UNDERSCORES,)),
        "pcam": Facts("PCAM", 262144, 32768, 32768, ("patchcamelyon",)),
        "fer2013": Facts("FER2013", 28709, None, 7178, ("fer",), _FER2013),
        "cifar10": Facts("CIFAR10", 50000, None, 10000),
        "food101": Facts(
            "Food101",
            75750,
            None,
            25250,
            ("food",),
            (_UNDERSCORES, "The M-Loss repository evaluates Food101 on its training split."),
        ),
        "fashionmnist": Facts(
            "FashionMNIST",
            60000,
            None,
            10000,
            ("fashion", "fmnist"),
            (_NO_OWN_TEMPLATES, "The M-Loss repository's head has 5 templates."),
        ),
        "renderedsst2": Facts("RenderedSST2", 6920, 872, 1821, ("sst2",)),
        "emnist": Facts("EMNIST", 240000, None, 40000, ("emnistdigits",), (*_EMNIST, _NO_OWN_TEMPLATES)),
        "kmnist": Facts(
            "KMNIST",
            60000,
            None,
            10000,
            ("kuzushijimnist",),
            (_NO_OWN_TEMPLATES, "Classes are romanised, as in torchvision; fusion_bench writes them in hiragana."),
        ),
    }
)
"""Facts by key, in the field's order."""
