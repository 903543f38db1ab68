"""Checking the models of a zoo against each other: what their files say, then what their weights are."""

from collections.abc import Mapping, Sequence
from typing import Any

from mloss_core.caching import ZOO_CHECKS, Cache, digest_of
from mloss_core.checkpoints.facts import ACTIVATIONS
from mloss_core.checkpoints.validating import Validation, validate_set
from mloss_core.state_dicts import state_digest
from mloss_core.vision.architecture import Architecture, guessed_heads, infer_architecture
from mloss_core.zoo.folders.members import Member

CHECK_VERSION = 3
"""Raise when the checks change, so that kept results are not used."""
_DEFAULT_ACTIVATION = "quick_gelu"
_AGREED = {
    "activation": "the activation",
    "heads": "the number of attention heads",
    "layer_norm_eps": "the layer-norm epsilon",
    "mean": "the mean of the pixels",
    "std": "the deviation of the pixels",
}
_SPELLED = {"heads": "attention_heads"}
"""What `zoo.json` calls a fact where it calls it otherwise."""
_SAME_COLOUR = 5e-4
"""Means and deviations that differ by less were rounded, by less than a sixth of a step of an image of 8 bits."""


def shared_facts(
    members: Sequence[Member], said: Mapping[str, Any], folder: str
) -> tuple[dict[str, Any], list[str], list[str]]:
    """What the files say of their common architecture, for `infer_architecture`.

    Args:
        members: all models, the pretrained one first.
        said: facts that the user states, which win.
        folder: name of the zoo's folder; `-quickgelu` in it tells the activation.

    Returns:
        The facts, what the user should know, and the contradictions.
    """
    facts: dict[str, Any] = dict(said)
    notes: list[str] = []
    problems: list[str] = []
    for name, words in _AGREED.items():
        voices = _voiced(name, members, folder)
        if name in said:
            notes += _overruled(name, said[name], voices)
        elif len(voices) > 1:
            spelled = _SPELLED.get(name, name)
            problems.append(f"the files disagree about {words}: {_listed(voices)}. Say it in zoo.json ({spelled}).")
        elif voices:
            facts[name] = next(iter(voices))
    problems += _impossible(facts, members)
    if not problems:
        if "activation" not in facts:
            facts["activation"], note = _guessed(members, folder)
            notes.append(note)
        notes += _assumed(facts, members[0])
    return facts, notes, problems


def _voiced(name: str, members: Sequence[Member], folder: str) -> dict[Any, list[str]]:
    """Who says what of one fact; nearly equal colours count as equal."""
    voices: dict[Any, list[str]] = {}
    for member in members:
        if name in member.facts:
            value = member.facts[name]
            value = tuple(value) if isinstance(value, list) else value
            voices.setdefault(next((known for known in voices if _alike(known, value)), value), []).append(member.label)
    named = _quick_gelu_name(members, folder) if name == "activation" and voices else None
    if named:
        voices.setdefault("quick_gelu", []).append(f"the name {named}")
    return voices


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return all(abs(a - b) < _SAME_COLOUR for a, b in zip(one, other, strict=True))
    return one == other


def _overruled(name: str, value: Any, voices: Mapping[Any, list[str]]) -> list[str]:
    """What the user says settles a contradiction, and that is noted."""
    others = {other: labels for other, labels in voices.items() if not _alike(other, value)}
    word = {"mean": "Mean", "std": "Deviation"}.get(name, _SPELLED.get(name, name).replace("_", " ").capitalize())
    return [f"{word} {_plain(value)}, from zoo.json; it overrules {_listed(others)}."] if others else []


def _impossible(facts: Mapping[str, Any], members: Sequence[Member]) -> list[str]:
    """What is recorded or guessed and cannot be run."""
    problems = []
    activation = facts.get("activation", ACTIVATIONS[0])
    if activation not in ACTIVATIONS:
        labels = ", ".join(member.label for member in members if member.facts.get("activation") == activation)
        problems.append(
            f"the activation must be one of {', '.join(ACTIVATIONS)}; {activation!r} is recorded in {labels}. If "
            "that is not the image encoder's, say it in zoo.json (activation)."
        )
    width = members[0].weights["conv1.weight"].shape[0]
    heads = facts.get("heads")
    if heads is None and width % guessed_heads(width):
        problems.append(
            f"attention heads are not recorded, and {guessed_heads(width)}, usual for the width {width}, do not divide "
            "it. Say it in zoo.json (attention_heads)."
        )
    elif heads is not None and width % heads:
        problems.append(f"{heads} attention heads are recorded, which do not divide the width {width}.")
    return problems


