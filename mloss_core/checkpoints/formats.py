"""Names of weight formats and files. Imports no torch."""

from collections.abc import Mapping

FORMATS: Mapping[str, str] = {
    "canonical": "open_clip's names of the vision tower alone, without a prefix",
    "open_clip": "the same below 'visual.', as in open_clip's CLIP",
    "hf": "transformers' CLIPVisionModelWithProjection; named model.safetensors, it gets its two configurations",
    "task_vectors": "the same as open_clip's below 'model.visual.', as in the field's ImageEncoder",
}
"""What a merged file can be written as, with a word on each."""

INDEX_SUFFIX = ".index.json"
"""Ending of the file that says which tensor lies in which of several files."""
REPOSITORY_FILES = (
    "model.safetensors",
    f"model.safetensors{INDEX_SUFFIX}",
    "pytorch_model.bin",
    f"pytorch_model.bin{INDEX_SUFFIX}",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""What weights are called in a repository, the first that is there being the one that is read."""
