"""Weight files in the formats of the wild, small and seeded, with classes that are not importable afterwards."""

import contextlib
import io
import pickle
import sys
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
import torchvision
from open_clip.transformer import QuickGELU, VisionTransformer

WIDTH, LAYERS, HEADS = 16, 2, 2
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def visual(seed: int = 0, act_layer: type = QuickGELU) -> VisionTransformer:
    """A tiny open_clip vision tower with random weights."""
    torch.manual_seed(seed)
    return VisionTransformer(16, 8, WIDTH, LAYERS, HEADS, 4, output_dim=8, act_layer=act_layer).eval()


@contextlib.contextmanager
def vanishing_module(name: str, *classes: type) -> Iterator[None]:
    """Make classes importable as `name.Class` while a file is written, and not any more afterwards."""
    parts = name.split(".")
    added = [".".join(parts[: end + 1]) for end in range(len(parts))]
    kept = {full: sys.modules.get(full) for full in added}
    old = {cls: cls.__module__ for cls in classes}
    for full in added:
        sys.modules[full] = types.ModuleType(full)
    for cls in classes:
        cls.__module__, cls.__qualname__ = name, cls.__name__
        setattr(sys.modules[name], cls.__name__, cls)
    try:
        yield
    finally:
        for full, module in kept.items():
            if module is None:
                del sys.modules[full]
            else:
                sys.modules[full] = module
        for cls, module in old.items():
            cls.__module__ = module


class ImageEncoder(torch.nn.Module):
    """The attributes of the field's `src.modeling.ImageEncoder`: a CLIP without its text transformer.

    Beside a tower of real width the dead text weights have their real size too.
    """

    def __init__(self, tower: VisionTransformer) -> None:
        super().__init__()
        words, width = (10, 8) if tower.proj.shape[1] < 512 else (49408, tower.proj.shape[1])
        self.model = torch.nn.Module()
        self.model.visual = tower
        self.model.token_embedding = torch.nn.Embedding(words, width)
        self.model.positional_embedding = torch.nn.Parameter(torch.zeros(4, width))
        self.model.ln_final = torch.nn.LayerNorm(width)
        self.model.logit_scale = torch.nn.Parameter(torch.tensor(4.6))
        self.model.register_buffer("attn_mask", torch.zeros(4, 4), persistent=False)
        self.cache_dir = None
        normalise = torchvision.transforms.Normalize(MEAN, STD)
        self.train_preprocess = self.val_preprocess = torchvision.transforms.Compose([normalise])


class ClassificationHead(torch.nn.Linear):
    """The attributes of the field's `src.modeling.ClassificationHead`."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__(weight.shape[1], weight.shape[0])
        self.weight = torch.nn.Parameter(weight)
        self.bias = torch.nn.Parameter(torch.zeros(weight.shape[0]))
        self.normalize = True


def save_module(path: Path, tower: VisionTransformer, kind: str) -> None:
    """Write a whole pickled `src.modeling.ImageEncoder`: `zip`, `legacy` or `pickle`."""
    encoder = ImageEncoder(tower)
    with vanishing_module("src.modeling", ImageEncoder):
        if kind == "pickle":
            with path.open("wb") as file:
                pickle.dump(encoder, file, protocol=4)
        else:
            torch.save(encoder, path, _use_new_zipfile_serialization=kind == "zip")


def save_head(path: Path, weight: torch.Tensor, module: str = "src.modeling") -> None:
    """Write a whole pickled classification head."""
    with vanishing_module(module, ClassificationHead):
        torch.save(ClassificationHead(weight), path)


def save_torchscript(path: Path, tower: VisionTransformer) -> None:
    """Write a TorchScript archive whose tower stands below `visual.`, as OpenAI's do."""

    class Wrapper(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.visual = tower

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.visual(images)

    images = torch.zeros(1, 3, *tower.image_size)
    traced = torch.jit.trace(Wrapper(), images, check_trace=False)
    torch.jit.save(traced, str(path))


def hugging_face_state(tower: VisionTransformer, prefix: str = "vision_model.", projection: bool = True) -> dict:
    """The tower under transformers' names; `prefix` is empty for version 5's CLIPVisionModel."""
    names = {
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "attn.out_proj": "self_attn.out_proj",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "ln_pre": "pre_layrnorm",
        "ln_post": "post_layernorm",
    }
    top = {
        "class_embedding": "embeddings.class_embedding",
        "conv1.weight": "embeddings.patch_embedding.weight",
        "positional_embedding": "embeddings.position_embedding.weight",
    }
    state = {}
    for key, value in tower.state_dict().items():
        if key == "proj":
            if projection:
                state[prefix.removesuffix("vision_model.") + "visual_projection.weight"] = value.T.contiguous()
            continue
        new = top.get(key, key.replace("transformer.resblocks.", "encoder.layers."))
        if "in_proj_" in key:
            kind = key.rpartition("_")[2]
            for letter, part in zip("qkv", value.chunk(3), strict=True):
                state[prefix + new.replace(f"attn.in_proj_{kind}", f"self_attn.{letter}_proj.{kind}")] = part.clone()
            continue
        for ours, theirs in names.items():
            new = new.replace(f"{ours}.", f"{theirs}.")
        state[prefix + new] = value
    return state


def timm_state(tower: VisionTransformer) -> dict:
    """The tower under timm's names."""
    names = {
        "transformer.resblocks.": "blocks.",
        "ln_1.": "norm1.",
        "ln_2.": "norm2.",
        "attn.in_proj_": "attn.qkv.",
        "attn.out_proj.": "attn.proj.",
        "mlp.c_fc.": "mlp.fc1.",
        "mlp.c_proj.": "mlp.fc2.",
        "ln_pre.": "norm_pre.",
        "ln_post.": "norm.",
        "conv1.": "patch_embed.proj.",
    }
    state = {}
    for key, value in tower.state_dict().items():
        new = key
        for ours, theirs in names.items():
            new = new.replace(ours, theirs)
        if key == "proj":
            state["head.weight"] = value.T.contiguous()
        elif key == "class_embedding":
            state["cls_token"] = value.reshape(1, 1, -1)
        elif key == "positional_embedding":
            state["pos_embed"] = value.unsqueeze(0)
        else:
            state[new] = value
    return state


def zip_with_pickle(path: Path, data: bytes, storages: dict[str, bytes] | None = None) -> None:
    """A torch-like zip archive around any pickle."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", b"3\n")
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)


def legacy_with_pickle(path: Path, data: bytes) -> None:
    """A torch legacy stream around any pickle."""
    buffer = io.BytesIO()
    torch.save({}, buffer, _use_new_zipfile_serialization=False)
    stream = buffer.getvalue()
    parts, at = [], 0
    for _ in range(5):
        reader = io.BytesIO(stream[at:])
        pickle.Unpickler(reader).load()
        parts.append(stream[at : at + reader.tell()])
        at += reader.tell()
    path.write_bytes(b"".join(parts[:3]) + data + parts[4])
