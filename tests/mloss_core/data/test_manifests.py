from mloss_core.data.manifests import other_images, split_manifest, split_manifests
from mloss_core.data.on_disk import open_dataset
from tests.field_files import resisc45
from tests.mloss_core.data.test_image_folders import SHAPE
from tests.zoos import tiny_zoo


def test_a_dataset_on_disk_says_how_its_splits_were_made(tmp_path):
    from mloss_core.data.field.catalogue import CATALOGUE

    data = open_dataset("resisc45", resisc45(tmp_path), SHAPE, CATALOGUE["resisc45"])
    found = split_manifest(data, "val")
    assert found["images"] == 4 and found["digest"] == data.digest and len(found["sha256"]) == 64
    assert found["rule"].startswith("files of RESISC45; a tenth of the training images")


def test_results_on_other_images_are_told_apart():
    zoo = tiny_zoo(2)
    whole = split_manifests(zoo.datasets, zoo.tasks, "test")
    few = split_manifests(zoo.limited(2).datasets, zoo.tasks, "test")
    assert set(whole) == set(zoo.tasks) and whole[zoo.tasks[0]]["images"] == zoo.datasets[zoo.tasks[0]].size("test")
    assert other_images(whole, whole) == ""
    words = other_images(whole, few)
    assert words == f"measured on other images of {', '.join(zoo.tasks)}: do not rank these results together."
    assert other_images({zoo.tasks[0]: whole[zoo.tasks[0]]}, {zoo.tasks[1]: few[zoo.tasks[1]]}) == ""
