"""How the shapes of a CLIP vision tower's weights depend on each other. Imports no torch."""

import math
import re
from collections.abc import Mapping

Shapes = Mapping[str, tuple[int, ...]]

_BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+)")
_POOLER = "attn_pool."


def shape_problems(shapes: Shapes) -> list[str]:
    """What does not fit, one sentence a relation; empty where a tower of these weights runs.

    Args:
        shapes: of canonical open_clip visual weights. Those that are missing are not judged.
    """
    patches = shapes.get("conv1.weight", ())
    if len(patches) != 4 or not all(patches):
        return [f"conv1.weight must be (width, 3, patch, patch); it is {patches}."]
    width, channels, patch, other = patches
    problems = []
    if channels != 3:
        problems.append(f"the tower must take images of 3 channels; conv1.weight takes {channels}.")
    if patch != other:
        problems.append(f"patches must be square; conv1.weight has patches of {patch} x {other}.")
    problems += _positions(shapes.get("positional_embedding"), width)
    expected = {**_top(shapes, width), **_blocks(shapes, width), **_pooler(shapes, width)}
    for name, shape in expected.items():
        if name in shapes and shapes[name] != shape:
            problems.append(f"{name} must be {shape} to fit the other weights; it is {shapes[name]}.")
    return problems


def _positions(shape: tuple[int, ...] | None, width: int) -> list[str]:
    if shape is None:
        return []
    if len(shape) != 2 or shape[1] != width:
        return [f"positional_embedding must be (tokens, {width}) to fit the other weights; it is {shape}."]
    patches = shape[0] - 1
    if patches >= 1 and math.isqrt(patches) ** 2 == patches:
        return []
    return [
        f"positional_embedding must hold the class token and a square grid of patches; it has {shape[0]} rows: the "
        "grid is not square, or the class token's row is missing."
    ]


def _top(shapes: Shapes, width: int) -> dict[str, tuple[int, ...]]:
    projection = shapes.get("proj", ())
    query = shapes.get(_POOLER + "query", ())
    # A pooler's output, and with it the norm after it, has the width of its queries.
    pooled = query[1] if len(query) == 2 else width
    expected = {
        "class_embedding": (width,),
        "ln_pre.weight": (width,),
        "ln_pre.bias": (width,),
        "ln_post.weight": (pooled,),
        "ln_post.bias": (pooled,),
    }
    return {**expected, "proj": (pooled, projection[1] if len(projection) == 2 and projection[1] else 1)}


def _blocks(shapes: Shapes, width: int) -> dict[str, tuple[int, ...]]:
    first = shapes.get("transformer.resblocks.0.mlp.c_fc.weight", ())
    hidden = first[0] if first and first[0] else 1
    block = {"attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,)}
    block |= {"mlp.c_fc.weight": (hidden, width), "mlp.c_fc.bias": (hidden,), "mlp.c_proj.weight": (width, hidden)}
    block["attn.out_proj.weight"] = (width, width)
    found = {}
    for name in shapes:
        part = _BLOCK.fullmatch(name)
        if part:
            found[name] = block.get(part[2], (width,))
    return found


def _pooler(shapes: Shapes, width: int) -> dict[str, tuple[int, ...]]:
    query = shapes.get(_POOLER + "query")
    if query is None:
        return {}
    size = query[1] if len(query) == 2 else 1
    parts = {
        "query": (query[0] if query else 1, size),
        "ln_k.weight": (width,),
        "ln_k.bias": (width,),
        "ln_q.weight": (size,),
        "ln_q.bias": (size,),
        "attn.in_proj_weight": (3 * size, size),
        "attn.q_proj_weight": (size, size),
        "attn.k_proj_weight": (size, width),
        "attn.v_proj_weight": (size, width),
        "attn.in_proj_bias": (3 * size,),
        "attn.out_proj.weight": (size, size),
        "attn.out_proj.bias": (size,),
    }
    return {_POOLER + name: shape for name, shape in parts.items()}
