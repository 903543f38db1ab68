"""Which dataset a file name speaks of, and which file is the base."""

import pytest

from mloss_core.zoo.folders.task_names import is_base_name, task_name


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("Cars", "cars"),
        ("SUN397Val", "sun397"),
        ("Festival", "festival"),
        ("Val", "val"),
        ("cars_finetuned", "cars"),
        ("nonlinear_finetuned", "nonlinear_finetuned"),
        ("clip-vit-base-patch32_stanford-cars", "stanford-cars"),
        ("tanganke__clip-vit-base-patch16_sun397", "sun397"),
        ("ViT-B-32-Cars", "cars"),
        ("ViT-L-14-336-quickgelu_dtd", "dtd"),
        ("cars_ViT-B-32", "cars"),
        ("ViT-B-32_finetuned", "finetuned"),
        ("vit-b-32x", "vit-b-32x"),
    ],
)
def test_datasets(text, task):
    assert task_name(text) == task and not is_base_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "zeroshot",
        "nonlinear_zeroshot",
        "zero-shot",
        "pretrained",
        "pre_trained",
        "base",
        "ViT-B-32_zeroshot",
        "ViT-B-32",
        "clip-vit-base-patch32",
        "openai__clip-vit-large-patch14",
        "ViT-B-32-base",
        "laion__CLIP-ViT-B-32-laion2B-s34B",
    ],
)
def test_bases(text):
    assert is_base_name(text)
