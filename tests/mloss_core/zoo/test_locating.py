"""Where zoos are looked for, and what tells that one changed."""

from pathlib import Path

from mloss_core.zoo import locating as places
from mloss_core.zoo.locating import folder_stamp, zoo_folder


def test_a_path_goes_before_a_name_in_checkpoints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints" / "ViT-B-32").mkdir(parents=True)
    assert zoo_folder("ViT-B-32") == Path("checkpoints/ViT-B-32")
    assert zoo_folder("other") == Path("other")
    (tmp_path / "ViT-B-32").mkdir()
    assert zoo_folder("ViT-B-32") == Path("ViT-B-32")


def test_the_stamp_sees_files_below_and_leaves_out_hidden_folders(tmp_path):
    for name in ("a.pt", "Cars/b.pt", "m/snapshots/x/c.bin", ".git/d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert [name for name, _, _ in folder_stamp(tmp_path)] == ["Cars/b.pt", "a.pt", "m/snapshots/x/c.bin"]


def test_the_nearest_files_are_seen_first(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "_MOST", 3)
    (tmp_path / "images").mkdir()
    for number in range(9):
        (tmp_path / "images" / str(number)).touch()
    (tmp_path / "zeroshot.pt").touch()
    found = [name for name, _, _ in folder_stamp(tmp_path)]
    assert "zeroshot.pt" in found and len(found) == 2
