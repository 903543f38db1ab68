"""What is true of every drawn task, whatever it shows."""

import numpy as np
import pytest

from mloss_core.demo.dataset import ProceduralDataset
from mloss_core.demo.drawing import draw_split
from mloss_core.demo.tasks import TASKS, first_tasks
from mloss_core.demo.tasks.canvas import finish, stream
from mloss_core.errors import InvalidOptionError


@pytest.mark.parametrize("name", list(TASKS))
@pytest.mark.parametrize("hardness", [0.1, 0.9])
def test_every_class_can_be_drawn_and_looks_like_no_other(name, hardness):
    """The same random stream gives each class an image of its own."""
    task, seen = TASKS[name], set()
    for label in range(len(task.classes)):
        random = stream("test", name)
        image = finish(task.draw(random, label, hardness), random, 0.0)
        assert image.shape == (32, 32, 3) and image.std() > 5
        seen.add(image.tobytes())
    assert len(seen) == len(task.classes)


def test_names_and_sentences_are_the_tasks_own():
    said = [t.format(c) for task in TASKS.values() for t in task.templates for c in task.classes]
    repeated = {sentence for sentence in said if said.count(sentence) > 1}
    assert not repeated, "an image of one task must not answer to a sentence of another"
    assert len({task.title for task in TASKS.values()}) == 20


def test_a_split_is_drawn_as_its_images_are():
    dataset = ProceduralDataset(TASKS["flags"], sizes={"val": 6})
    drawn = draw_split(dataset, "val")
    assert drawn.pixels.dtype == np.uint8 and np.array_equal(drawn.pixels, dataset.pixels("val", range(6)))
    assert (drawn(dataset.labels("val")[:3] * 0 + 2) == dataset.images("val", [2, 2, 2])).all()


@pytest.mark.parametrize("count", [0, 21])
def test_there_are_twenty_tasks(count):
    assert list(first_tasks(8)) == list(TASKS)[:8]
    with pytest.raises(InvalidOptionError, match=f"1 to 20 tasks; found {count}"):
        first_tasks(count)
