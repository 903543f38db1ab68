"""What opening a folder of checkpoints finds, with made-up figures."""

from typing import Any

from tests.ui.fake_payloads import LAYERS, NODES, TASKS


def model(name: str, place: int, images: bool = True, head: bool = True) -> dict[str, Any]:
    """One model."""
    own = name != "pretrained"
    return {
        "name": name,
        "digest": f"{place:x}" * 64,
        "bytes": 2_500_000,
        "parameters": 617_600,
        "classes": 3 if own and images else None,
        "images": {"train": 90, "val": 10, "test": 40} if own and images else None,
        "head": [3, 32] if own and head else None,
        "file": f"{name}/finetuned.pt",
        "format": "zip:open_clip",
        "distance": 0.04 if own else None,
    }


def fake_summary(tasks: tuple[str, ...] = TASKS, **changes: Any) -> dict[str, Any]:
    """The summary; `images` and `head` say which tasks have them, all by default."""
    images, heads = changes.pop("images", tasks), changes.pop("heads", tasks)
    models = [model("pretrained", 0)]
    models += [model(task, place, task in images, task in heads) for place, task in enumerate(tasks, 1)]
    return {
        "zoo": {"name": "mine", "digest": "f" * 64},
        "device": "cpu",
        "tasks": list(tasks),
        "architecture": {
            "name": "ViT-B-32",
            "layers": LAYERS,
            "mlp_width": NODES,
            "width": 768,
            "heads": 12,
            "image_size": 224,
            "activation": "quick_gelu",
        },
        "layout": "<Dataset>/finetuned.pt",
        "models": models,
        "notes": ["Activation *assumed*."],
        "card": None,
        "datasets": "looked in data, which MLOSS_DATA names",
    } | changes
