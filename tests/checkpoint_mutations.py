"""Seeded damage to weight files of every format: for a quick test, and for a long run in benchmarks."""

import io
import random
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file

from mloss_core.checkpoints import open_checkpoint
from mloss_core.data.head_files import read_head
from mloss_core.data.text_towers import read_text_tower
from mloss_core.errors import MLossCoreError
from mloss_core.merging.file_merge import merge_files
from mloss_core.recipe import Recipe
from tests.checkpoint_files import save_head, save_torchscript, visual
from tests.checkpoint_formats import KINDS, write_checkpoint, write_config, write_shards

_LONGEST = 700
Mutation = Callable[[bytearray, random.Random], bytes]


def _flip(data: bytearray, draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 8)):
        data[draw.randrange(len(data))] = draw.randrange(256)
    return bytes(data)


def _flip_head(data: bytearray, draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 4)):
        data[draw.randrange(min(len(data), 6000))] = draw.randrange(256)
    return bytes(data)


def _flip_tail(data: bytearray, draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 4)):
        data[-1 - draw.randrange(min(len(data), 4000))] = draw.randrange(256)
    return bytes(data)


def _cut(data: bytearray, draw: random.Random) -> bytes:
    return bytes(data[: draw.randrange(1, len(data))])


def _lose_a_piece(data: bytearray, draw: random.Random) -> bytes:
    start = draw.randrange(len(data))
    return bytes(data[:start] + data[start + draw.randint(1, 5000) :])


def _repeat_a_piece(data: bytearray, draw: random.Random) -> bytes:
    start = draw.randrange(len(data))
    return bytes(data[:start] + data[start : start + draw.randint(1, 500)] + data[start:])


def _change_a_number(data: bytearray, draw: random.Random) -> bytes:
    """A digit of some text becomes another one, a minus or a letter: shapes, offsets, names."""
    digits = [place for place, byte in enumerate(data[:20000]) if 48 <= byte <= 57]
    for _ in range(min(len(digits), draw.randint(1, 3))):
        data[draw.choice(digits)] = draw.choice(b'0123456789-eN{["')
    return bytes(data)


def _inside_a_zip(data: bytearray, draw: random.Random) -> bytes:
    """Damage to the pickle of an archive whose checksums are right, as somebody who means harm would write it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {info.filename: bytearray(archive.read(info)) for info in archive.infolist()}
    except zipfile.BadZipFile:
        return _flip_head(data, draw)
    tree = next(content for name, content in entries.items() if name.endswith("data.pkl"))
    _flip(tree, draw) if draw.random() < 0.5 else _change_a_number(tree, draw)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            archive.writestr(name, bytes(content))
    return buffer.getvalue()


MUTATIONS: tuple[Mutation, ...] = (
    _flip,
    _flip_head,
    _flip_tail,
    _cut,
    _lose_a_piece,
    _repeat_a_piece,
    _change_a_number,
    _inside_a_zip,
    _inside_a_zip,
)


def _write_all(folder: Path) -> list[tuple[Path, Path]]:
    """Every sound file that is damaged, and what is opened then: the file, or the index beside it."""
    found = []
    for number, kind in enumerate(KINDS):
        path = folder / f"model_{number}.pt"
        write_checkpoint(path, visual(), kind)
        found.append((path, path))
    index = write_shards(folder / "sharded", visual())
    found += [(path, index) for path in sorted(index.parent.iterdir())]
    (folder / "repository").mkdir()
    write_config(folder / "repository", visual())
    write_checkpoint(folder / "repository" / "model.safetensors", visual(), "safetensors:hf4")
    found.append((folder / "repository" / "config.json", folder / "repository" / "model.safetensors"))
    save_head(folder / "head_a.pt", torch.ones(3, 8))
    save_file({"weight": torch.ones(3, 8)}, folder / "head_b.safetensors")
    save_torchscript(folder / "script.pt", visual())
    found += [(folder / name, folder / name) for name in ("head_a.pt", "head_b.safetensors", "script.pt")]
    return found


def read_everything(path: Path, sound: Path) -> None:
    """All that the product does with a file that it is given: as a model, as a head, as text tower, in a merge."""
    for use in (_as_model, _as_head, _as_text, _as_part(sound)):
        try:
            use(path)
        except MLossCoreError as error:
            text = str(error)
            named = any(file.name in text for file in path.parent.iterdir()) or use not in (_as_model, _as_head)
            if not text.isprintable() or len(text) > _LONGEST or not named:
                raise AssertionError(f"no sentence of one line that names the file: {text!r:.200}") from error


def _as_model(path: Path) -> None:
    with open_checkpoint(path) as checkpoint:
        for key in checkpoint:
            assert tuple(checkpoint[key].shape) == checkpoint.shape(key)
        for key in checkpoint.left_out:
            checkpoint.stored_digest(key, torch.float32)


def _as_head(path: Path) -> None:
    read_head(path, 8)


def _as_text(path: Path) -> None:
    read_text_tower(path)


def _as_part(sound: Path) -> Callable[[Path], None]:
    def use(path: Path) -> None:
        out = path.with_name("merged.safetensors")
        merge_files(sound, [path], Recipe(method="average"), out)

    return use


def foreign_errors(count: int, seed: int = 0) -> Iterator[str]:
    """Damage files of all formats `count` times, use each, and yield what was raised that is no error of ours."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        files = _write_all(folder)
        sound = folder / "sound.safetensors"
        write_checkpoint(sound, visual(), "safetensors:open_clip")
        for turn in range(count):
            path, opened = files[turn % len(files)]
            clean, mutation = path.read_bytes(), draw.choice(MUTATIONS)
            path.write_bytes(mutation(bytearray(clean), draw))
            try:
                read_everything(opened, sound)
            except Exception as error:
                yield f"{path.name} {mutation.__name__} turn {turn}: {type(error).__name__}: {error!s:.200}"
            finally:
                path.write_bytes(clean)
