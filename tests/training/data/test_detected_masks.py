import torch
from lightning.fabric import Fabric

from daguerre.training.data.detected_masks import DetectedMasks


def test_a_scratch_is_detected_and_a_plain_picture_is_not_at_any_size():
    detect = DetectedMasks(Fabric(accelerator="cpu"))
    plain = 0.45 + 0.02 * torch.rand(2, 3, 101, 93, generator=torch.Generator().manual_seed(0))
    scratched = plain.clone()
    scratched[:, :, :, 45:47] = 0.97
    mask = detect(scratched)
    assert mask.shape == (2, 1, 101, 93)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert mask[..., 45:47].mean() > 0.5
    assert mask[..., :30].mean() < 0.05
    assert detect(plain).mean() < 0.05
