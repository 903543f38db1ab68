"""The accuracies that the M-Loss project published (its page's Tables 1-3), and what to bear in mind when reading them.

They are figures of OpenAI's ViT-B/32 and ViT-L/14 on eight photographic datasets, on other data and other weights than
any zoo opened here: a reference beside our own tables, never mixed into them.
"""

import dataclasses
import statistics
from collections.abc import Mapping
from types import MappingProxyType

TASKS = ("RESISC45", "Cars", "MNIST", "DTD", "EuroSAT", "GTSRB", "SUN397", "SVHN")
"""The eight datasets, in the order of the published tables."""
SOURCE = "https://github.com/languangduan/mLoss"
PAPER = "https://arxiv.org/abs/2602.08564"
TITLES: Mapping[int, str] = MappingProxyType(
    {
        1: "Table 1: merging methods and the Ensemble",
        2: "Table 2: ViT-B/32, M-Loss keep rates in all blocks or a few",
        3: "Table 3: ViT-L/14, M-Loss keep rates in all blocks or a few",
    }
)


@dataclasses.dataclass(frozen=True)
class PublishedRow:
    """One recorded run.

    Args:
        table: number of the table on the project page, or None for a run found in the same logs but not on the page.
        backbone: `ViT-B/32` or `ViT-L/14`.
        method: the row's name.
        setting: hyper-parameters in the papers' letters: k keep rate, e span, s the factor on the summed task vectors
            divided by their number.
        blocks: where M-Loss keep rates applied, as text; empty for methods without them.
        accuracy: top-1 by dataset, fractions, recorded to four decimals.
        average: unweighted mean over the datasets as recorded, before the accuracies were rounded.
    """

    table: int | None
    backbone: str
    method: str
    setting: str
    blocks: str
    accuracy: Mapping[str, float]
    average: float

    @property
    def variance(self) -> float:
        """Population variance over the datasets, of fractions (times 10 000 for percent squared)."""
        return statistics.pvariance(self.accuracy.values())

    @property
    def worst(self) -> float:
        """Accuracy on the worst dataset, a fraction."""
        return min(self.accuracy.values())


def _run(
    table: int | None, backbone: str, method: str, setting: str, percent: str, average: float, blocks: str = ""
) -> PublishedRow:
    values = (round(float(value) / 100, 4) for value in percent.split())
    accuracy = MappingProxyType(dict(zip(TASKS, values, strict=True)))
    return PublishedRow(table, backbone, method, setting, blocks, accuracy, average / 100)


_B, _L = "ViT-B/32", "ViT-L/14"
_B_MTIES = "72.60 61.07 97.62 54.84 82.02 72.44 62.19 83.06"
_L_MTIES = "88.57 83.35 99.06 66.91 94.61 83.80 76.13 89.78"

ROWS: tuple[PublishedRow, ...] = (
    _run(1, _B, "Simple Average", "s 1.0", "71.46 63.34 87.46 50.11 73.00 52.79 64.91 64.16", 65.902),
    _run(1, _B, "Task Arithmetic", "s 1.8", "71.27 60.70 95.32 51.76 79.74 67.32 62.06 76.68", 70.606),
    _run(1, _B, "DARE", "k 0.7", "69.97 57.98 97.95 53.24 78.89 72.00 59.14 83.96", 71.642),
    _run(1, _B, "TIES", "k 0.2, global", "70.67 58.61 98.30 54.20 80.22 72.11 59.01 86.20", 72.417),
    _run(1, _B, "M-TIES", "k 0.8, e 0.1", _B_MTIES, 73.232, "all"),
    _run(1, _B, "Ensemble (features)", "8 models", "79.87 66.60 95.80 58.30 98.30 81.11 66.35 82.15", 78.559),
    _run(1, _L, "Simple Average", "s 1.0", "82.67 81.54 97.01 62.77 91.17 70.63 71.65 78.23", 79.459),
    _run(1, _L, "Task Arithmetic", "s 1.8", "86.17 82.44 98.54 65.59 93.93 83.47 73.56 85.26", 83.619),
    _run(1, _L, "DARE", "k 0.7", "88.33 83.35 98.97 66.86 94.06 84.20 75.37 89.19", 85.041),
    _run(1, _L, "TIES", "k 0.5, global", "88.19 82.81 99.01 66.70 94.37 83.36 75.65 89.42", 84.939),
    _run(1, _L, "M-TIES", "k 0.5, e 0.1", _L_MTIES, 85.278, "all"),
    _run(1, _L, "Ensemble (features)", "8 models", "87.73 85.36 98.78 66.81 98.24 87.92 74.76 84.92", 85.565),
    _run(2, _B, "M-TIES", "k 0.8, e 0.1", _B_MTIES, 73.232, "all"),
    _run(2, _B, "M-TIES", "k 0.8, e 0.1", "72.62 61.11 97.57 55.00 82.00 72.33 62.34 82.76", 73.216, "0, 8, 9, 10"),
    _run(2, _B, "M-TIES", "k 0.8, e 0.1", "72.62 61.10 97.56 55.00 82.07 72.31 62.33 82.77", 73.221, "8, 9, 10"),
    _run(3, _L, "M-TIES", "k 0.5, e 0.1", _L_MTIES, 85.278, "all"),
    _run(3, _L, "M-TIES", "k 0.5, e 0.1", "88.59 83.27 99.07 66.81 94.59 83.90 76.09 89.75", 85.259, "0, 20, 21, 22"),
    _run(3, _L, "M-TIES", "k 0.5, e 0.1", "88.57 83.27 99.07 66.81 94.61 83.90 76.07 89.75", 85.256, "20, 21, 22"),
)
"""The rows of the page's Tables 1-3."""

