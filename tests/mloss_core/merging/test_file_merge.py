"""Files of any architecture, merged tensor by tensor."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from mloss_core.cli import main
from mloss_core.errors import CheckpointError, IncompatibleStateDictsError, InvalidOptionError
from mloss_core.merging import merge_state_dicts
from mloss_core.merging.file_merge import merge_files
from mloss_core.recipe import Recipe
from tests.mloss_core.merging.models import finetuned, pretrained, same


@pytest.fixture
def files(tmp_path):
    """A base and three models of no known architecture, in three containers."""
    base = pretrained()
    models = finetuned(base)
    torch.save(base, tmp_path / "base.pt")
    torch.save(models[0], tmp_path / "a.pt")
    torch.save({"state_dict": models[1]}, tmp_path / "b.pt")
    save_file({key: value.contiguous() for key, value in models[2].items()}, tmp_path / "c.safetensors")
    return tmp_path, base, models


def test_any_state_dict_is_merged_as_in_memory(files):
    folder, base, models = files
    torch.save(models[1], folder / "b.pt")
    recipe = Recipe(method="ties", options={"keep_rate": 0.5})
    paths = [folder / name for name in ("a.pt", "b.pt", "c.safetensors")]
    merge_files(folder / "base.pt", paths, recipe, folder / "out.safetensors")
    found = load_file(folder / "out.safetensors")
    expected = merge_state_dicts(base, models, "ties", keep_rate=0.5)
    assert same({key: found[key] for key in expected}, expected)


def test_the_command_line_merges_files(files, capsys):
    folder, base, models = files
    arguments = [
        "merge",
        "--pretrained",
        folder / "base.pt",
        "--models",
        folder / "a.pt",
        folder / "c.safetensors",
        "--method",
        "average",
        "--out",
        folder / "out.safetensors",
        "--json",
    ]
    assert main([str(one) for one in arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    found = load_file(folder / "out.safetensors")
    assert len(answer["digest"]) == 64
    expected = merge_state_dicts(base, [models[0], models[2]], "average")
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def refused(capsys, *arguments):
    assert main([str(one) for one in arguments]) == 2
    return capsys.readouterr().err


def test_what_cannot_be_is_one_line(files, capsys):
    folder, _, _ = files
    start = ("merge", "--method", "average", "--out", folder / "out.safetensors")
    assert "files are merged by --pretrained FILE --models" in refused(capsys, *start, "--models", folder / "a.pt")
    both = (*start, "--pretrained", folder / "base.pt", "--models", folder / "a.pt")
    assert "merged files keep their own names" in refused(capsys, *both, "--format", "hf")
    assert "--out must end in .safetensors" in refused(
        capsys, "merge", "--method", "average", "--out", folder / "a.pt", *both[-4:]
    )
    assert not (folder / "out.safetensors").exists()


@pytest.mark.parametrize(("method", "words"), [("m_ties", "needs M-Loss"), ("regmean", "needs images of the tasks")])
def test_what_runs_the_models_needs_a_zoo(method, words, files):
    folder, _, _ = files
    with pytest.raises(InvalidOptionError, match=words):
        merge_files(folder / "base.pt", [folder / "a.pt"], Recipe(method=method), folder / "out.safetensors")


def test_other_tensors_and_broken_files_are_named(files):
    folder, base, _ = files
    torch.save({**base, "more": torch.zeros(2)}, folder / "d.pt")
    with pytest.raises(IncompatibleStateDictsError, match=r"d.pt has unexpected more"):
        merge_files(folder / "base.pt", [folder / "d.pt"], Recipe(method="average"), folder / "out.safetensors")
    (folder / "e.pt").write_bytes(b"<html>")
    with pytest.raises(CheckpointError, match="web page"):
        merge_files(folder / "base.pt", [folder / "e.pt"], Recipe(method="average"), folder / "out.safetensors")
    assert not (folder / "out.safetensors").exists()


def written(folder, base, models, recipe=None, **options):
    """Base and models saved as safetensors, merged, and what was written with what was said."""
    save_file(base, folder / "0.safetensors")
    paths = []
    for number, model in enumerate(models, 1):
        paths.append(folder / f"{number}.safetensors")
        save_file(model, paths[-1])
    recipe = recipe or Recipe(method="task_arithmetic", options={"scale": 1.0})
    merged = merge_files(folder / "0.safetensors", paths, recipe, folder / "out.safetensors", **options)
    return load_file(folder / "out.safetensors"), merged


@pytest.mark.parametrize("save", [torch.save, save_file])
def test_a_model_that_lacks_a_tensor_is_named(save, tmp_path):
    base = {"a": torch.ones(2, 2), "lm_head.weight": torch.ones(2)}
    save(base, tmp_path / "base")
    save({"a": base["a"]}, tmp_path / "tuned")
    with pytest.raises(IncompatibleStateDictsError, match=r"tuned lacks lm_head\.weight\."):
        merge_files(tmp_path / "base", [tmp_path / "tuned"], Recipe(method="average"), tmp_path / "out.safetensors")


def test_running_statistics_are_averaged_and_never_negative(tmp_path):
    def norm(mean, var, batches):
        return {
            "w": torch.full((2, 2), mean),
            "bn.running_mean": torch.full((2,), mean),
            "bn.running_var": torch.full((2,), var),
            "bn.num_batches_tracked": torch.tensor(batches),
        }

    found, merged = written(tmp_path, norm(0.0, 1.0, 10), [norm(1.0, 0.5, 20), norm(3.0, 0.1, 30)])
    torch.testing.assert_close(found["bn.running_var"], torch.full((2,), 0.3))
    torch.testing.assert_close(found["bn.running_mean"], torch.full((2,), 2.0))
    torch.testing.assert_close(found["w"], torch.full((2, 2), 4.0))
    assert found["bn.num_batches_tracked"] == 10
    assert merged.notes == (
        "copied from the pretrained model, integers that differ: bn.num_batches_tracked.",
        "running statistics were averaged over the models and not merged: 2 tensors.",
    )


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32, torch.bool])
def test_weights_of_integers_that_differ_are_refused_and_equal_ones_copied(dtype, tmp_path):
    base = {"w": torch.ones(2, 2), "q": torch.zeros(2, 2, dtype=dtype)}
    tuned = {"w": 2 * base["w"], "q": torch.ones(2, 2, dtype=dtype)}
    with pytest.raises(IncompatibleStateDictsError, match=r"q is \w+ and differs in 1\.safetensors.*dequantised"):
        written(tmp_path, base, [tuned])
    found, merged = written(tmp_path, base, [{**tuned, "q": base["q"]}])
    assert torch.equal(found["q"], base["q"]) and merged.notes == ()


def test_a_model_quantised_on_one_side_alone_is_refused(tmp_path):
    base = {"w": torch.ones(2, 2)}
    with pytest.raises(IncompatibleStateDictsError, match=r"w is float32 in the pretrained model and int8 in 1"):
        written(tmp_path, base, [{"w": torch.ones(2, 2, dtype=torch.int8)}])


def test_values_beyond_half_precision_are_refused_and_float32_holds_them(tmp_path):
    base = {"w": torch.full((2, 2), 60000.0, dtype=torch.float16)}
    tuned = [{"w": torch.full((2, 2), 64000.0, dtype=torch.float16)} for _ in range(2)]
    with pytest.raises(CheckpointError, match=r"w has values beyond what float16 holds \(at most 65504\).*--dtype"):
        written(tmp_path, base, tuned)
    found, _ = written(tmp_path, base, tuned, dtype="float32")
    assert torch.equal(found["w"], torch.full((2, 2), 68000.0))


def test_masks_of_infinities_are_the_files_own(tmp_path):
    base = {"w": torch.ones(2), "mask": torch.tensor([0.0, float("-inf")])}
    found, _ = written(tmp_path, base, [{**base, "w": torch.zeros(2)}])
    assert torch.equal(found["mask"], base["mask"])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_the_written_dtype_is_rounded_once(dtype, tmp_path):
    draw = torch.Generator().manual_seed(3)
    base = {"w": torch.randn(4, 4, generator=draw).half(), "n": torch.tensor([3])}
    tuned = {**base, "w": torch.randn(4, 4, generator=draw)}
    found, _ = written(tmp_path, base, [tuned], dtype=dtype)
    assert torch.equal(found["w"], tuned["w"].to(getattr(torch, dtype))) and found["n"].dtype == torch.int64
    found, _ = written(tmp_path, base, [tuned])
    assert torch.equal(found["w"], tuned["w"].half())


@pytest.mark.parametrize(
    "rename",
    [
        lambda key: f"module.{key}",
        lambda key: f"_orig_mod.module.{key}",
        lambda key: f"model.{key}",
        lambda key: key.replace("fc", "_fsdp_wrapped_module.fc"),
    ],
)
@pytest.mark.parametrize("side", ["base", "tuned"])
def test_what_wrappers_add_to_names_is_no_difference(rename, side, tmp_path):
    base = {"fc.weight": torch.zeros(2, 2), "fc.bias": torch.zeros(2)}
    tuned = {key: value + 1 for key, value in base.items()}
    other = {rename(key): value for key, value in {"base": base, "tuned": tuned}[side].items()}
    files = (other, tuned) if side == "base" else (base, other)
    found, merged = written(tmp_path, files[0], [files[1]])
    assert set(found) == set(files[0]) and all((value == 1).all() for value in found.values())
    assert "names of 1.safetensors were matched without what wrappers add to them." in merged.notes


def test_other_names_are_still_other_tensors(tmp_path):
    with pytest.raises(IncompatibleStateDictsError, match=r"lacks fc\.weight"):
        written(tmp_path, {"fc.weight": torch.zeros(2)}, [{"module.head.weight": torch.zeros(2)}])


def test_the_same_file_twice_and_a_tensor_that_cannot_be_read(tmp_path):
    base = {"w": torch.ones(2)}
    save_file(base, tmp_path / "0.safetensors")
    recipe, out = Recipe(method="average"), tmp_path / "out.safetensors"
    with pytest.raises(
        InvalidOptionError, match=r"each model must be named once; found .*0\.safetensors more than once"
    ):
        merge_files(tmp_path / "0.safetensors", [tmp_path / "0.safetensors"] * 2, recipe, out)
    save_file({"w": torch.ones(2).to(torch.float8_e4m3fn)}, tmp_path / "f8.safetensors")
    with pytest.raises(CheckpointError, match=r"f8\.safetensors: w is of type F8_E4M3"):
        merge_files(tmp_path / "0.safetensors", [tmp_path / "f8.safetensors"], recipe, out)


def test_a_negative_scale_forgets(tmp_path):
    found, _ = written(
        tmp_path,
        {"w": torch.zeros(2)},
        [{"w": torch.ones(2)}],
        Recipe(method="task_arithmetic", options={"scale": -0.5}),
    )
    assert torch.equal(found["w"], torch.full((2,), -0.5))


def test_the_command_line_says_what_was_copied_and_takes_a_dtype(tmp_path, capsys):
    save_file({"w": torch.ones(2), "steps": torch.tensor([1])}, tmp_path / "0.safetensors")
    save_file({"w": torch.zeros(2), "steps": torch.tensor([2])}, tmp_path / "1.safetensors")
    files = ("--pretrained", tmp_path / "0.safetensors", "--models", tmp_path / "1.safetensors")
    out = ("--out", tmp_path / "o.safetensors")
    arguments = ("merge", *files, "--method", "average", "--dtype", "bfloat16", *out)
    assert main([str(one) for one in arguments]) == 0
    assert "note: copied from the pretrained model, integers that differ: steps." in capsys.readouterr().out
    assert load_file(tmp_path / "o.safetensors")["w"].dtype == torch.bfloat16
    assert "--dtype is for files merged with --models" in refused(
        capsys, "merge", "--method", "average", "--dtype", "float16", *out
    )
