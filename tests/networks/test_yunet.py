import pytest
import torch

from daguerre.networks.yunet import (
    STRIDES,
    YuNet,
    boxes_of,
    candidates_of,
    faces_of,
    landmarks_of,
    overlap,
    published_names,
    scores_of,
    without_doubles,
)


def small():
    torch.manual_seed(0)
    return YuNet(features=(4, 4, 6, 6), units=1).eval()


def cell(row, column, *, likely=8.0, box=(0.5, 0.25, 0.0, 0.0), size=(4, 6)):
    """A map with one face, and the landmark of place k k cells to the right of its cell."""
    made = torch.zeros(1, 16, *size)
    made[:, :2] = -20
    made[0, :2, row, column] = likely
    made[0, 2:6, row, column] = torch.tensor(box)
    made[0, 6::2, row, column] = torch.arange(5.0)
    return made


def test_the_published_network_has_53104_weights_and_ours_fewer_than_150000():
    def count(network):
        return sum(parameter.numel() for parameter in network.parameters())

    assert count(YuNet()) == 53_104
    assert count(YuNet(features=(16, 32, 64, 96), units=3)) == 131_632


def test_the_names_of_the_published_file_are_those_of_the_network():
    weights = {name.rpartition(".")[0] for name in YuNet().state_dict()}
    assert sorted(published_names()) == sorted(weights)


def test_each_map_has_a_cell_for_its_stride():
    made = small()(torch.rand(2, 3, 64, 96))
    assert [one.shape for one in made] == [(2, 16, 64 // stride, 96 // stride) for stride in STRIDES]


def test_sizes_that_the_largest_stride_does_not_divide_are_refused():
    with pytest.raises(ValueError, match="multiples of 32, not 64 x 80"):
        small()(torch.rand(1, 3, 64, 80))


def test_every_parameter_has_a_gradient():
    network = small()
    sum(one.square().sum() for one in network(torch.rand(2, 3, 64, 64))).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_nothing_beyond_the_halo_matters_and_much_within_does():
    network = small().double()
    assert network.halo == 192
    image = torch.rand(1, 3, 480, 32, dtype=torch.float64, requires_grad=True)
    made = network(image)
    start = sum(one[..., 224 // stride : 256 // stride, :].sum() for one, stride in zip(made, STRIDES, strict=True))
    (gradient,) = torch.autograd.grad(start, image)
    rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]
    reach = max(224 - int(rows.min()), int(rows.max()) - 255)
    assert network.halo - 2 * network.multiple < reach <= network.halo


def test_a_cell_says_where_a_face_is():
    made = cell(2, 3, box=(0.5, 0.25, torch.log(torch.tensor(2.0)), 0.0))
    assert boxes_of(made, 8)[0, :, 2, 3].tolist() == [20, 14, 36, 22]  # its middle (28, 18), 16 wide, 8 high
    assert landmarks_of(made, 8)[0, :, 2, 3].tolist() == [24, 16, 32, 16, 40, 16, 48, 16, 56, 16]
    made[0, 0, 2, 3], made[0, 1, 2, 3] = 0.0, 40.0
    assert scores_of(made)[0, 2, 3].item() == pytest.approx(0.5**0.5)


def maps(*, likely=8.0):
    nothing = [cell(0, 0, likely=-20, size=size) for size in ((2, 3), (1, 2))]
    return [cell(2, 3, likely=likely, box=(0.0, 0.0, 1.0, 1.0)), *nothing]


def test_only_sure_faces_whose_cell_lies_in_the_window_count():
    (face,) = faces_of(maps(), 0.5)
    assert face[14] > 0.99
    assert len(candidates_of(maps(), 0.5, rows=(16, 24), columns=(24, 32))) == 1
    assert len(candidates_of(maps(), 0.5, rows=(0, 16))) == 0
    assert len(candidates_of(maps(), 0.5, columns=(32, 48))) == 0
    assert faces_of(maps(likely=-1.0), 0.5).shape == (0, 15)


def boxes(*rows):
    return torch.stack([torch.tensor([*row[:4], *[0.0] * 10, row[4]]) for row in rows])


def test_a_face_seen_twice_or_within_another_counts_once():
    same = boxes((0, 0, 10, 10, 0.7), (1, 0, 11, 10, 0.9), (3, 3, 7, 7, 0.6), (9, 9, 19, 19, 0.5))
    assert without_doubles(same)[:, 14].tolist() == pytest.approx([0.9, 0.5])
    assert without_doubles(same[:0]).shape == (0, 15)


def test_overlap_is_the_part_of_the_union():
    one, half = boxes((0, 0, 10, 10, 1), (0, 5, 10, 15, 1))
    assert overlap(one, half[None]).item() == pytest.approx(1 / 3)
