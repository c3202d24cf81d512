"""The latent translation that ships, and the restoration network around it; both can be tiled."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.images.resample import resize_bicubic
from daguerre.networks.compact_vae import STRIDE, CompactEncoder, CompactVAE, trunk

__all__ = ["CompactTranslation", "LatentRestoration", "halve"]

TINT_RADIUS = 16  # pixels; radius of the squares over which undamaged places keep their mean tint
ACTIVITY_RADIUS = 8  # pixels; radius of the squares over which the size of a residual is measured
SMALLEST_SIDE = 3  # pixels of the shorter side at the top of the inpainting pyramid
EXCLUDED_SCORE = -1e4  # attention score of a masked place; finite, so that a fully masked cell still has a mean


class CellAttention(nn.Module):
    """Adds to damaged places the features of undamaged ones of the same cell of a fixed grid.

    The partial non-local block of Wan et al. 2020, https://arxiv.org/abs/2004.09484, sec. 3.3. Differs from the paper:
    attention stays within a cell, so that the result does not depend on the windows a picture is cut into; keys are
    means of the undamaged ones of 2 x 2 places, which costs a quarter; near ones count more, by a learned rate; and the
    result is added to the features instead of replacing them, since a stain leaves the picture visible and a hairline
    covers one pixel of the four that a place is wide.

    Args:
        features: channels in and out.
        cell: side of a cell in latent places, even.
        heads: attention heads.
    """

    distance: Tensor

    def __init__(self, features: int, cell: int, heads: int = 2) -> None:
        super().__init__()
        if not 2 <= cell <= 64:  # the table of distances grows with its fourth power: 16 MiB at 64
            raise ValueError(f"cell is {cell}; an attention over all of it wants 2 to 64")
        self.cell, self.heads = cell, heads
        self.query = nn.Conv2d(features, features, 1)
        self.key_value = nn.Conv2d(features, 2 * features, 1)
        self.give = nn.Conv2d(features, features, 1)
        self.nearness = nn.Parameter(torch.linspace(-3, 0, heads))  # log of the penalty per distance
        queries, keys = grid(cell, 1), grid(cell, 2)
        self.register_buffer("distance", torch.cdist(queries, keys), persistent=False)  # (cell², cell² / 4)

    def forward(self, x: Tensor, damaged: Tensor) -> Tensor:
        """Fill `x` (B, features, h, w), whose first place begins a cell, where `damaged` (B, 1, h, w) is 1."""
        height, width = x.shape[2:]
        cells, hurt = (self.split(F.pad(part, self.margin(x), value=pad)) for part, pad in ((x, 0.0), (damaged, 1.0)))
        touched = hurt.amax((1, 2, 3)).nonzero()[:, 0]
        if len(touched):
            chosen, gone = cells[touched], hurt[touched]
            mended = chosen + self.give(self.attend(chosen, gone)) * gone
            cells = cells.index_copy(0, touched, mended.to(cells.dtype))
        return self.join(cells, x)[..., :height, :width]

    def attend(self, cells: Tensor, damaged: Tensor) -> Tensor:
        """Attention within each cell (n, features, cell, cell) over its undamaged places."""
        keep = F.avg_pool2d(1 - damaged, 2)  # (n, 1, cell / 2, cell / 2)
        means = F.avg_pool2d(self.key_value(cells) * (1 - damaged), 2) / keep.clamp(min=0.25)
        query, key, value = (
            part.unflatten(1, (self.heads, -1)).flatten(3).transpose(2, 3)
            for part in (self.query(cells), *means.to(cells.dtype).chunk(2, dim=1))
        )  # (n, heads, cell², features / heads), and a quarter as many keys
        score = (
            query @ key.transpose(2, 3) / query.shape[-1] ** 0.5 - self.nearness.exp()[:, None, None] * self.distance
        )
        weight = torch.softmax(score + EXCLUDED_SCORE * (keep == 0).flatten(1)[:, None, None], dim=-1)
        found: Tensor = weight.to(value.dtype) @ value
        return found.transpose(2, 3).flatten(1, 2).view_as(cells)

    def margin(self, x: Tensor) -> tuple[int, int, int, int]:
        """Padding to whole cells at the right and the bottom."""
        return 0, -x.shape[3] % self.cell, 0, -x.shape[2] % self.cell

    def split(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to cells (n, C, cell, cell)."""
        channels = x.shape[1]
        cells = x.unfold(2, self.cell, self.cell).unfold(3, self.cell, self.cell)  # (B, C, rows, columns, cell, cell)
        return cells.permute(0, 2, 3, 1, 4, 5).reshape(-1, channels, self.cell, self.cell)

    def join(self, cells: Tensor, like: Tensor) -> Tensor:
        """Inverse of `split`, for cells of `like` (B, C, h, w) with its margin."""
        batch, channels, height, width = like.shape
        rows, columns = -(-height // self.cell), -(-width // self.cell)
        grid = cells.view(batch, rows, columns, channels, self.cell, self.cell).permute(0, 3, 1, 4, 2, 5)
        return grid.reshape(batch, channels, rows * self.cell, columns * self.cell)


def grid(side: int, step: int) -> Tensor:
    """Centers (n, 2) of the squares of `step` places that tile a square of `side`, row by row."""
    line = torch.arange(0.5 * step, side, step)
    return torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).flatten(0, 1)


