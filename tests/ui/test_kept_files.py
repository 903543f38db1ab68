import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from ui import kept_files


@pytest.fixture
def now(monkeypatch):
    kept_files.install()
    clock = [100.0]
    monkeypatch.setattr(kept_files.time, "monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def files(now):
    return MediaFileManager(MemoryMediaFileStorage("/media"))


def is_served(files, address):
    return files.read_file(address.rpartition("/")[2]) is not None


def test_a_picture_outlives_the_run_that_drew_it_by_a_minute(files, now):
    """Another window's script ends while this one's has just begun anew."""
    address = files.add(b"picture", "image/png", "0.1")
    files.clear_session_refs()
    files.remove_orphaned_files()
    assert is_served(files, address)
    now[0] += kept_files.KEPT
    files.clear_session_refs()
    files.remove_orphaned_files()
    assert not is_served(files, address)


def test_a_download_works_from_a_button_that_a_run_has_just_replaced(files, now):
    asked = files.add_deferred(lambda: b"rows", "text/csv", "0.1")
    files.clear_session_refs()
    files.add_deferred(lambda: b"rows", "text/csv", "0.1")
    files.remove_orphaned_files()
    address = files.execute_deferred(asked)
    for _ in range(3):
        files.remove_orphaned_files()
    assert is_served(files, address)
    now[0] += kept_files.KEPT
    files.clear_session_refs()
    for _ in range(3):
        files.remove_orphaned_files()
    assert not is_served(files, address)
    with pytest.raises(MediaFileStorageError, match="not found"):
        files.execute_deferred(asked)


def test_a_closed_window_keeps_nothing(files):
    address = files.add(b"picture", "image/png", "0.1")
    files.clear_session_refs()
    files.clear_session_refs("dontcare")
    files.remove_orphaned_files()
    assert not is_served(files, address)
