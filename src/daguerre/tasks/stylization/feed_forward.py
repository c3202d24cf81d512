"""Feed-forward style transfer: a style becomes a vector, by which photographs of any size are stylized.

Ghiasi et al. 2017, https://arxiv.org/abs/1705.06830. Strength interpolates between the vectors of the photograph itself
and of the style (its section 3.4). The transformer normalizes over the whole picture: one that fits in memory is
processed whole, a larger one layer by layer in strips of rows, with the same result.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daguerre import weights
from daguerre.devices import Device
from daguerre.errors import OptionError
from daguerre.images import Canvas, Picture
from daguerre.images.colour_transfer import match_colours, visible
from daguerre.images.pixels import luma
from daguerre.images.resize import read_resized, resized, strips_resized
from daguerre.images.streaming import Meter, rows_of
from daguerre.images.visible import read_colours
from daguerre.networks.style_transformer import AnyStyle, StylePredictor, StyleTransformer
from daguerre.progress import Progress, ProgressCallback, silent
from daguerre.tasks.stylization.options import StylizeOptions, composite, without_colours
from daguerre.tasks.stylization.style_vector import StyleVector, mixed
from daguerre.tiling import Streaming, Window

__all__ = ["FeedForwardNetworks", "FeedForwardStylization", "StyleSource", "style_vector_of"]

STYLE_SIDE = 256  # pixels; mean side at which the vector of a style is computed, as in training
MAX_WHOLE_PIXELS = 1_250_000  # pixels up to which a picture is processed whole on a CPU; 0.6 GiB
BYTES_PER_WHOLE_PIXEL = 700  # bytes of GPU memory per pixel of a picture that is processed whole
SMALLEST_MAP = 8  # minimum number of rows for streaming
SMALLEST_STREAMED = 16  # pixels; minimum side to which a photograph is reduced


class FeedForwardNetworks:
    """The networks, ready to run.

    Args:
        model: name or file of the weights: an `AnyStyle`, or a `StyleTransformer`, which needs style vectors.
        device: where to compute.

    Raises:
        WeightsError: they are missing or damaged.
        OptionError: they are of another network.
    """

    def __init__(self, model: str, device: Device) -> None:
        network = weights.load(model).network
        self.predictor: StylePredictor | None = None
        if isinstance(network, AnyStyle):
            self.predictor = network.predictor.to(device.torch_device).eval()
            network = network.transformer
        if not isinstance(network, StyleTransformer):
            kind = type(network).__name__
            raise OptionError(f"{model} is a {kind}; painting in one pass needs an AnyStyle or a StyleTransformer")
        self.model, self.device = model, device
        self.transformer = network
        device.place(network)
        self.checksum = weights.checksum(model)

    def predict(self, image: Tensor, alpha: Tensor | None = None, name: str = "") -> StyleVector:
        """The style vector of the visible part of an image (1, 3, H, W) in [0, 1], with alpha (1, 1, H, W).

        Raises:
            OptionError: the network has no predictor.
        """
        predictor, place = self.check_predictor(), self.device.torch_device
        image = image.to(place).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), self.device.autocast():
            vector = predictor(image, None if alpha is None else alpha.to(place))[0].float()
        return StyleVector(values=tuple(vector.tolist()), model=self.checksum, name=name)

    def check_predictor(self) -> StylePredictor:
        """The network that predicts style vectors.

        Raises:
            OptionError: there is none.
        """
        if self.predictor is None:
            raise OptionError(
                f"{self.model} paints by style vectors alone, for it came without the network that makes them; give a "
                "vector's file as --style, with --strength 1"
            )
        return self.predictor

    def check(self, vector: StyleVector, name: str) -> None:
        """Refuse a vector that is for another network.

        Raises:
            OptionError: says which.
        """
        if len(vector.values) != self.transformer.style:
            raise OptionError(
                f"{name} has {len(vector.values)} numbers, but {self.model} needs {self.transformer.style}; "
                "make the vector again with this model"
            )
        if vector.model not in ("", self.checksum):
            raise OptionError(f"{name} was made for another network than {self.model}; make it again with this model")

    def transform(self, image: Tensor, vector: StyleVector) -> Tensor:
        """Stylize an image (1, 3, H, W) in [0, 1] as a whole; the result is on the CPU."""
        image = image.to(self.device.torch_device).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), self.device.autocast():
            painted: Tensor = self.transformer(image, self.tensor(vector))
        return painted.float().cpu()

    def strips(
        self, picture: Picture, read: Callable[[Window], Tensor], vector: StyleVector, progress: ProgressCallback
    ) -> Iterator[tuple[Window, Tensor]]:
        """Stylize a picture of any size, in strips (1, 3, h, W) in [0, 1].

        Args:
            read: reads the colors of a window.
        """
        if picture.height * picture.width <= self.most_at_once():
            whole = Window(0, 0, picture.height, picture.width)
            progress(Progress(step="painting", done=0, total=1))
            yield whole, self.transform(read(whole), vector)
            progress(Progress(step="painting", done=1, total=1))
        else:
            yield from self.streamed(picture, read, vector, progress)

    def streamed(
        self, picture: Picture, read: Callable[[Window], Tensor], vector: StyleVector, progress: ProgressCallback
    ) -> Iterator[tuple[Window, Tensor]]:
        """Like `strips`, in bounded memory."""
        meter = Meter(progress)
        rows = rows_of(picture, 3, read, Streaming(device=self.device.torch_device, after_strip=meter))
        with torch.inference_mode(), self.device.autocast():
            style = self.tensor(vector)
            made = meter.measured("painting", SMALLEST_MAP, lambda image: self.transformer(image, style), rows)
        compute = made.read

        def computed(top: int, bottom: int) -> Tensor:
            with torch.inference_mode(), self.device.autocast():
                return compute(top, bottom).float()

        made.read = computed  # so that these contexts do not extend to the reader of the strips
        yield from meter.strips(made, picture)

    def most_at_once(self) -> int:
        """Maximum number of pixels of a picture that is processed whole."""
        if self.device.torch_device.type == "cuda":
            return int(torch.cuda.mem_get_info(self.device.torch_device)[0] // 2 // BYTES_PER_WHOLE_PIXEL)
        return MAX_WHOLE_PIXELS

    def tensor(self, vector: StyleVector) -> Tensor:
        return torch.tensor(vector.values, device=self.device.torch_device)[None]


@dataclass(frozen=True)
class StyleSource:
    """A style as a picture or a vector, its weight, and where to apply it: white in the mask, or everywhere."""

    look: Picture | StyleVector
    name: str
    share: float = 1.0
    mask: Picture | None = None


class FeedForwardStylization:
    """A photograph to be stylized in one pass.

    Args:
        content: the photograph.
        styles: all with a mask, or none.

    Raises:
        OptionError: vectors that are for another network.
    """

    def __init__(
        self, content: Picture, styles: Sequence[StyleSource], options: StylizeOptions, networks: FeedForwardNetworks
    ) -> None:
        self.content, self.options, self.networks = content, options, networks
        looks = [style_vector_of(style, options, networks, content) for style in styles]
        masked = styles[0].mask is not None
        self.vectors = [self.weakened(v) for v in (looks if masked else [mixed(looks, [s.share for s in styles])])]
        self.shares = [style.share for style in styles]
        self.masks = [style.mask for style in styles if style.mask is not None]

    def weakened(self, vector: StyleVector) -> StyleVector:
        """The style vector, interpolated with that of the photograph itself according to strength."""
        if self.options.strength == 1:
            return vector
        image, alpha = looked_at(self.content)
        own = self.networks.predict(without_colours(image, self.options), alpha)
        return mixed([own, vector], [1 - self.options.strength, self.options.strength])

    def initial(self, photograph: Tensor) -> Tensor:
        """Stylize a copy (1, 3, H, W) in [0, 1] of the photograph, as the initial picture of an optimization."""
        other = copy.copy(self)
        other.content = Picture.from_tensor(photograph.cpu(), bits=16)
        return other.picture(silent).read()

    def picture(self, progress: ProgressCallback) -> Picture:
        """The stylized photograph, in the requested colors and regions."""
        content = self.content
        grey = self.options.colours != "style" and content.grey
        canvas = Canvas(content.height, content.width, bits=content.bits, grey=grey, alpha=content.alpha)
        masks = [whole_mask(mask, content.height, content.width) for mask in self.masks]
        *earlier, last = (self.painted(vector, progress) for vector in self.vectors)
        pictures = [kept(content, strips) for strips in earlier]
        for window, strip in last:
            original, alpha = read_colours(content, window)
            seen = [mask[(..., *window.slices)].float() / 255 for mask in masks]
            canvas.write(window, self.joined(original, [*(p.read(window) for p in pictures), strip], seen))
            if alpha is not None:
                canvas.write_alpha(window, alpha)
        return canvas.picture(like=content)

    def painted(self, vector: StyleVector, progress: ProgressCallback) -> Iterator[tuple[Window, Tensor]]:
        """The photograph in one style, in strips.

        The network's strokes have a fixed size in pixels; for larger ones, a reduced photograph is stylized.
        """
        content, scale = self.content, self.options.style_scale
        if scale != 1:
            size = (max(round(side / scale), SMALLEST_STREAMED) for side in (content.height, content.width))
            content = resized(content, *size)
        strips = self.networks.strips(
            content, lambda window: without_colours(read_colours(content, window)[0], self.options), vector, progress
        )
        if scale == 1:
            return strips
        return strips_resized(kept(content, strips), self.content.height, self.content.width)

    def joined(self, original: Tensor, painted: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
        """Each style where it is wanted, and the photograph elsewhere; all (1, C, h, w)."""
        if not masks:
            return composite(original, painted[0], self.options, None)
        counts = [share * mask for share, mask in zip(self.shares, masks, strict=True)]
        total = torch.stack(counts).sum(0).clamp_min(1e-6)
        made = torch.stack([image * (count / total) for image, count in zip(painted, counts, strict=True)]).sum(0)
        return composite(original, made, self.options, torch.stack(list(masks)).sum(0).clamp(0, 1))


def style_vector_of(
    style: StyleSource, options: StylizeOptions, networks: FeedForwardNetworks, content: Picture | None
) -> StyleVector:
    """The vector of one style, recolored to match the photograph first if requested.

    Raises:
        OptionError: a vector that is for another network.
    """
    if isinstance(style.look, StyleVector):
        networks.check(style.look, style.name)
        return style.look
    image, alpha = looked_at(style.look)
    image = without_colours(image, options)
    if options.colours == "match" and content is not None:
        image = match_colours(visible(image, alpha), visible(*looked_at(content)))(image)
    return networks.predict(image, alpha, style.name)


def kept(like: Picture, strips: Iterator[tuple[Window, Tensor]]) -> Picture:
    """Strips as a picture, in memory while it is small."""
    canvas = Canvas(like.height, like.width, bits=16)
    for window, strip in strips:
        canvas.write(window, strip)
    return canvas.picture()


def whole_mask(mask: Picture, height: int, width: int) -> Tensor:
    """Weight of a style in each pixel: (1, 1, height, width) uint8."""
    return luma(read_resized(mask, height, width)[0]).mul_(255).round_().byte()


def looked_at(picture: Picture) -> tuple[Tensor, Tensor | None]:
    """A picture at the size for computing its style vector, and its alpha; enlarged only to 32 pixels a side."""
    share = STYLE_SIDE / math.sqrt(picture.height * picture.width)
    height, width = (max(round(length * min(share, 1.0)), 32) for length in (picture.height, picture.width))
    return read_resized(picture, height, width)
