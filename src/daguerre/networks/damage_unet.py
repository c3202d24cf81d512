"""Our damage detection networks, at full resolution."""

from collections.abc import Sequence

from torch import Tensor, nn

from daguerre.networks.half_unet import HalfUNet
from daguerre.networks.vgg import VGG19

__all__ = ["DamageUNet", "VGGDamageUNet"]


class DamageUNet(HalfUNet):
    """Predicts for each pixel whether it is lost, for instance under a scratch, and whether it is written upon.

    Args:
        features, blocks: as in `HalfUNet`.
    """

    def __init__(self, *, features: Sequence[int] = (32, 64, 64, 80), blocks: int = 1) -> None:
        super().__init__(outputs=2, features=features, blocks=blocks)
        nn.init.constant_(self.last.bias, -3.0)  # type: ignore[arg-type]  # damage is rare

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 2, H, W) that pixels of `image` (B, 3, H, W) in [0, 1] are lost, and that they are written upon.

        Raises:
            ValueError: H or W is not a multiple of `multiple`.
        """
        return super().forward(image)


class VGGDamageUNet(DamageUNet):
    """A `DamageUNet` that is also given features of a perceptual network, which knows collars, cords and wheels.

    The features of one layer, whose stride is 2, 4, 8, …, are added to the maps of each upper level of the encoder,
    after a 1x1 convolution. With those convolutions at 0 this is a `DamageUNet`.

    Args:
        features, blocks: as in `HalfUNet`.
        width: channels of the VGG-19 as a fraction of the paper's, of each block's.
        layers: of the VGG-19, one for each level from the highest on.
        learning: block of the VGG-19 from which it is trained, too; by default it is not.
    """

    def __init__(
        self,
        *,
        features: Sequence[int] = (32, 64, 64, 80),
        blocks: int = 1,
        width: float | Sequence[float] = 1.0,
        layers: Sequence[str] = ("relu2_2", "relu3_4", "relu4_4"),
        learning: int | None = None,
    ) -> None:
        super().__init__(features=features, blocks=blocks)
        self.layers = tuple(layers)
        self.vgg = VGG19(width=width).requires_grad_(False)
        self.vgg.end(self.layers[-1])
        if learning is not None:
            self.vgg.features[self.vgg.place_of(f"conv{learning}_1") :].requires_grad_(True)
        self.beside = nn.ModuleList(
            nn.Conv2d(self.vgg.channels(layer), own, 1) for layer, own in zip(self.layers, features, strict=False)
        )
        for conv in self.beside:
            nn.init.zeros_(conv.weight)  # type: ignore[arg-type]
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]

    def guidance(self, image: Tensor) -> list[Tensor]:
        """Features of `image` (B, 3, H, W) for the upper levels, from the highest down."""
        found = self.vgg(image, self.layers)
        return [conv(found[layer]) for conv, layer in zip(self.beside, self.layers, strict=True)]
