import pytest
import torch
from parity.fill import filled_state, fixture, relative_error

from daguerre.networks.vgg import VGG16, VGG19, VGG19_LAYERS, style_distance


def small(classes=0):
    torch.manual_seed(0)
    return VGG19(width=1 / 16, classes=classes)


def test_vgg_computes_what_the_published_network_computes():
    network = VGG19().eval()
    network.load_state_dict(filled_state("vgg19_features"))
    assert sum(parameter.numel() for parameter in network.parameters()) == 20_024_384
    (normal,), expected = fixture("vgg19_features")
    with torch.inference_mode():
        features = network(normal * network.deviation + network.mean, ["pool5"])
    assert relative_error(features["pool5"], expected) < 1e-4


def test_vgg16_has_the_published_number_of_parameters_and_thirteen_convolutions():
    network = VGG16()
    assert sum(parameter.numel() for parameter in network.parameters()) == 14_714_688
    assert [layer for layer in network.layers if layer.startswith("conv3")] == ["conv3_1", "conv3_2", "conv3_3"]


def test_each_block_may_have_its_own_width():
    network = VGG19(width=(1 / 8, 1 / 16, 1 / 16, 1 / 32, 1 / 64))
    last = [network.channels(f"relu{block}_1") for block in range(1, 6)]
    assert last == [8, 8, 16, 16, 8]
    with pytest.raises(ValueError, match=r"a VGG has 5 blocks, not the 2 of width \[1, 0.5\]"):
        VGG19(width=[1, 0.5])


def test_layers_are_named_by_block_and_place():
    # torchvision's positions: relu1_1 is features.1, relu4_2 is features.22, relu5_1 is features.29.
    assert [VGG19_LAYERS[place] for place in (0, 1, 4, 22, 29, 36)] == [
        *("conv1_1", "relu1_1", "pool1", "relu4_2", "relu5_1", "pool5")
    ]


def test_features_come_before_or_after_activation():
    features = small()(torch.rand(1, 3, 33, 47), ["relu3_4", "conv3_4", "relu1_2"])
    assert list(features) == ["relu1_2", "conv3_4", "relu3_4"]
    assert features["conv3_4"].min() < 0
    assert features["relu3_4"].equal(features["conv3_4"].clamp(min=0))
    assert features["relu1_2"].shape == (1, 4, 33, 47)
    assert features["relu3_4"].shape == (1, 16, 8, 11)


def test_nothing_beyond_the_deepest_layer_is_computed():
    network = small()
    run = []
    for place, layer in enumerate(network.features):
        layer.register_forward_hook(lambda *_, place=place: run.append(place))
    network(torch.rand(1, 3, 8, 8), ["relu2_1", "conv1_1"])
    assert run == list(range(VGG19_LAYERS.index("relu2_1") + 1))


def test_an_unknown_layer_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no layer 'relu6_1'; it has conv1_1, relu1_1, .*relu5_4, pool5"):
        small()(torch.rand(1, 3, 8, 8), ["relu6_1"])


def test_a_picture_too_small_for_a_layer_is_refused():
    with pytest.raises(ValueError, match="conv5_1 needs pictures of at least 16 x 16, not 15 x 40"):
        small()(torch.rand(1, 3, 15, 40), ["conv5_1"])


def test_with_a_head_it_names_pictures():
    assert small(classes=7).classify(torch.rand(2, 3, 64, 40)).shape == (2, 7)


def test_without_a_head_it_says_so():
    with pytest.raises(ValueError, match="no labels"):
        small().classify(torch.rand(1, 3, 32, 32))


def test_every_parameter_of_vgg_has_a_gradient():
    network = small(classes=3)
    network.classify(torch.rand(4, 3, 64, 64)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_fresh_network_passes_signals_through():
    deep = VGG19(width=1 / 4)(torch.rand(1, 3, 64, 64), ["relu5_4"])["relu5_4"]
    assert 0.1 < deep.std((2, 3)).mean() < 10


@pytest.mark.parametrize(("layer", "halo"), [("relu1_1", 1), ("relu1_2", 2), ("pool1", 2), ("conv2_1", 4)])
def test_halos_by_hand(layer, halo):
    assert small().halo(layer) == halo


def test_smooth_pooling_reaches_further_by_hand():
    network = VGG19(width=1 / 16, pooling="smooth")
    assert [network.halo(layer) for layer in ("relu1_2", "pool1", "conv2_1")] == [2, 3, 5]


@pytest.mark.parametrize("pooling", ["max", "smooth"])
def test_windows_with_the_halo_have_the_features_of_the_whole_picture(pooling):
    network = VGG19(width=1 / 16, pooling=pooling).double()
    halo = network.halo("relu3_2")
    stride = 4
    begin = 48 - -(-halo // stride) * stride  # windows begin at multiples of the stride
    image = torch.rand(1, 3, 120, 24, dtype=torch.float64)
    with torch.no_grad():
        whole = network(image, ["relu3_2"])["relu3_2"][..., 12:14, :]
        window = network(image[..., begin : 56 + halo, :], ["relu3_2"])["relu3_2"]
    first = (48 - begin) // stride
    torch.testing.assert_close(window[..., first : first + 2, :], whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("pooling", ["average", "smooth", "max"])
def test_softened_it_draws_no_frame_around_a_flat_picture(pooling):
    network = VGG19(width=1 / 16)
    flat = torch.full((1, 3, 32, 32), 0.3)
    assert network(flat, ["relu3_1"])["relu3_1"].std(dim=(2, 3)).max() > 0.01
    network.soften(pooling)
    assert network(flat, ["relu3_1"])["relu3_1"].std(dim=(2, 3)).max() < 1e-5


def test_style_distance_by_hand():
    wanted = torch.tensor([[2.0, 1.0], [1.0, 4.0]]).expand(2, 2, 2)
    torch.testing.assert_close(style_distance(2 * wanted, wanted), torch.ones(2))
    assert style_distance(wanted, wanted).equal(torch.zeros(2))
    assert style_distance(torch.zeros(1, 3, 3), torch.zeros(1, 3, 3)).isfinite().all()


def test_a_weak_feature_counts_in_a_style_like_a_strong_one():
    wanted = torch.diag(torch.tensor([100.0, 1.0]))
    strong, weak = (wanted.clone() for _ in range(2))
    strong[0, 0] *= 2
    weak[1, 1] *= 2
    assert style_distance(weak, wanted) > style_distance(strong, wanted) / 20
    assert (weak - wanted).square().sum() < (strong - wanted).square().sum() / 5000