class CompactTranslation(nn.Module):
    """From the latent map of an old photograph to that of a clean one: residual blocks, an attention, residual blocks.

    Wan et al. 2020, https://arxiv.org/abs/2004.09484, sec. 3.2 and 3.3: residual blocks for blur, noise and low
    resolution, a partial non-local block for scratches and holes.
    Differs from the paper: it predicts a residual that starts at zero; its mask is per pixel, not only per latent
    place; it has neither normalization nor attention over the whole picture.

    Args:
        latent: channels of the latent maps.
        features: channels of the residual blocks and of the attention.
        before, after: residual blocks before and after the attention.
        cell: side of the attention cells in latent places.
    """

    scale = 1
    multiple = 1

    def __init__(
        self, *, latent: int = 64, features: int = 64, before: int = 3, after: int = 7, cell: int = 24
    ) -> None:
        super().__init__()
        self.cell = cell
        self.reach_before, self.reach_after = 2 * before + 1, 2 * after + 1  # latent places
        self.before = trunk(latent + STRIDE**2, features, before, features)[:-1]
        self.attention = CellAttention(features, cell)
        self.after = trunk(features, features, after, latent)[1:]

    def forward(self, latent: Tensor, mask: Tensor) -> Tensor:
        """Translate `latent` (B, latent, H/4, W/4), whose first place begins a cell; the result has the same shape.

        `mask` (B, 1, H, W) is 1 where the photograph was damaged and has been filled coarsely, else 0.
        """
        pixels = F.pixel_unshuffle(mask, STRIDE)  # (B, 16, H/4, W/4)
        x = self.before(torch.cat([latent, pixels - 1], 1))
        x = self.attention(x, pixels.amax(1, keepdim=True))
        return latent + self.after(x).float()  # type: ignore[no-any-return]


