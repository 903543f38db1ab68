"""Records of the methods that take matrices as matrices. Imports no torch."""

from mloss_core.merging import spectral_options
from mloss_core.merging.record import Method

_TSV, _ISO = "https://arxiv.org/abs/2412.00081", "https://arxiv.org/abs/2502.04959"

SPECTRAL_METHODS: tuple[Method, ...] = (
    Method(
        name="tsv_m", title="TSV-M", family="Spectral", options_type=spectral_options.TsvMOptions,
        target="mloss_core.merging.spectral:tsv_m", paper_url=_TSV,
        summary="Keep each model's leading singular directions and make those of different models orthogonal.",
    ),
    Method(
        name="iso_c", title="Iso-C", family="Spectral", options_type=spectral_options.IsoCOptions,
        target="mloss_core.merging.spectral:iso_c", paper_url=_ISO,
        summary="Sum the task vectors and give every singular direction of the sum the same strength.",
    ),
    Method(
        name="iso_cts", title="Iso-CTS", family="Spectral", options_type=spectral_options.IsoCTSOptions,
        target="mloss_core.merging.spectral:iso_cts", paper_url=_ISO,
        summary="Iso-C that gives its weakest directions to what each model has beside the common ones.",
    ),
    Method(
        name="wudi", title="WUDI", family="Optimised", options_type=spectral_options.WudiOptions,
        target="mloss_core.merging.wudi:wudi", paper_url="https://arxiv.org/abs/2503.08099",
        summary="Move the summed task vectors step by step to where each task's own directions feel least of the rest.",
    ),
    Method(
        name="tsv_c", title="TSV-C", family="One model per task", output="per_task",
        options_type=spectral_options.TsvCOptions, target="mloss_core.merging.tsv_c:tsv_c", paper_url=_TSV,
        summary="Every task stores its own leading singular directions. Needs to be told the task.",
    ),
)  # fmt: skip
