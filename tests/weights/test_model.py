import pytest
import torch

from daguerre.errors import OptionError, UnknownArchitecture, WeightsDamaged, WeightsError
from daguerre.networks.compact_resnet import CompactResNet
from daguerre.networks.srresnet import MSRResNet
from daguerre.networks.srvgg import SRVGGNetCompact
from daguerre.weights.checkpoint import WeightsHeader, write
from daguerre.weights.model import blend, load_file, run_padded, self_ensemble

TINY = {"scale": 2, "features": 4, "convs": 1}


def save(path, *, arguments=TINY, network="SRVGGNetCompact", licence="CC0-1.0", value=None):
    """A tiny weights file, every weight equal to `value` if given."""
    state = SRVGGNetCompact(**TINY).state_dict()
    if value is not None:
        state = {name: torch.full_like(tensor, value) for name, tensor in state.items()}
    write(
        path,
        state,
        WeightsHeader(name=path.stem, task="upscale", network=network, arguments=arguments, scale=2, licence=licence),
        half=False,
    )
    return path


def test_our_file_gives_the_network_it_was_written_from(tmp_path):
    loaded = load_file(save(tmp_path / "tiny.safetensors"))
    assert isinstance(loaded.network, SRVGGNetCompact)
    assert not loaded.network.training
    assert loaded.network(torch.rand(1, 3, 4, 5)).shape == (1, 3, 8, 10)


def test_a_foreign_file_gives_its_network_and_a_header_made_from_it(tmp_path):
    network = SRVGGNetCompact(**TINY).eval()
    torch.save({"params": network.state_dict()}, tmp_path / "foreign.pth")
    loaded = load_file(tmp_path / "foreign.pth")
    image = torch.rand(1, 3, 4, 5)
    assert torch.equal(loaded.network(image), network(image))
    assert (loaded.header.name, loaded.header.scale, loaded.header.licence) == ("foreign", 2, "unknown")


def test_a_header_with_arguments_the_network_does_not_take_is_damage(tmp_path):
    with pytest.raises(WeightsDamaged, match="cannot be built as it asks"):
        load_file(save(tmp_path / "tiny.safetensors", arguments={"colour": "blue"}))


def test_a_header_that_does_not_fit_its_weights_is_damage(tmp_path):
    with pytest.raises(WeightsDamaged, match=r"'body.0.weight' is 4 x 3 x 3 x 3, but SRVGGNetCompact needs 6 x 3"):
        load_file(save(tmp_path / "tiny.safetensors", arguments=TINY | {"features": 6}))


def test_a_header_can_name_only_networks_that_are_registered(tmp_path):
    with pytest.raises(UnknownArchitecture, match=r"'os\.system'"):
        load_file(save(tmp_path / "tiny.safetensors", network="os.system"))


def test_foreign_weights_of_an_unknown_size_are_damage(tmp_path):
    """A first step of eight times is none that this family has."""
    state = MSRResNet(scale=2, features=4, blocks=1).state_dict()
    torch.save(state | {"upconv1.weight": torch.zeros(4 * 64, 4, 3, 3)}, tmp_path / "odd.pth")
    with pytest.raises(WeightsDamaged, match="cannot be built as it asks"):
        load_file(tmp_path / "odd.pth")


def test_blending_takes_every_weight_between_the_two(tmp_path):
    first = load_file(save(tmp_path / "faithful.safetensors", value=1.0))
    second = load_file(save(tmp_path / "vivid.safetensors", value=3.0, licence="MIT"))
    mixed = blend(first, second, 0.25)
    assert all(bool((tensor == 1.5).all()) for tensor in mixed.network.state_dict().values())
    assert mixed.header.licence == "CC0-1.0 and MIT"
    assert (mixed.header.name, mixed.header.arguments) == ("faithful + 0.25 (vivid - faithful)", TINY)


def test_blending_ends_are_the_two_weights_themselves(tmp_path):
    first, second = (load_file(save(tmp_path / f"{name}.safetensors")) for name in "ab")
    for amount, end in [(0, first), (1, second)]:
        mixed = blend(first, second, amount).network.state_dict()
        assert all(torch.equal(mixed[name], tensor) for name, tensor in end.network.state_dict().items())


def test_blending_two_architectures_is_refused(tmp_path):
    first = load_file(save(tmp_path / "a.safetensors"))
    torch.save(SRVGGNetCompact(scale=2, features=4, convs=2).state_dict(), tmp_path / "b.pth")
    with pytest.raises(WeightsError, match=r"within one architecture: a is .* convs 1, .* b is .* convs 2"):
        blend(first, load_file(tmp_path / "b.pth"), 0.5)


