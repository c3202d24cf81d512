import pytest
import torch
from torch.nn import functional as F

from daguerre.tiling import attention
from daguerre.tiling.attention import attend, copy_nearest_patches, nearest, partial_attention
from daguerre.tiling.rows import Rows, Streaming, streamed


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def whole(rows):
    return torch.cat([rows.read(top, bottom) for top, bottom in rows.strips()], 2)


def test_attention_over_blocks_is_softmax_attention():
    query, key, value = torch.randn(7, 5) * 4, torch.randn(23, 5) * 4, torch.randn(23, 5)
    dense = torch.softmax(query @ key.T, 1) @ value
    for block in (1, 4, 23):
        result = attend(query, zip(key.split(block), value.split(block), strict=True))
        torch.testing.assert_close(result, dense, rtol=1e-5, atol=1e-5)


def test_attention_bears_scores_beyond_what_exp_can_hold():
    query, key, value = torch.full((2, 1), 30.0), torch.tensor([[-30.0], [30.0], [29.9]]), torch.randn(3, 1)
    dense = torch.softmax((query @ key.T).double(), 1) @ value.double()
    result = attend(query, zip(key.split(1), value.split(1), strict=True))
    torch.testing.assert_close(result.double(), dense, rtol=1e-5, atol=1e-5)


def test_attention_to_nothing_is_zero():
    assert attend(torch.randn(3, 4), []).eq(0).all()


def test_nearest_over_blocks_is_the_largest_product():
    query, key = torch.randn(9, 4), torch.randn(31, 4)
    for block in (1, 6, 31):
        assert nearest(query, key.split(block)).equal((query @ key.T).argmax(1))


def test_nearest_of_equals_is_the_first():
    key = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 9.0], [2.0, 0.0]])
    for block in (1, 2, 4):
        assert nearest(torch.tensor([[1.0, 0.0]]), key.split(block)).tolist() == [1]


def dense_partial_attention(query, key, value, keep):
    """As the published code has it: softmax over all places, masked, divided by its sum."""
    batch, channels, height, width = query.shape
    score = query.flatten(2).transpose(1, 2) @ key.flatten(2)
    weight = F.normalize(torch.softmax(score, 2) * keep.flatten(2), p=1, dim=2)
    return (weight @ value.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(batch, channels, height, width)


def test_partial_attention_is_the_dense_published_form(monkeypatch):
    query, key, value = (torch.randn(2, 6, 9, 7) for _ in range(3))
    keep = (torch.rand(2, 1, 9, 7) > 0.3).float()
    dense = dense_partial_attention(query, key, value, keep)
    for block in (2048, 5):
        monkeypatch.setattr(attention, "BLOCK", block)
        torch.testing.assert_close(partial_attention(query, key, value, keep), dense, rtol=1e-5, atol=1e-5)


def test_partial_attention_by_rows_from_files_is_the_dense_form():
    tensors = [torch.randn(1, 6, 12, 7) for _ in range(3)] + [(torch.rand(1, 1, 12, 7) > 0.3).float()]
    streaming = Streaming(elements=6 * 7 * 5, memory=0)
    rows = streamed(partial_attention, *(Rows.of(tensor, streaming) for tensor in tensors))
    torch.testing.assert_close(whole(rows), dense_partial_attention(*tensors), rtol=1e-5, atol=1e-5)


def test_partial_attention_passes_gradients():
    query, key, value = (torch.randn(1, 3, 4, 4, requires_grad=True) for _ in range(3))
    keep = torch.ones(1, 1, 4, 4)
    keep[..., 1:3] = 0
    partial_attention(query, key, value, keep).square().sum().backward()
    assert all(tensor.grad.any() for tensor in (query, key, value))
    assert key.grad[..., 1:3].eq(0).all()  # nothing is taken from damaged places


def dense_patches(x, damaged, patch):
    """As the published code has it."""
    columns = F.unfold(x, patch, stride=patch)
    broken = F.unfold(damaged, patch, stride=patch).mean(1, keepdim=True) > 0.6  # (1, 1, L)
    unit = F.normalize(columns, dim=1)
    score = (unit.transpose(1, 2) @ unit).masked_fill(broken, -1e9)
    copied = torch.where(broken, columns[..., score[0].argmax(1)], columns)
    return F.fold(copied, x.shape[2:], patch, stride=patch)


@pytest.mark.parametrize("patch", [2, 4])
def test_patches_copied_by_rows_are_the_dense_published_form(patch):
    x, damaged = torch.randn(1, 3, 16, 12), torch.zeros(1, 1, 16, 12)
    damaged[..., 3:9, 2:11] = 1
    dense = dense_patches(x, damaged, patch)
    assert not dense.equal(x)
    assert copy_nearest_patches(x, damaged, patch).equal(dense)
    streaming = Streaming(elements=3 * 12 * 5, memory=0)
    rows = streamed(
        lambda x, damaged: copy_nearest_patches(x, damaged, patch), Rows.of(x, streaming), Rows.of(damaged, streaming)
    )
    assert whole(rows).equal(dense)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_patches_stay_where_none_or_all_are_damaged(value):
    x = torch.randn(2, 3, 8, 8)
    assert copy_nearest_patches(x, torch.full((2, 1, 8, 8), value), 4).equal(x)