def _quick_gelu_name(members: Sequence[Member], folder: str) -> str | None:
    return next((place for place in (folder, *(m.label for m in members)) if "quickgelu" in place.lower()), None)


def _guessed(members: Sequence[Member], folder: str) -> tuple[str, str]:
    named = _quick_gelu_name(members, folder)
    if named:
        return "quick_gelu", f"Activation quick_gelu, from the name {named}."
    if members[0].facts.get("format", "").startswith("torchscript"):
        return "quick_gelu", f"Activation quick_gelu, which all of OpenAI's archives have ({members[0].label} is one)."
    return _DEFAULT_ACTIVATION, (
        f"Activation not recorded in these files; using {_DEFAULT_ACTIVATION} (OpenAI). For LAION weights write "
        '{"activation": "gelu"} into zoo.json.'
    )


def _assumed(facts: Mapping[str, Any], base: Member) -> list[str]:
    """A note on what no file records and shapes do not show."""
    found = []
    architecture = infer_architecture(base.weights)
    if not architecture.ln_pre:
        found.append("No norm in front of the blocks: taken for CLIPA, whose output is the mean of the patches.")
    if architecture.pooler_queries:
        found.append("Attention pooling with 8 heads assumed, as CoCa's.")
    if "heads" not in facts:
        found.append(f"Heads not recorded; {architecture.heads} assumed from width {architecture.width}.")
    if "layer_norm_eps" not in facts:
        found.append(f"Layer-norm epsilon not recorded; {Architecture.layer_norm_eps:g} assumed.")
    if "mean" not in facts or "std" not in facts:
        found.append("Normalisation not recorded; CLIP's own assumed.")
    return [" ".join(found)] if found else []


def _listed(voices: Mapping[Any, Sequence[str]]) -> str:
    return "; ".join(f"{_plain(value)} in {', '.join(labels)}" for value, labels in voices.items())


def _plain(value: Any) -> str:
    return "/".join(f"{part:g}" for part in value) if isinstance(value, tuple) else str(value)


def checked_set(
    base: Member,
    tuned: Sequence[Member],
    cache: Cache | None = None,
    *,
    text_may_differ: bool = False,
    far_from_base: bool = False,
) -> tuple[Validation, dict[str, str]]:
    """`validate_set` on a zoo's models with the digest of each one's weights, kept for the next time it is opened.

    Both read every weight, which takes seconds a model, and depend on the files' content and the two settings alone.
    """
    files = [[member.label, member.source_digest] for member in (base, *tuned)]
    known = {"text_may_differ": text_may_differ, "far_from_base": far_from_base}
    key = digest_of("zoo", CHECK_VERSION, files, known)
    entry = (cache or Cache()).remember(ZOO_CHECKS, key, lambda: (_check(base, tuned, known), {}))
    found = entry.meta
    validation = Validation(tuple(found["problems"]), tuple(found["warnings"]), found["distances"])
    return validation, dict(found["digests"])


def _check(base: Member, tuned: Sequence[Member], known: Mapping[str, bool]) -> dict[str, Any]:
    fingerprints = {member.label: member.facts.get("left_out", {}) for member in tuned}
    validation = validate_set(
        base.weights,
        {member.label: member.weights for member in tuned},
        fingerprints={"base": base.facts.get("left_out", {}), **fingerprints},
        **known,
    )
    digests = {} if validation.problems else {member.label: state_digest(member.weights) for member in (base, *tuned)}
    return {
        "problems": validation.problems,
        "warnings": [*validation.warnings, *_mixed_precision((base, *tuned))],
        "distances": dict(validation.distances),
        "digests": digests,
    }


def _mixed_precision(members: Sequence[Member]) -> list[str]:
    """Files that hold lower precision than others: their task vectors carry rounding as well as learning."""
    dtypes: dict[str, list[str]] = {}
    for member in members:
        dtypes.setdefault("/".join(member.facts.get("dtypes", [])), []).append(member.label)
    if len(dtypes) < 2:
        return []
    return [f"the files differ in precision: {_listed(dtypes)}; all are read as float32."]
