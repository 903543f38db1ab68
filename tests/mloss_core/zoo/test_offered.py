import os
from pathlib import Path

import pytest

from mloss_core.errors import UnknownNameError, ZooError
from mloss_core.zoo.offered import VARIABLE, configured_roots, offered_zoo, offered_zoos
from tests.zoo_files import LAYOUTS


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A current folder without checkpoints, and no roots."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)


def test_checkpoints_here_are_a_root_without_being_asked_for(tmp_path):
    assert configured_roots() == ()
    (tmp_path / "checkpoints").mkdir()
    assert configured_roots() == ((tmp_path / "checkpoints").resolve(),)


def test_roots_of_the_variable_and_of_settings_are_joined(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv(VARIABLE, os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b"), ""]))
    found = configured_roots([str(tmp_path / "c"), str(tmp_path / "a")])
    assert [root.name for root in found] == ["a", "b", "c"]


@pytest.mark.parametrize("root", ["/", "~"])
def test_a_root_that_confines_nothing_is_refused(root, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(Path(root).expanduser()))
    with pytest.raises(ZooError, match="a root of zoos must be a folder of its own"):
        configured_roots()


def test_a_root_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setenv(VARIABLE, "nowhere")
    with pytest.raises(ZooError, match="MLOSS_ZOOS must name folders; nowhere is none"):
        configured_roots()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_offered_below_a_root_and_as_a_root(layout, tmp_path):
    root = tmp_path / "root"
    LAYOUTS[layout](root / "mine")
    (root / "empty").mkdir()
    found = offered_zoos([root])
    assert [(zoo.id, zoo.title, zoo.folder) for zoo in found] == [("mine", "mine", root / "mine")]
    assert [zoo.folder for zoo in offered_zoos([root / "mine"])] == [root / "mine"]


def test_a_zoo_that_only_a_yaml_describes_is_offered(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "zoo.yaml").write_text("name: a")
    assert [zoo.id for zoo in offered_zoos([tmp_path])] == ["a"]


def test_ids_are_unique_plain_words(tmp_path):
    for root in ("a", "b"):
        for name in ("demo", "ViT B/32".replace("/", "_"), "-."):
            folder = tmp_path / root / name
            folder.mkdir(parents=True)
            (folder / "zoo.json").write_text("{}")
    found = offered_zoos([tmp_path / "a", tmp_path / "b"])
    assert [zoo.id for zoo in found] == ["zoo", "ViT-B_32", "demo-2", "zoo-2", "ViT-B_32-2", "demo-3"]


def test_links_out_of_the_root_are_left_out(tmp_path):
    secret, root = tmp_path / "secret", tmp_path / "root"
    for folder in (secret, root):
        folder.mkdir()
    (secret / "zoo.json").write_text("{}")
    (root / "link").symlink_to(secret, target_is_directory=True)
    assert offered_zoos([root]) == ()


def test_only_ids_of_the_list_open(tmp_path):
    (tmp_path / "root" / "mine").mkdir(parents=True)
    (tmp_path / "root" / "mine" / "zoo.json").write_text("{}")
    zoos = offered_zoos([tmp_path / "root"])
    assert offered_zoo("mine", zoos).folder == tmp_path / "root" / "mine"
    for name in ("../mine", str(tmp_path / "root" / "mine"), "other"):
        with pytest.raises(UnknownNameError, match="mine"):
            offered_zoo(name, zoos)


def test_a_folder_that_became_a_link_out_is_refused(tmp_path):
    folder = tmp_path / "root" / "mine"
    folder.mkdir(parents=True)
    (folder / "zoo.json").write_text("{}")
    zoos = offered_zoos([tmp_path / "root"])
    folder.rename(tmp_path / "away")
    folder.symlink_to(tmp_path / "away", target_is_directory=True)
    with pytest.raises(ZooError, match="no longer lies below its root"):
        offered_zoo("mine", zoos)
