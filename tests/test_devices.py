import pytest
import torch
from torch import nn

from daguerre import devices
from daguerre.devices import Device, choose_device
from daguerre.errors import DeviceError


def test_the_processor_is_always_there():
    assert choose_device("cpu", "float32") == Device(torch.device("cpu"), torch.float32)
    assert choose_device("cpu", "bfloat16").dtype == torch.bfloat16


@pytest.mark.parametrize(("cuda", "mps", "chosen"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_auto_takes_the_first_there_is(monkeypatch, cuda, mps, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch, "empty", lambda *size, device: None)
    assert choose_device("auto", "float32").torch_device.type == chosen


@pytest.mark.parametrize(("fast", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_precision_follows_the_hardware_unless_said(monkeypatch, fast, dtype):
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: fast)
    assert choose_device("cpu").dtype == dtype
    assert choose_device("cpu", "float32").dtype == torch.float32


@pytest.mark.parametrize("name", ["toaster", "meta", "", "cuda0"])
def test_an_unknown_device_is_named_with_those_there_are(name):
    with pytest.raises(DeviceError, match=f"'{name}'; use auto, cpu, cuda, cuda:1 or mps"):
        choose_device(name)


@pytest.mark.parametrize("name", ["cuda:99", "cuda:x", "cpu:-3"])
def test_a_missing_device_is_told_in_one_line_with_a_way_out(name):
    with pytest.raises(DeviceError, match=rf"^no device '{name}' on this computer \(.+\); use --device cpu, or auto$"):
        choose_device(name)


def test_a_network_is_placed_ready_to_run_in_full_precision():
    device = choose_device("cpu", "bfloat16")
    network = device.place(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout()).train())
    assert not network.training
    assert network[0].weight.dtype == torch.float32
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_networks_run_in_the_device_s_number_format(precision, dtype):
    device = choose_device("cpu", precision)
    with device.autocast():
        assert nn.Conv2d(3, 4, 3)(torch.zeros(1, 3, 5, 5)).dtype == dtype
