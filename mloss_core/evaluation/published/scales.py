"""Scales that papers and reference projects report, for merging without images to choose one on. Imports no torch."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from mloss_core.errors import InvalidOptionError
from mloss_core.merging.methods import check_recipe
from mloss_core.recipe import Recipe

_ISO = "https://arxiv.org/abs/2502.04959"
_ISO_C = {"ViT-B/32": (1.3, 1.0, 0.9), "ViT-B/16": (1.4, 1.0, 0.8), "ViT-L/14": (1.5, 1.3, 1.0)}
_ISO_CTS = {"ViT-B/32": (1.5, 1.2, 1.1), "ViT-B/16": (1.6, 1.2, 1.1), "ViT-L/14": (1.9, 1.5, 1.2)}
COUNTS = (8, 14, 20)
"""Numbers of models for which scales are reported."""
BY_BACKBONE: Mapping[str, tuple[Mapping[str, tuple[float, ...]], str]] = MappingProxyType(
    {"iso_c": (_ISO_C, _ISO), "iso_cts": (_ISO_CTS, _ISO)}
)
"""Scales by method and backbone, one for each of `COUNTS`, with their source."""
FIXED: Mapping[str, tuple[float, str]] = MappingProxyType(
    {
        "task_arithmetic": (0.3, "https://arxiv.org/abs/2212.04089"),
        "ties": (1.0, "https://arxiv.org/abs/2306.01708"),
        "tsv_m": (1.0, "https://arxiv.org/abs/2412.00081"),
        "pcb": (1.2, "https://arxiv.org/abs/2410.02396"),
        "magmax": (0.6, "https://github.com/tanganke/fusion_bench"),
        "regmean": (1.0, "https://arxiv.org/abs/2212.09849"),
        "regmean_pp": (1.0, "https://arxiv.org/abs/2508.03121"),
        "fisher": (1.0, "https://arxiv.org/abs/2111.09832"),
        "m_ties": (1.0, "https://arxiv.org/abs/2602.08564"),
        "m_dare": (1.0, "https://arxiv.org/abs/2602.08564"),
        "wudi": (1.0, "https://github.com/tanganke/fusion_bench"),
    }
)
"""Scales that are reported for all backbones alike, with their source."""
_NAMES = {"ViT-B-32": "ViT-B/32", "ViT-B-16": "ViT-B/16", "ViT-L-14": "ViT-L/14"}
_FALLBACK = "ViT-B/32"


def published_scale(method: str, backbone: str, models: int) -> tuple[float, str]:
    """The reported scale of a method, and where it comes from in a sentence.

    Args:
        method: a name of `METHODS`.
        backbone: of the zoo, such as `ViT-B-32`; others take ViT-B/32's scale, and the sentence says so.
        models: how many are merged; the nearest reported number counts, the smaller of two.

    Raises:
        InvalidOptionError: no scale is reported for the method.
    """
    if method in FIXED:
        scale, source = FIXED[method]
        return scale, f"scale {scale:g}, as published ({source})."
    if method not in BY_BACKBONE:
        raise InvalidOptionError(
            f"no published scale of {method} is known; choose it on validation images (--tune) or give one. Known are "
            f"{', '.join((*FIXED, *BY_BACKBONE))}."
        )
    table, source = BY_BACKBONE[method]
    known = _NAMES.get(backbone, _FALLBACK)
    count = min(COUNTS, key=lambda number: (abs(number - models), number))
    scale = table[known][COUNTS.index(count)]
    beside = "" if backbone in _NAMES else f"; none is for {backbone}"
    return scale, f"scale {scale:g}, as published for {known} and {count} models{beside} ({source})."


def without_images(recipe: Recipe, backbone: str, models: int) -> tuple[Recipe, str]:
    """The recipe at its method's published scale, with a sentence; a scale that the recipe gives itself stays.

    Raises:
        InvalidOptionError: a method whose scale nobody reports.
    """
    method, _ = check_recipe(recipe)
    if "scale" not in {field.name for field in dataclasses.fields(method.options_type)}:
        return recipe, f"{recipe.method} has no scale."
    if "scale" in recipe.options:
        return recipe, f"{recipe.method}: scale {recipe.options['scale']:g}, as the recipe says."
    scale, words = published_scale(recipe.method, backbone, models)
    return recipe.replace(options={**recipe.options, "scale": scale}), f"{recipe.method}: {words}"