class LatentRestoration(nn.Module):
    """Restoration: the old photograph's encoder, the translation, the clean photograph's decoder.

    A decoder alone would cost even a clean photograph some sharpness. So the difference between the decoded translated
    and the decoded untranslated latents is added to the photograph: zero where nothing needs restoring. Only under the
    mask, where the photograph is lost and was filled coarsely, the decoded picture replaces it. And the mean tint
    nearby stays: the receptive field is too small to judge it.

    Args:
        old: encoder of old photographs.
        clean: autoencoder of clean photographs.
        translation: between their latent maps.

    The size of that difference can be limited: noise is everywhere, so where the network would remove more than in the
    smoothest parts of the photograph, it mistakes texture for noise.

    A pixel of the result depends on the pixels within `reach_before` of the cells, `cell` pixels wide, that lie within
    `reach_after` of it.
    """

    scale = 1

    def __init__(self, old: CompactEncoder, clean: CompactVAE, translation: CompactTranslation) -> None:
        super().__init__()
        self.old, self.clean, self.translation = old, clean, translation
        self.multiple = STRIDE
        self.cell = STRIDE * translation.cell
        self.reach_before = STRIDE * (old.reach + translation.reach_before)
        self.reach_after = STRIDE * (translation.reach_after + clean.reach) + TINT_RADIUS + ACTIVITY_RADIUS

    def forward(self, image: Tensor, mask: Tensor, limit: float | None = None) -> Tensor:
        """Restore `image` (B, 3, H, W) in [0, 1], H and W multiples of 4; the result is unclamped.

        `mask` (B, 1, H, W) is 1 where the photograph was damaged and has been filled coarsely, as `fill` does, else 0.
        The first pixel begins a cell. `limit` bounds the local size of the difference, as measured by `activity`.
        """
        latent = self.old(image)
        return self.compose(image, mask, latent, self.translation(latent, mask), limit)

    def compose(
        self, image: Tensor, mask: Tensor, latent: Tensor, translated: Tensor, limit: float | None = None
    ) -> Tensor:
        """The restored picture, from the latent maps before and after the translation."""
        mended = self.clean.decode(translated)
        difference = mended - self.clean.decode(latent)
        sound = (mask == 0).to(difference.dtype)
        if limit is not None:
            difference = difference * (limit / size_around(difference, sound).clamp(min=1e-5)).clamp(max=1)
        drift = mean_around(difference * sound, TINT_RADIUS) / mean_around(sound, TINT_RADIUS).clamp(min=1e-3)
        drift = drift - drift.mean(1, keepdim=True)
        return torch.where(mask > 0, mended, image + difference) - drift

    def fill(self, image: Tensor, mask: Tensor) -> Tensor:
        """Initial coarse-to-fine fill of the damage, for the network to refine; shapes as in `forward`.

        The picture is halved, leaving out damaged pixels, until no damage is left. Each copy, enlarged, fills the
        damage of the next larger one, where the network refines it; in the picture itself the fill is left unrefined.
        """
        if not mask.any():
            return image
        half, hurt = halve(image, mask)
        if min(half.shape[-2:]) > SMALLEST_SIDE:
            begun = self.fill(half, hurt)
            margin = [0, -half.shape[3] % self.multiple, 0, -half.shape[2] % self.multiple]
            mended = self(*(F.pad(part, margin, mode="replicate") for part in (begun, hurt)))
            half = torch.where(hurt > 0, mended[..., : half.shape[2], : half.shape[3]].to(half.dtype), half)
        height, width = half.shape[-2:]
        coarse = resize_bicubic(half, 2 * height, 2 * width).clamp(0, 1)
        return torch.where(mask > 0, coarse[..., : image.shape[2], : image.shape[3]], image)

    def activity(self, image: Tensor, mask: Tensor) -> Tensor:
        """Local RMS of the change around each pixel: (B, 1, H, W)."""
        latent = self.old(image)
        difference = self.clean.decode(self.translation(latent, mask)) - self.clean.decode(latent)
        return size_around(difference, (mask == 0).to(difference.dtype))


def size_around(difference: Tensor, sound: Tensor) -> Tensor:
    """Local RMS of a difference (B, C, H, W) over the undamaged pixels nearby: (B, 1, H, W)."""
    square = difference.float().square().mean(1, keepdim=True) * sound
    return (mean_around(square, ACTIVITY_RADIUS) / mean_around(sound.float(), ACTIVITY_RADIUS).clamp(min=1e-3)).sqrt()


def halve(image: Tensor, hurt: Tensor) -> tuple[Tensor, Tensor]:
    """An image and its mask at half the size; odd sizes repeat the last row or column.

    Args:
        image: (B, C, H, W); each pixel of the result is the mean of those of 2 x 2 that are not damaged.
        hurt: mask (B, 1, H, W), 1 = damaged; 1 in the result where fewer than two of 2 x 2 are undamaged.
    """
    margin = [0, image.shape[3] % 2, 0, image.shape[2] % 2]
    image, hurt = (F.pad(part, margin, mode="replicate") for part in (image, hurt))
    keep = F.avg_pool2d(1 - hurt, 2)
    means = F.avg_pool2d(image * (1 - hurt), 2) / keep.clamp(min=0.25)
    return torch.where(keep > 0, means, F.avg_pool2d(image, 2)), (keep < 0.5).to(hurt.dtype)


def mean_around(x: Tensor, reach: int) -> Tensor:
    """Box means of `x` over squares of radius `reach` in pixels, zero-padded."""
    side = 2 * reach + 1
    rows = F.avg_pool2d(x, (side, 1), stride=1, padding=(reach, 0))
    return F.avg_pool2d(rows, (1, side), stride=1, padding=(0, reach))
