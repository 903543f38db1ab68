"""Zero-shot classification heads: class names, spoken in several sentences, through a text tower."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mloss_core.data.templates import check_template, filled
from mloss_core.errors import DatasetError


@torch.no_grad()
def build_head(
    encode_text: Callable[[Tensor], Tensor],
    tokenize: Callable[[list[str]], Tensor],
    classes: Sequence[str],
    templates: Sequence[str],
    logit_scale: float,
) -> Tensor:
    """The classifier that a text tower makes of class names.

    Row c is exp(logit scale) times the unit mean of the unit embeddings of `template.format(class c)` over templates.
    Logits are `normalize(features) @ head.T`.

    Args:
        encode_text: token ids (sentence, position) to embeddings (sentence, embed_dim).
        tokenize: sentences to token ids.
        classes: in the dataset's label order.
        templates: sentences with one `{}` each.
        logit_scale: the factor itself (100 for OpenAI's CLIP), not its logarithm.

    Returns:
        float32 (class, embed_dim).

    Raises:
        DatasetError: no class, no template, or a template without exactly one `{}`.
    """
    if not classes or not templates:
        raise DatasetError(f"a head needs class names and templates; found {len(classes)} and {len(templates)}.")
    for template in templates:
        check_template(template)
    rows = []
    for name in classes:
        embeddings = encode_text(tokenize([filled(template, name) for template in templates])).float()
        mean = torch.nn.functional.normalize(embeddings, dim=-1).mean(0)
        rows.append(logit_scale * torch.nn.functional.normalize(mean, dim=-1))
    return torch.stack(rows)
