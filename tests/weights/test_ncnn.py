import pytest
import torch
from weights.ncnn_files import rounded, write_rrdbnet, write_srvgg

from daguerre.errors import UnknownArchitecture, WeightsDamaged, WeightsError, WeightsNotFound
from daguerre.networks.rrdbnet import RRDBNet
from daguerre.networks.srvgg import SRVGGNetCompact
from daguerre.weights.model import load_file


@pytest.fixture
def pair(tmp_path):
    """A small network as an ncnn pair."""
    torch.manual_seed(0)
    return write_srvgg(tmp_path / "tiny", SRVGGNetCompact(scale=2, features=3, convs=1))


def same(path, network):
    image = torch.rand(1, 3, 8, 8)
    with torch.inference_mode():
        return torch.equal(load_file(path).network(image), network.eval()(image))


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("suffix", [".param", ".bin"])
def test_a_compact_network_computes_what_was_written(tmp_path, half, suffix):
    torch.manual_seed(0)
    network = rounded(SRVGGNetCompact(scale=3, features=5, convs=2))  # 135 weights, not a multiple of four bytes
    path = write_srvgg(tmp_path / "tiny", network, half=half)
    assert load_file(path).header.arguments == {"scale": 3, "features": 5, "convs": 2}
    assert same(path.with_suffix(suffix), network)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_an_rrdbnet_computes_what_was_written(tmp_path, half, scale):
    torch.manual_seed(0)
    network = rounded(RRDBNet(scale=scale, features=4, blocks=2, growth=3, unshuffle=1))
    path = write_rrdbnet(tmp_path / "tiny", network, half=half)
    assert load_file(path).header.scale == scale
    assert same(path, network)


def test_half_of_a_pair_asks_for_the_other(pair):
    pair.with_suffix(".bin").unlink()
    with pytest.raises(WeightsNotFound, match=r"is half of an ncnn network; tiny\.bin has to lie beside it"):
        load_file(pair)


def test_a_bin_without_its_text_is_taken_for_what_it_may_be(pair):
    pair.unlink()
    with pytest.raises(WeightsDamaged, match=r"tiny\.bin"):
        load_file(pair.with_suffix(".bin"))
    torch.save(SRVGGNetCompact(scale=2, features=3, convs=1).state_dict(), pair.with_suffix(".bin"))
    assert load_file(pair.with_suffix(".bin")).header.scale == 2


@pytest.mark.parametrize("kept", [0, 3, 4, 100, -1])
def test_truncated_weights_are_refused(pair, kept):
    weights = pair.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(WeightsDamaged, match=r"tiny\.param and tiny\.bin do not fit each other"):
        load_file(pair)


def test_weights_of_a_larger_network_are_refused(pair):
    with pair.with_suffix(".bin").open("ab") as file:
        file.write(bytes(4))
    with pytest.raises(WeightsDamaged, match=r"tiny\.bin holds more than tiny\.param tells of"):
        load_file(pair)


CHANGES = {
    "magic": (lambda t: t.replace("7767517", "hello"), "does not begin with 7767517"),
    "nothing": (lambda t: "7767517", "holds more than"),
    "huge": (lambda t: t.replace("6=81", "6=99999999999"), "do not fit each other"),
    "negative": (lambda t: t.replace("6=81", "6=-81"), "do not fit each other"),
    "words": (lambda t: t.replace("6=81", "6=many"), "do not fit each other"),
    "no size": (lambda t: t.replace("0=3 1=3", "0=0 1=3"), "do not fit each other"),
    "infinite": (lambda t: t.replace("6=81", "6=inf"), "do not fit each other"),
    "short": (lambda t: t.replace("PReLU", "PReLU\nPReLU"), "do not fit each other"),
    "eight bits": (lambda t: t.replace("5=1", "5=1 8=2"), "do not fit each other"),
    "other layer": (lambda t: t.replace("PixelShuffle", "LayerNorm"), "has a layer 'LayerNorm'; of its networks only"),
    "other order": (lambda t: t.replace("PixelShuffle", "Concat"), "not this one of 3 convolutions"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_another_text_is_one_line(pair, change, message):
    pair.write_text(change(pair.read_text()))
    with pytest.raises(WeightsError, match=message) as caught:
        load_file(pair)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [("2.000000e-01 ", "1.000000e-01 "), ("9=2", "9=1"), ("Concat ", "Split ")])
def test_a_relative_of_rrdbnet_is_not_taken_for_it(tmp_path, change):
    path = write_rrdbnet(tmp_path / "tiny", RRDBNet(features=4, blocks=1, growth=3))
    text = path.read_text().replace("\n", " \n")
    path.write_text(text.replace(*change))
    with pytest.raises(UnknownArchitecture, match="only RRDBNet"):
        load_file(path)
