"""Checking the models of a zoo against each other: what their files say, then what their weights are."""

from collections.abc import Mapping, Sequence
from typing import Any

from mloss_core.caching import Cache, digest_of
from mloss_core.checkpoints.validating import Validation, validate_set
from mloss_core.state_dicts import state_digest
from mloss_core.vision.architecture import Architecture, infer_architecture
from mloss_core.zoo.folders.members import Member

CHECK_VERSION = 3
"""Raise when the checks change, so that kept results are not used."""
_DEFAULT_ACTIVATION = "quick_gelu"
_AGREED = {
    "activation": "the activation",
    "heads": "the number of attention heads",
    "layer_norm_eps": "the layer-norm epsilon",
}


def shared_facts(
    members: Sequence[Member], activation: str | None, folder: str
) -> tuple[dict[str, Any], list[str], list[str]]:
    """What the files say of their common architecture, for `infer_architecture`.

    Args:
        members: all models, the pretrained one first.
        activation: what the user says, which wins.
        folder: name of the zoo's folder; `-quickgelu` in it tells the activation.

    Returns:
        The facts, what the user should know, and the contradictions.
    """
    facts: dict[str, Any] = {}
    notes: list[str] = []
    problems: list[str] = []
    for name, words in _AGREED.items():
        said = {member.label: member.facts[name] for member in members if name in member.facts}
        if name == "activation":
            said, overruled = _activations(said, members, activation, folder)
            notes += overruled
        if len(set(said.values())) > 1:
            problems.append(f"the files disagree about {words}: {_voices(said)}.")
        elif said:
            facts[name] = next(iter(said.values()))
    for name in ("mean", "std"):
        value = next((member.facts[name] for member in members if name in member.facts), None)
        if value is not None:
            facts[name] = tuple(value)
    width, heads = members[0].weights["conv1.weight"].shape[0], facts.get("heads", 1)
    if width % heads:
        problems.append(f"{heads} attention heads are recorded, which do not divide the width {width}.")
    if not problems:
        if "activation" not in facts:
            facts["activation"], note = _guessed(members, folder)
            notes.append(note)
        notes += _assumed(facts, members[0])
    return facts, notes, problems


def _activations(
    said: Mapping[str, Any], members: Sequence[Member], activation: str | None, folder: str
) -> tuple[dict[str, Any], list[str]]:
    """Who says what of the activation. What the user says settles a contradiction, and that is noted."""
    voices = dict(said)
    named = _quick_gelu_name(members, folder)
    if said and named:
        voices[f"the name {named}"] = "quick_gelu"
    if activation is None:
        return voices, []
    others = {label: value for label, value in voices.items() if value != activation}
    notes = [f"Activation {activation}, from zoo.json; it overrules {_voices(others)}."] if others else []
    return {"zoo.json": activation}, notes


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


def _voices(said: Mapping[str, Any]) -> str:
    values: dict[Any, list[str]] = {}
    for label, value in said.items():
        values.setdefault(value, []).append(label)
    return "; ".join(f"{value} in {', '.join(labels)}" for value, labels in values.items())


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
    entry = (cache or Cache()).remember("zoo-checks", key, lambda: (_check(base, tuned, known), {}))
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
    dtypes = {member.label: "/".join(member.facts.get("dtypes", [])) for member in members}
    if len(set(dtypes.values())) < 2:
        return []
    return [f"the files differ in precision: {_voices(dtypes)}; all are read as float32."]
