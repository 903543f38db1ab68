import dataclasses

import numpy as np

from mloss_core.mloss import measure_mloss, stability_curve
from mloss_core.mloss.sampling import resampled_counts
from tests.zoos import tiny_zoo


def test_resampling_keeps_each_task_its_number():
    task = np.array([0, 0, 0, 1, 1])
    counts = resampled_counts(task, 50, seed=1)
    assert counts.shape == (50, 5)
    assert (counts[:, :3].sum(1) == 3).all() and (counts[:, 3:].sum(1) == 2).all()
    assert counts.std(0).min() > 0


def test_more_images_agree_better_with_all():
    report = measure_mloss(tiny_zoo(2), samples_per_task=32)
    curve = stability_curve(report, repeats=4)
    assert curve["samples_per_task"].tolist() == [1, 2, 4, 8, 16]
    assert curve["spearman_mean"].is_monotonic_increasing
    assert (curve["spearman_worst"] <= curve["spearman_mean"]).all()


def test_no_curve_without_per_image_values():
    report = measure_mloss(tiny_zoo(2), samples_per_task=4)
    assert stability_curve(dataclasses.replace(report, per_image={})).empty
