"""Which worker serves a request."""

import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.lab import devices
from mloss_core.lab.devices import device_queue


def test_device_queues(monkeypatch):
    assert (device_queue("cpu"), device_queue("cuda"), device_queue("cuda:2")) == ("cpu", "cuda:0", "cuda:2")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "_gpu_at_hand", lambda: False)
    assert device_queue("auto") == "cpu"
    monkeypatch.setattr(devices, "_gpu_at_hand", lambda: True)
    assert device_queue("auto") == "cuda:0"
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert device_queue("auto") == "cpu"


@pytest.mark.parametrize("device", ["gpu", "CPU", "cuda:-1", "cuda:1/../..", "", "cpu\n"])
def test_other_devices_are_refused(device):
    with pytest.raises(InvalidOptionError, match="device must be auto, cpu or cuda:N"):
        device_queue(device)


def test_devices_without_a_gpu_build(monkeypatch):
    devices.devices.cache_clear()
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.15.0+cpu")
    assert devices.devices() == ("cpu",)
    devices.devices.cache_clear()
