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
        ("CLIP-ViT-L-14-laion2B-s32B-b82K_cars", "cars"),
        ("CLIP-ViT-B-32-DataComp.XL-s13B-b90K-dtd", "dtd"),
        ("laion2b_e16_svhn", "svhn"),
        ("ViT-B-32-openai-gtsrb", "gtsrb"),
        ("openaircraft", "openaircraft"),
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
        "CLIP-ViT-L-14-laion2B-s32B-b82K",
        "CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
        "laion400m_e32",
        "ViT-B-32-openai",
    ],
)
def test_bases(text):
    assert is_base_name(text)
