import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch

from mloss_core.demo.dataset import MISNAMED, ProceduralDataset, demo_datasets
from mloss_core.demo.tasks import TASKS
from mloss_core.errors import DatasetError

NAMES = list(TASKS)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_depends_on_its_key_alone(name):
    dataset = ProceduralDataset(TASKS[name])
    together = dataset.pixels("test", [3, 7, 5])
    assert np.array_equal(together[1], ProceduralDataset(TASKS[name]).pixels("test", [7])[0])
    assert together.shape == (3, 32, 32, 3) and together.dtype == np.uint8
    assert not np.array_equal(dataset.pixels("test", [0]), dataset.pixels("val", [0]))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "digits"])
def test_another_seed_draws_other_images(name):
    first, second = (ProceduralDataset(TASKS[name], seed) for seed in (0, 1))
    assert not np.array_equal(first.pixels("test", [0]), second.pixels("test", [0])) and first.digest != second.digest


@pytest.mark.parametrize("name", NAMES)
def test_labels_cover_the_classes_and_sizes_suffice(name):
    dataset = ProceduralDataset(TASKS[name])
    labels = dataset.labels("test")
    assert set(labels.tolist()) == set(range(len(dataset.classes)))
    assert len(labels) == dataset.size("test") >= (600 if name == "digits" else 1000)
    assert dataset.images("val", [0]).shape == (1, 3, 32, 32)


def test_the_label_is_that_of_the_drawn_image():
    seen: list[int] = []

    def draw(random, label, hardness):
        seen.append(label)
        return TASKS["shapes"].draw(random, label, hardness)

    dataset = ProceduralDataset(dataclasses.replace(TASKS["shapes"], draw=draw))
    dataset.pixels("val", range(20))
    assert seen == dataset.labels("val")[:20].tolist()


def test_scans_are_split_without_overlap():
    digits = ProceduralDataset(TASKS["digits"])
    seen = [
        digits.pixels(split, range(digits.size(split))).reshape(digits.size(split), -1)
        for split in ("train", "val", "test")
    ]
    assert [len(part) for part in seen] == [997, 200, 600]
    everything = {row.tobytes() for part in seen for row in part}
    assert len(everything) > 1790


def test_another_process_draws_the_same_pixels():
    code = (
        "from mloss_core.demo.dataset import demo_datasets; print([d.pixel_digest for d in demo_datasets().values()])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found == str([dataset.pixel_digest for dataset in demo_datasets().values()]) + "\n"


def test_bad_index_and_split():
    dataset = ProceduralDataset(TASKS["signs"])
    with pytest.raises(DatasetError, match=r"signs has 500 val images \(0 to 499\); found index 500"):
        dataset.pixels("val", [500])
    with pytest.raises(DatasetError, match="found 'tests'"):
        dataset.size("tests")


def test_captions_misname_wild_images_alone():
    dataset = ProceduralDataset(TASKS["shapes"], sizes={"pretraining": 3000})
    true, said = dataset.labels("pretraining"), dataset.captioned()
    wild = np.array([dataset._begin("pretraining", index)[2] for index in range(3000)])
    assert 0.45 < wild.mean() < 0.55
    assert torch.equal(true[~wild], said[~wild])
    for label, (other, rate) in enumerate(dataset.confusions):
        heard = said[torch.from_numpy(wild) & (true == label)]
        assert other != label and set(heard.tolist()) <= {label, other}
        assert abs((heard == other).float().mean().item() - rate) < 0.15
    assert sorted(other for other, _ in dataset.confusions) == list(range(8)), "every class is taken for one other"
    assert min(rate for _, rate in dataset.confusions) == pytest.approx(MISNAMED[0])
    assert max(rate for _, rate in dataset.confusions) == pytest.approx(MISNAMED[1])
