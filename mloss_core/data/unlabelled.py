"""A folder of images without labels: enough to measure M-Loss, which needs none."""

from pathlib import Path

from torch import Tensor

from mloss_core.data.datasets import check_split
from mloss_core.data.image_paths import images_below, passed_over
from mloss_core.data.pictures import PictureFiles
from mloss_core.data.split_dataset import SplitDataset
from mloss_core.errors import DatasetError
from mloss_core.vision.architecture import Architecture


class UnlabelledDataset(SplitDataset):
    """The images below a folder as a training split without labels or classes.

    Args:
        name: of the task.
        folder: with images, in sub-folders or not.
        architecture: of the encoder whose images it gives.

    Raises:
        DatasetError: no image.
    """

    def __init__(self, name: str, folder: Path, architecture: Architecture) -> None:
        found = images_below(folder)
        if not found.paths:
            raise DatasetError(f"{folder} must hold images; found none that Pillow knows by their names.")
        paths = sorted(found.paths)
        note = f"{name}: {len(paths)} images without labels: M-Loss can be measured on them, accuracy cannot."
        notes = [note, *(f"{name}: {words}" for words in passed_over(found.passed_over, folder))]
        pictures = PictureFiles(paths, [0] * len(paths), folder)
        super().__init__(name, (), (), {"train": pictures}, architecture, notes, "all images below the folder")

    def labels(self, split: str) -> Tensor:
        """Nothing.

        Raises:
            DatasetError: always: these images have no labels.
        """
        check_split(split)
        raise DatasetError(f"the images of {self.name} have no labels; put them into train/<class> and test/<class>.")
