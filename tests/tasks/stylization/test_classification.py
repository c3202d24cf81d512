import pytest
import torch

from daguerre.errors import OptionError
from daguerre.images import Picture
from daguerre.networks.efficientnet_lite import EfficientNetLite0
from daguerre.networks.vgg import VGG19
from daguerre.tasks.stylization.classification import guess_labels, labeling_network
from daguerre.weights.checkpoint import WeightsHeader, write


def weights_file(folder, labels, **arguments):
    """A VGG-19 whose head prefers its last class, whatever it sees."""
    torch.manual_seed(0)
    network = VGG19(width=1 / 16, **arguments)
    if network.head is not None:
        network.head.weight.data.zero_()
        network.head.bias.data = torch.tensor([0.0, 1.0, 3.0]).log1p()
    header = WeightsHeader(
        name="eyes", task="features", network="VGG19", arguments={"width": 1 / 16, **arguments}, labels=labels
    )
    write(folder / "eyes.safetensors", network.state_dict(), header)
    return str(folder / "eyes.safetensors")


def test_the_likeliest_labels_come_first_with_their_probabilities(tmp_path):
    file = weights_file(tmp_path, ["goldfish", "bullfrog", "cat"], classes=3)
    guesses = guess_labels(Picture.from_tensor(torch.rand(1, 3, 50, 90)), file, count=2)
    assert [label for label, _ in guesses] == ["cat", "bullfrog"]
    assert [chance for _, chance in guesses] == pytest.approx([4 / 7, 2 / 7], abs=0.01)


def test_a_published_classifier_is_used_once_it_is_imported(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGUERRE_WEIGHTS", str(tmp_path))
    assert labeling_network() == "vgg19-slim"
    torch.manual_seed(0)
    network = EfficientNetLite0(classes=2)
    network._fc.bias.data = torch.tensor([0.0, 50.0])
    header = WeightsHeader(
        name="efficientnet-lite0",
        task="labels",
        network="EfficientNetLite0",
        arguments={"classes": 2},
        labels=["eagle", "palace"],
    )
    write(tmp_path / "efficientnet-lite0.safetensors", network.state_dict(), header)
    assert guess_labels(Picture.from_tensor(torch.rand(1, 3, 50, 90)), count=1)[0][0] == "palace"


@pytest.mark.parametrize(("labels", "arguments"), [([], {}), ([], {"classes": 3})], ids=["no head", "no words"])
def test_a_network_without_labels_is_refused(labels, arguments, tmp_path):
    with pytest.raises(OptionError, match="names no labels"):
        guess_labels(Picture.from_tensor(torch.rand(1, 3, 50, 90)), weights_file(tmp_path, labels, **arguments))
