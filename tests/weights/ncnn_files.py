"""Just enough of ncnn's format to write networks that are imported, as its own converters write them."""

import numpy as np
import torch
from torch import nn

HALF = 0x01306B47


class Writer:
    """Collects lines of layers and their weights."""

    def __init__(self, *, half):
        self.lines, self.data, self.half, self.blob = [], b"", half, "data"
        self.line("Input", [], "data")

    def line(self, kind, inputs, output, settings=""):
        number = len(self.lines)
        blobs = " ".join([*inputs, output])
        self.lines.append(f"{kind:<16} {kind}_{number} {len(inputs)} 1 {blobs} {settings}".rstrip())
        self.blob = output
        return output

    def convolution(self, layer, inputs, *, leaky=False):
        weight = layer.weight.detach().numpy()
        activation = " 9=2 -23310=1,2.000000e-01" if leaky else ""
        output = self.line(
            "Convolution",
            [inputs],
            f"b{len(self.lines)}",
            f"0={len(weight)} 1={weight.shape[3]} 4=1 5=1 6={weight.size}{activation}",
        )
        raw = weight.astype("<f2" if self.half else "<f4").tobytes()
        self.data += (HALF if self.half else 0).to_bytes(4, "little") + raw + bytes(-len(raw) % 4)
        self.data += layer.bias.detach().numpy().astype("<f4").tobytes()
        return output

    def slopes(self, layer, inputs):
        output = self.line("PReLU", [inputs], f"b{len(self.lines)}", f"0={layer.weight.numel()}")
        self.data += layer.weight.detach().numpy().astype("<f4").tobytes()
        return output

    def save(self, path):
        text = "\n".join(["7767517", f"{len(self.lines)} {len(self.lines)}", *self.lines])
        path.with_suffix(".param").write_text(text + "\n")
        path.with_suffix(".bin").write_bytes(self.data)
        return path.with_suffix(".param")


def write_srvgg(path, network, *, half=True):
    writer = Writer(half=half)
    x = "data"
    for layer in network.body:
        x = writer.convolution(layer, x) if isinstance(layer, nn.Conv2d) else writer.slopes(layer, x)
    shuffled = writer.line("PixelShuffle", [x], "shuffled", f"0={network.scale}")
    enlarged = writer.line("Interp", ["data"], "enlarged", f"0=1 1={network.scale:e} 2={network.scale:e}")
    writer.line("BinaryOp", [shuffled, enlarged], "output")
    return writer.save(path)


def write_rrdbnet(path, network, *, half=True):
    writer = Writer(half=half)
    start = x = writer.convolution(network.conv_first, "data")
    for block in network.body:
        outer = x
        for dense in (block.rdb1, block.rdb2, block.rdb3):
            seen = [x]
            for layer in (dense.conv1, dense.conv2, dense.conv3, dense.conv4):
                joined = seen[0] if len(seen) == 1 else writer.line("Concat", seen, f"b{len(writer.lines)}")
                seen.append(writer.convolution(layer, joined, leaky=True))
            joined = writer.line("Concat", seen, f"b{len(writer.lines)}")
            last = writer.convolution(dense.conv5, joined)
            small = writer.line("BinaryOp", [last], f"b{len(writer.lines)}", "0=2 1=1 2=2.000000e-01")
            x = writer.line("BinaryOp", [small, x], f"b{len(writer.lines)}", "0=0")
        small = writer.line("BinaryOp", [x], f"b{len(writer.lines)}", "0=2 1=1 2=2.000000e-01")
        x = writer.line("BinaryOp", [small, outer], f"b{len(writer.lines)}", "0=0")
    x = writer.line("BinaryOp", [start, writer.convolution(network.conv_body, x)], "trunk", "0=0")
    for layer in network.ups:
        enlarged = writer.line("Interp", [x], f"b{len(writer.lines)}", "0=1 1=2.000000e+00 2=2.000000e+00")
        x = writer.convolution(layer, enlarged, leaky=True)
    writer.convolution(network.conv_last, writer.convolution(network.conv_hr, x, leaky=True))
    return writer.save(path)


def rounded(network):
    """The network with the weights of its convolutions rounded to float16, as ncnn's files have them."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = torch.from_numpy(layer.weight.detach().numpy().astype(np.float16).astype(np.float32))
    return network
