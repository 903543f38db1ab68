"""Whose tensor names a weight file may be written under. Imports no torch."""

from collections.abc import Mapping

FORMATS: Mapping[str, str] = {
    "canonical": "open_clip's names of the vision tower alone, without a prefix",
    "open_clip": "the same below 'visual.', as in open_clip's CLIP",
    "hf": "transformers' CLIPVisionModelWithProjection; named model.safetensors, it gets its config.json",
    "task_vectors": "the same as open_clip's below 'model.visual.', as in the field's ImageEncoder",
}
"""What a merged file can be written as, with a word on each."""
