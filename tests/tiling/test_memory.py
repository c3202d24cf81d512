from types import SimpleNamespace

import pytest
import torch
from torch import nn

from daguerre.tiling.memory import LARGEST_PROCESSOR_SIDE, release_free, widest, window_side

CPU = torch.device("cpu")
ANY = 10**6


class Wide(nn.Sequential):
    """Eight values a pixel at full size, and thirty-two at a quarter of it."""

    multiple = 4

    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 32, 4, stride=4), nn.PixelShuffle(4))


def test_the_widest_result_is_counted_per_input_pixel():
    assert widest(Wide()) == 8
    assert widest(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(3, 5, 3, padding=1))) == 20


def test_a_look_at_a_network_leaves_no_hooks_behind():
    network = Wide()
    widest(network)
    assert not any(module._forward_hooks for module in network.modules())


def test_the_side_is_what_fits_less_its_halo_in_steps_of_32_pixels():
    # A pixel costs 4 * (8 values of 4 bytes + 3 made of 4) = 176 bytes, so 640 MiB hold 1952 x 1952 of them.
    assert window_side(Wide(), CPU, torch.float32, halo=0, largest=ANY) == 1952
    assert window_side(Wide(), CPU, torch.float32, halo=1, largest=ANY) == 1920
    # 4 * (8 * 2 + 3 * 4) = 112 bytes: 2447 x 2447.
    assert window_side(Wide(), CPU, torch.bfloat16, halo=0, largest=ANY) == 2432


def test_enlarging_networks_get_smaller_windows():
    network = Wide()
    network.scale = 4  # 4 * (32 + 3 * 16 * 4) = 896 bytes: 865 x 865
    assert window_side(network, CPU, torch.float32, halo=0, largest=ANY) == 864


@pytest.mark.parametrize(("halo", "side"), [(0, LARGEST_PROCESSOR_SIDE), (ANY, 64)])
def test_a_side_has_limits_on_both_ends(halo, side):
    assert window_side(Wide(), CPU, torch.float32, halo=halo) == side


def test_what_is_free_is_given_back_where_the_system_takes_it(monkeypatch):
    asked = []
    library = SimpleNamespace(malloc_trim=asked.append)
    monkeypatch.setattr("ctypes.CDLL", lambda name: library)
    release_free()
    assert asked == [0]
    del library.malloc_trim
    release_free()