def deep(path, blocks):
    """A CompactResNet that changes much, on disk."""
    arguments = {"scale": 2, "features": 4, "blocks": blocks}
    torch.manual_seed(blocks)
    network = CompactResNet(**arguments)
    network.conv_last.weight.data.mul_(100)
    header = WeightsHeader(name=path.stem, task="upscale", network="CompactResNet", arguments=arguments, scale=2)
    write(path, network.state_dict(), header, half=False)
    return load_file(path)


def test_blending_with_a_deeper_network_begins_at_the_first_and_ends_at_the_second(tmp_path):
    first, second = deep(tmp_path / "a.safetensors", 1), deep(tmp_path / "b.safetensors", 3)
    image = torch.rand(1, 3, 6, 7)
    for amount, end in [(0, first), (1, second)]:
        mixed = blend(first, second, amount)
        torch.testing.assert_close(mixed(image), end(image))
        assert mixed.header.arguments == second.header.arguments
    halfway = blend(first, second, 0.5).network.state_dict()
    grown = second.network.state_dict()["body.2.conv2.weight"]
    torch.testing.assert_close(halfway["body.2.conv2.weight"], grown / 2)
    with pytest.raises(WeightsError, match="within one architecture"):
        blend(second, first, 0.5)


@pytest.mark.parametrize("amount", [-0.1, 1.1])
def test_blending_beyond_the_ends_is_refused(tmp_path, amount):
    loaded = load_file(save(tmp_path / "a.safetensors"))
    with pytest.raises(OptionError, match="between 0 and 1"):
        blend(loaded, loaded, amount)


def test_a_model_takes_any_size_and_states_what_a_caller_must_know(tmp_path):
    model = load_file(save(tmp_path / "tiny.safetensors"))
    assert (model.scale, model.multiple, model.halo) == (2, 1, model.network.halo)
    image = torch.rand(1, 3, 7, 5)
    torch.testing.assert_close(model(image), model.network(image))
    assert model(image).dtype == torch.float32


@pytest.mark.parametrize(("size", "border"), [((5, 7), "reflect"), ((5, 7), "replicate"), ((1, 3), "reflect")])
def test_sizes_that_are_no_multiple_are_padded_and_cropped(size, border):
    seen = []

    def double(image):
        seen.append(image)
        return image.repeat_interleave(2, -1).repeat_interleave(2, -2)

    image = torch.rand(1, 3, *size)
    made = run_padded(double, image, scale=2, multiple=4, border=border)
    assert torch.equal(made, image.repeat_interleave(2, -1).repeat_interleave(2, -2))
    assert all(side % 4 == 0 for side in seen[0].shape[-2:])
    last = image[..., -1] if border == "replicate" or size[0] == 1 else image[..., -2]
    assert torch.equal(seen[0][..., : size[0], size[1]], last)


def test_the_self_ensemble_turns_as_its_image_does():
    image = torch.rand(1, 1, 4, 6)
    averaged = self_ensemble(lambda view: view.cumsum(-1))
    torch.testing.assert_close(averaged(image.flip(-1)), averaged(image).flip(-1))
    torch.testing.assert_close(averaged(torch.rot90(image, 1, (-2, -1))), torch.rot90(averaged(image), 1, (-2, -1)))


def test_another_network_than_expected_is_named(tmp_path):
    model = load_file(save(tmp_path / "tiny.safetensors"))
    assert model.expect(SRVGGNetCompact) is model.network
    with pytest.raises(WeightsError, match="tiny is a SRVGGNetCompact; a MSRResNet is needed here"):
        model.expect(MSRResNet)


@pytest.mark.parametrize("value", [1e30, 3e38])
def test_a_model_that_overflows_says_so_and_makes_no_picture(tmp_path, value):
    model = load_file(save(tmp_path / "loud.safetensors", value=value))
    with pytest.raises(WeightsDamaged, match="loud: the weights overflow, so they make no picture"):
        model(torch.rand(1, 3, 4, 5))


def test_whether_a_foreign_model_takes_noise_away_is_measured_and_ours_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr("daguerre.weights.model.cleans", lambda model: True)
    torch.save(SRVGGNetCompact(**TINY).state_dict(), tmp_path / "foreign.pth")
    assert load_file(tmp_path / "foreign.pth").header.cleans
    assert not load_file(save(tmp_path / "ours.safetensors")).header.cleans
