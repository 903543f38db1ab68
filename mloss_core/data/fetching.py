"""Weights that open_clip knows by name, fetched by it when the user asks: the one thing here that uses a network."""

from pathlib import Path

from mloss_core.errors import CheckpointError, InvalidOptionError


def fetch_weights(name: str) -> tuple[Path, str | None]:
    """The file of a pretrained CLIP, downloaded by open_clip into its own cache unless it is there already.

    The file is then read like any other: as data.

    Args:
        name: MODEL/TAG as open_clip lists them, such as `ViT-B-32/openai`.

    Returns:
        The file, and the activation that open_clip records for it.

    Raises:
        InvalidOptionError: open_clip knows no such weights.
        CheckpointError: they cannot be fetched.
    """
    from open_clip.pretrained import download_pretrained, get_pretrained_cfg, list_pretrained_tags_by_model

    model, slash, tag = name.partition("/")
    config = get_pretrained_cfg(model, tag) if slash else {}
    if not config:
        known = ", ".join(list_pretrained_tags_by_model(model)) or "none of that model"
        raise InvalidOptionError(f"weights are named MODEL/TAG as open_clip lists them; found {name!r}. Tags: {known}.")
    try:
        path = download_pretrained(config)
    except Exception as error:  # Whatever the network, the hub or the disk raises: there is nothing to do but say it.
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise CheckpointError(
            f"{name} cannot be fetched: {why}. Download the file elsewhere and give its path."
        ) from error
    return Path(path), "quick_gelu" if config.get("quick_gelu") else None
