import numpy as np
import pytest

from mloss_core.errors import CacheError
from mloss_core.lab.jobs.spare import Spare


@pytest.fixture
def spare(tmp_path):
    return Spare(tmp_path / "cache", tmp_path)


def test_answers_come_back_from_a_folder_of_this_user_alone(spare, tmp_path):
    assert spare.get("kind", "k") is None and not spare.has("kind", "k") and spare.clear() == 0
    assert not spare.folder.exists(), "looking makes nothing"
    spare.put("kind", "k", {"a": 1}, {"x": np.ones(2)})
    assert spare.has("kind", "k") and spare.get("kind", "k").meta == {"a": 1}
    assert spare.folder.stat().st_mode & 0o777 == 0o700
    assert Spare(tmp_path / "other", tmp_path).get("kind", "k") is None


def test_a_folder_that_others_can_enter_is_neither_read_nor_written(spare):
    spare.put("kind", "k", {"a": 1}, {})
    spare.folder.chmod(0o755)
    assert spare.get("kind", "k") is None and not spare.has("kind", "k")
    with pytest.raises(CacheError, match="of this user alone"):
        spare.put("kind", "k", {}, {})


def test_a_link_in_its_place_is_not_followed(spare, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    spare.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheError, match="of this user alone"):
        spare.put("kind", "k", {}, {})
    assert not list((tmp_path / "elsewhere").iterdir())
