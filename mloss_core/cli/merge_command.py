"""`merge`: make the merged weights of a recipe and write them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mloss_core.checkpoints.formats import FORMATS
from mloss_core.cli.common import (
    add_common,
    add_recipe,
    emit,
    names,
    opened_zoo,
    out_file,
    progress_bar,
    recipe_from_options,
    spare,
    zoo_facts,
)
from mloss_core.cli.method_help import method_listing
from mloss_core.errors import InvalidOptionError
from mloss_core.merging.methods import get_method
from mloss_core.merging.presets import get_preset
from mloss_core.merging.run_files import read_recipe
from mloss_core.recipe import Recipe
from mloss_core.types import part
from mloss_core.zoo.embedded import DEFAULT_ZOO

if TYPE_CHECKING:
    from mloss_core.merging import MergeResult
    from mloss_core.recipe import Recipe
    from mloss_core.zoo.model import Zoo


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "merge",
        help="write the merged weights of a recipe",
        epilog=method_listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser)
    add_recipe(parser, many=False)
    parser.add_argument(
        "--pretrained", metavar="FILE", help="instead of a zoo: the common ancestor of --models, of any architecture"
    )
    parser.add_argument("--models", nargs="+", metavar="FILE", help="with --pretrained: the files to merge")
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16", "bfloat16", "float64"),
        help="with --models: of the floating tensors written (default: the pretrained file's)",
    )
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="the safetensors file to write; masks go to a .npz"
    )
    parser.add_argument(
        "--format",
        default="canonical",
        metavar="NAME",
        help="tensor names of the file (default: canonical): "
        + "; ".join(f"{name}, {words}" for name, words in FORMATS.items()),
    )
    parser.set_defaults(run=run, zoo=None)


def run(options: argparse.Namespace) -> None:
    """Merge, write and print what came out."""
    typed = recipe_from_options(options)
    if sum(given is not None for given in (options.recipe, options.preset, typed)) != 1:
        raise InvalidOptionError("give one recipe: --recipe FILE, --preset NAME or --method NAME.")
    if options.recipe is not None and options.tasks is not None:
        raise InvalidOptionError("--tasks belongs to a method; a recipe file names its own tasks.")
    recipe = typed or _written_down(options)
    masks = get_method(recipe.method).masks
    out = out_file(options.out)
    if masks:
        _check_masks_file(recipe, out, options.format)
    elif get_method(recipe.method).output == "single":
        out_file(options.out, (".safetensors",))
    if options.pretrained is not None or options.models is not None:
        _merge_files(options, recipe, out)
        return
    from mloss_core.merging import merge

    if options.dtype is not None:
        raise InvalidOptionError("--dtype is for files merged with --models; merged encoders of a zoo are float32.")
    options.zoo = options.zoo or DEFAULT_ZOO
    zoo = opened_zoo(options)
    with progress_bar() as progress:
        if masks:
            from mloss_core.merging.selection.packed_masks import write_masks

            result = merge(zoo, recipe, progress=part(progress, 0.0, 0.7))
            write_masks(result, out, part(progress, 0.7, 1.0))
        else:
            result = merge(zoo, recipe, out=out, progress=progress, format=options.format)
    if options.json:
        emit(_answer(zoo, result, str(out), options.format))
        return
    print(f"{result.name}: {out}")
    print(f"digest {result.digest}")
    kept = "of the shared update, mean over tasks" if masks else "of the task vectors' entries"
    print(f"kept {100 * result.kept_fraction:.1f} % {kept}; {result.seconds:.2f} s")


def _merge_files(options: argparse.Namespace, recipe: Recipe, out: Path) -> None:
    """Files of any architecture, which no zoo holds."""
    if options.pretrained is None or options.models is None or recipe.tasks is not None:
        raise InvalidOptionError("files are merged by --pretrained FILE --models FILE FILE .., without --tasks.")
    if options.zoo is not None or options.device != "auto":
        raise InvalidOptionError("files are merged on the CPU and without a zoo; leave out --zoo and --device.")
    if options.format != "canonical":
        raise InvalidOptionError("--format renames the tensors of CLIP encoders; merged files keep their own names.")
    from mloss_core.merging.file_merge import merge_files

    files = [Path(options.pretrained), *map(Path, options.models)]
    spare(out, files)
    with progress_bar() as progress:
        merged = merge_files(files[0], files[1:], recipe, out, progress, options.dtype)
    if options.json:
        answer = {"recipe": recipe.to_dict(), "out": str(out), "digest": merged.digest, "models": list(options.models)}
        emit({**answer, "notes": list(merged.notes)})
        return
    print(f"{recipe.method} of {len(files) - 1} files: {out}")
    print(f"digest {merged.digest}")
    for note in merged.notes:
        print(f"note: {note}")


def _check_masks_file(recipe: "Recipe", out: Path, format: str) -> None:
    """Refuse, before any work, a file for masks that says that it holds weights."""
    if out.suffix != ".npz":
        raise InvalidOptionError(
            f"{recipe.method} gives one model for each task, which no file of weights holds; its masks go to a file "
            f"that ends in .npz. Found {out.name!r}."
        )
    if format != "canonical":
        raise InvalidOptionError(f"--format is for files of weights; the masks of {recipe.method} have one format.")


def _written_down(options: argparse.Namespace) -> Recipe:
    """The recipe of a file, or of a preset with the tasks that go with it."""
    if options.recipe is not None:
        return read_recipe(options.recipe)
    recipe = get_preset(options.preset).recipe
    return recipe.replace(tasks=names(options.tasks)) if options.tasks is not None else recipe


def _answer(zoo: "Zoo", result: "MergeResult", out: str, format: str) -> dict[str, Any]:
    return {
        "zoo": zoo_facts(zoo),
        "recipe": result.recipe.to_dict(),
        "out": out,
        "format": format,
        "digest": result.digest,
        "realised_keep": dict(result.realised_keep),
        "kept_fraction": result.kept_fraction,
        "inputs": dict(result.inputs),
        "versions": dict(result.versions),
        "seconds": result.seconds,
    }