UNLISTED: tuple[PublishedRow, ...] = (
    _run(None, _B, "TIES", "k 0.4, global", "67.92 56.05 98.02 52.87 81.41 70.69 57.23 83.92", 71.015),
    _run(None, _B, "TIES", "k 0.6, global", "71.79 59.64 97.63 54.41 82.30 71.48 61.33 82.57", 72.644),
    _run(None, _B, "DARE", "k 1.0", "73.76 62.85 96.80 54.20 80.78 71.14 64.35 80.85", 73.092),
    _run(None, _B, "M-TIES", "k 0.2, e 0.1", "72.03 59.76 98.25 55.37 82.52 69.87 59.85 84.33", 72.747, "all"),
    _run(None, _B, "M-TIES", "k 0.4, e 0.1", "68.76 56.15 98.25 52.82 81.31 71.46 56.71 84.73", 71.274, "all"),
    _run(None, _B, "M-TIES", "k 0.6, e 0.1", "70.51 58.36 98.04 53.56 81.39 72.33 59.36 84.12", 72.209, "all"),
    _run(None, _B, "M-TIES", "k 0.8, e 0.05", "72.63 60.91 97.57 54.89 82.06 72.38 62.31 82.91", 73.209, "all"),
    _run(None, _B, "M-TIES", "k 0.8, e 0.15", "72.60 60.80 97.64 54.79 81.83 72.60 62.08 83.22", 73.195, "all"),
    _run(None, _L, "TIES", "k 0.2, global", "89.35 84.93 99.03 68.78 94.81 83.30 76.69 90.33", 85.902),
)
"""Runs of the same logs that the page does not list and that the notes quote."""


def published_rows(table: int | None = None, backbone: str | None = None) -> tuple[PublishedRow, ...]:
    """The published rows, of one table or backbone or all."""
    return tuple(
        row for row in ROWS if (table is None or row.table == table) and (backbone is None or row.backbone == backbone)
    )


def recorded_average(backbone: str, method: str, setting: str) -> float:
    """Average accuracy (a fraction) of a run on the page or in its logs.

    Raises:
        LookupError: no such run is recorded.
    """
    for row in (*ROWS, *UNLISTED):
        if (row.backbone, row.method, row.setting) == (backbone, method, setting):
            return row.average
    raise LookupError(f"no recorded run of {method} with {setting} on {backbone}.")


def reading_notes() -> tuple[tuple[str, str], ...]:
    """What the published numbers do and do not show, as (heading, sentences).

    The eight-task numbers are taken from the rows, so they cannot drift from the table.
    """

    def average(backbone: str, method: str, setting: str) -> str:
        return f"{100 * recorded_average(backbone, method, setting):.2f} %"

    same_rate = "; ".join(
        f"at k {k}, {average(_B, 'M-TIES', f'k {k}, e 0.1')} against {average(_B, 'TIES', f'k {k}, global')}"
        for k in ("0.2", "0.4", "0.6")
    )
    variances = {row.method: f"{1e4 * row.variance:.0f}" for row in published_rows(1, _B)}
    return (
        (
            "The baseline has a better run",
            (
                "On ViT-L/14 the logs also hold TIES with its usual keep rate, k 0.2: "
                f"{average(_L, 'TIES', 'k 0.2, global')}. That is above M-TIES "
                f"({average(_L, 'M-TIES', 'k 0.5, e 0.1')}) and above the Ensemble "
                f"({average(_L, 'Ensemble (features)', '8 models')}). "
                "The page lists TIES with k 0.5."
            ),
        ),
        (
            "Keeping more explains most of the lead",
            (
                f"On ViT-B/32, no trimming at all (DARE with k 1: elect sign and disjoint merge alone) reaches "
                f"{average(_B, 'DARE', 'k 1.0')}; M-TIES with k 0.8 reaches {average(_B, 'M-TIES', 'k 0.8, e 0.1')}."
            ),
        ),
        (
            "At the same keep rate the order changes",
            (
                f"M-TIES against TIES on ViT-B/32: {same_rate}. The same k is not the same budget: the span lowers it "
                "for M-TIES, and the published TIES counts unused text weights as kept."
            ),
        ),
        (
            "The span hardly moves the average",
            (
                f"At k 0.8, e from 0.05 to 0.15 gives {average(_B, 'M-TIES', 'k 0.8, e 0.05')} to "
                f"{average(_B, 'M-TIES', 'k 0.8, e 0.1')}. No run with e 0 or with reversed ranks is recorded on eight "
                "tasks; with random scores on six tasks the average was 77.09 to 77.13 % against 77.20 %."
            ),
        ),
        (
            "A lower variance is not won by M-TIES",
            (
                f"Variance over datasets in percent squared, ViT-B/32: M-TIES {variances['M-TIES']}, TIES "
                f"{variances['TIES']}, DARE {variances['DARE']}; but Task Arithmetic {variances['Task Arithmetic']} "
                f"and Simple Average {variances['Simple Average']}."
            ),
        ),
        (
            "One run each",
            (
                "One seed, no standard errors; EuroSAT and SUN397 were split at random without a seed. Differences of "
                "a tenth of a point say little. Their Ensemble averages raw features: compare it with our second "
                "Ensemble row."
            ),
        ),
    )
