"""What was asked for, as data: how M-Loss is measured and how a merge is made. Both survive a JSON round trip."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

from mloss_core.errors import InvalidOptionError, quoted, unknown_name
from mloss_core.options import build_options, check_options, option
from mloss_core.parsing import parse_object

ACTIVATIONS = ("auto", "gelu", "gelu_tanh", "quick_gelu", "relu", "leaky_relu")
INPUT_MODES = ("progressive", "pretrained", "own")
PRESETS = ("paper", "reference")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MLossOptions:
    """How M-Loss is measured (`docs/mloss.md` explains each choice).

    The `paper` preset is the text of the paper; the `reference` preset is what the published code does.
    """

    input_mode: str = option(
        "progressive",
        label="Layer inputs",
        choices=INPUT_MODES,
        help="Which network feeds each block: the Simple Average of the chosen models (progressive), the pretrained "
        "encoder, or every model its own.",
    )
    activation: str = option(
        "auto",
        label="Activation",
        choices=ACTIVATIONS,
        help="The non-linearity inside M-Loss; auto takes the one the encoder was trained with.",
        advanced=True,
    )
    slope: float = option(
        0.01,
        label="Leaky slope",
        minimum=0.0,
        maximum=1.0,
        step=0.01,
        help="Slope below zero, for leaky_relu only.",
        advanced=True,
    )
    tokens: str = option(
        "all",
        label="Tokens",
        choices=("all", "class", "patches"),
        help="Which tokens are averaged: all, the class token alone, or the image patches alone.",
        advanced=True,
    )
    reduction: str = option(
        "mean_square",
        label="Reduction",
        choices=("mean_square", "root_mean_square"),
        advanced=True,
        help="mean_square: the mean over tokens of the squared difference. root_mean_square: its root, the norm of the "
        "paper's figure. Ranks, and so keep rates, are the same.",
    )
    samples_per_task: int = option(
        16,
        label="Images per task",
        minimum=1,
        maximum=4096,
        step=8,
        help="Unlabeled training images drawn from each task; the paper uses 16.",
    )
    sampling: str = option(
        "balanced",
        label="Sampling",
        choices=("balanced", "reference"),
        advanced=True,
        help="balanced: the same number from every task. reference: the published code's pool, 1 % of each training "
        "split held between 100 and 500 images, 1024 drawn for each layer.",
    )
    preprocess: str = option(
        "model",
        label="Preprocessing",
        choices=("model", "stretch"),
        advanced=True,
        help="model: the encoder's own normalisation. stretch: resized and unnormalised, as the published code does.",
    )
    weights: tuple[float, ...] | None = None
    """Weight of each model, in task order, summing to 1; None means equal weights."""
    seed: int = option(0, label="Seed", minimum=0, maximum=2**31 - 1, help="Seed of the image draw.", advanced=True)

    def __post_init__(self) -> None:
        check_options(self)
        if self.weights is not None:
            object.__setattr__(self, "weights", _as_numbers(self.weights))
            if not abs(sum(self.weights) - 1) <= 1e-4:
                raise InvalidOptionError(f"weights must sum to 1; found a sum of {sum(self.weights):g}.")

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """The named preset, with fields replaced by `changes`.

        Raises:
            UnknownNameError: `name` is neither `paper` nor `reference`.
        """
        if name not in PRESETS:
            raise unknown_name("preset", name, PRESETS)
        reference = {
            "input_mode": "pretrained",
            "activation": "gelu_tanh",
            "sampling": "reference",
            "preprocess": "stretch",
        }
        return build_options(cls, {**(reference if name == "reference" else {}), **changes})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = dataclasses.asdict(self)
        values["weights"] = None if self.weights is None else list(self.weights)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The options of `to_dict`. Unknown names are refused."""
        if not isinstance(values, Mapping):
            raise InvalidOptionError(f"mloss must be options by name; found {quoted(values)}.")
        return build_options(cls, values)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A merge, described completely: the same recipe on the same files gives the same weights, bit for bit.

    Args:
        method: a name of `mloss_core.merging.METHODS`.
        options: the method's own options, fractions throughout; see the method's record.
        tasks: the models to merge; None means all of the zoo's, whose order they always take.
        blocks: where M-Loss keep rates apply (block indices from 0); None means every block. An error for methods
            without M-Loss keep rates.
        mloss: how the M-Loss that guides the merge is measured.
        pre: processors of the task vectors before the method, by name.
        post: processors of the merged update, by name.
        seed: keys every random mask, together with the tensor's name and content.
    """

    method: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tasks: tuple[str, ...] | None = None
    blocks: tuple[int, ...] | None = None
    mloss: MLossOptions = MLossOptions()
    pre: tuple[str, ...] = ()
    post: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.method, str):
            raise InvalidOptionError(f"method must be a name; found {quoted(self.method)}.")
        if not isinstance(self.options, Mapping):
            raise InvalidOptionError(f"options must be values by name; found {quoted(self.options)}.")
        options = {name: tuple(value) if isinstance(value, list) else value for name, value in self.options.items()}
        object.__setattr__(self, "options", MappingProxyType(options))
        for name in ("tasks", "blocks", "pre", "post"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _as_tuple(name, value))
        if self.blocks is not None:
            object.__setattr__(self, "blocks", tuple(sorted(set(self.blocks))))
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise InvalidOptionError(f"seed must be a whole number of at least 0; found {quoted(self.seed)}.")

    def __hash__(self) -> int:
        return hash(self.digest)

    def replace(self, **changes: Any) -> "Recipe":
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        options = {name: list(value) if isinstance(value, tuple) else value for name, value in self.options.items()}
        return {
            "method": self.method,
            "options": options,
            "tasks": None if self.tasks is None else list(self.tasks),
            "blocks": None if self.blocks is None else list(self.blocks),
            "mloss": self.mloss.to_dict(),
            "pre": list(self.pre),
            "post": list(self.post),
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """The recipe of `to_dict`; missing fields take their defaults, unknown ones are refused."""
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(map(str, set(values) - set(known)))
        if unknown or values.get("method") is None:
            found = f"unknown {', '.join(map(quoted, unknown[:5]))}" if unknown else "no 'method'"
            raise InvalidOptionError(f"a recipe holds {', '.join(known)}; found {found}.")
        values = {name: value for name, value in values.items() if value is not None}
        if "mloss" in values:
            values["mloss"] = MLossOptions.from_dict(values["mloss"])
        return cls(**values)

    def to_json(self, indent: int | None = 2) -> str:
        """The recipe as JSON text."""
        return json.dumps(self.to_dict(), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """The recipe of `to_json`.

        Raises:
            InvalidOptionError: text that is no JSON object, or no recipe.
        """
        return cls.from_dict(parse_object(text, "a recipe"))

    @classmethod
    def from_yaml(cls, text: str) -> "Recipe":
        """The recipe of YAML text with the fields of `to_dict`; no references, no tags, each name once.

        Raises:
            InvalidOptionError: text that is no YAML object, or no recipe.
        """
        return cls.from_dict(parse_object(text, "a recipe", yaml=True))

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, computed once: a recipe never changes."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _as_numbers(weights: Any) -> tuple[float, ...]:
    if not isinstance(weights, (list, tuple)) or not all(
        isinstance(weight, (int, float)) and not isinstance(weight, bool) for weight in weights
    ):
        raise InvalidOptionError(f"weights must be a list of numbers; found {quoted(weights)}.")
    try:
        return tuple(float(weight) for weight in weights)
    except OverflowError as error:
        raise InvalidOptionError("weights must be numbers that fit in 64 bits.") from error


def _as_tuple(name: str, value: Any) -> tuple:
    kind = int if name == "blocks" else str
    listed = isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))
    value = tuple(value) if listed else value
    if not listed or not all(isinstance(v, kind) and not isinstance(v, bool) for v in value):
        words = "block indices" if kind is int else "names"
        raise InvalidOptionError(f"{name} must be a list of {words}; found {quoted(value)}.")
    return tuple(value)
