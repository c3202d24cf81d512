"""Recognize unsupported networks and files that are not checkpoints, to name them in messages."""

import itertools
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

__all__ = ["name_of_network", "what_it_is"]

HEAD = 512  # first bytes of a file, which identify it

UPSCALING = "models of ESRGAN (RRDBNet) and compact (SRVGGNetCompact) can be imported instead"
CLEANING = (
    "`daguerre restore` and `daguerre upscale --clean` take noise and JPEG traces away with networks of their own"
)
FACES = "`daguerre faces` has a network of its own"
FILLING = "`daguerre restore` fills damage with a network of its own, also under a mask that you give it"
NOTHING = "nothing here does what it does"

NETWORKS = (
    ("a Stable Diffusion model", r"(model\.)?diffusion_model\.|first_stage_model\.|cond_stage_model\.", NOTHING),
    ("a part of a diffusion model", r"(double_blocks|down_blocks|transformer_blocks|joint_blocks)\.\d+\.", NOTHING),
    ("a LoRA, which changes a diffusion model", r".*[._]lora_?(down|up|A|B|a|b)\b", NOTHING),
    ("ATD", r".*attn_atd\.", UPSCALING),
    ("HAT", r"relative_position_index_OCA|.*\.overlap_attn\.", UPSCALING),
    ("DRCT", r"layers\.\d+\.swin\d\.", UPSCALING),
    ("CRAFT", r".*\.hf_blocks\.|relative_position_index_h$", UPSCALING),
    ("SRFormer", r".*aligned_relative_position_index", UPSCALING),
    ("Swin2SR", r"layers\.\d+\.residual_group\..*\.(logit_scale|cpb_mlp\.)", UPSCALING),
    ("SwinIR", r"layers\.\d+\.residual_group\..*\.relative_position_bias_table", UPSCALING),
    ("RGT", r"layers\.\d+\.blocks\.\d+\.gamma", UPSCALING),
    ("DAT", r"before_RG\.", UPSCALING),
    ("GRL", r"layers\.\d+\.blocks\.\d+\.attn\.(qkv\.body|window_attn)\.", UPSCALING),
    ("FDAT", r"groups\.\d+\.blocks\.\d+\.n1\.", UPSCALING),
    ("SPANPlus", r"feats\.\d+\.(eval_conv|block_1\.c1_r)\.", UPSCALING),
    ("SPAN", r"block_1\.c1_r\.|conv_1\.sk\.", UPSCALING),
    ("PLKSR", r"feats\.\d+\.channe_mixer\.", UPSCALING),
    ("RealPLKSR", r"feats\.\d+\.channel_mixer\.", UPSCALING),
    ("SAFMN", r"feats\.\d+\.safm\.", UPSCALING),
    ("OmniSR", r"residual_layer\.\d+\.residual_layer\.", UPSCALING),
    ("DITN", r"UFONE\.", UPSCALING),
    ("DCTLSA", r"B\d\.body\.\d+\.transformer_body\.", UPSCALING),
    ("MoSR", r"gblocks\.", UPSCALING),
    ("MoESR", r"in_to_dim\.", UPSCALING),
    ("SeemoRe", r"body\.\d+\.local_block\.", UPSCALING),
    ("Real-CUGAN or waifu2x", r"unet1\.conv1\.", UPSCALING),
    ("MM-RealSR", r"de_net\.|body\.\d+\.rdb1\.conv1\.\d+\.gamma", UPSCALING),
    ("ESRGAN+, which has another block than ESRGAN", r"(model\.)?1\.sub\.\d+\.RDB\d\.conv1x1\.", UPSCALING),
    ("SPSR", r"f_HR_conv1\.|b_concat_1\.", UPSCALING),
    ("IPT", r"head\.\d+\.\d+\.body\.|mlp_head\.|body\.query_embed\.", UPSCALING),
    ("RCAN", r"body\.\d+\.body\.\d+\.body\.\d+\.conv_du\.", UPSCALING),
    ("MIRNet", r"body\.\d+\.body\.\d+\.dau_", CLEANING),
    ("EDSR", r"body\.\d+\.body\.\d+\.weight", UPSCALING),
    ("SwiftSRGAN", r"initial\.cnn\.depthwise\.", UPSCALING),
    ("GFPGAN", r"stylegan_decoder\.", FACES),
    ("AdaCode or FeMaSR", r"multiscale_encoder\.", UPSCALING),
    ("CodeFormer", r"position_emb$|ft_layers\.\d+\.|fuse_convs_dict\.", FACES),
    ("RestoreFormer", r"encoder\.down\.\d+\.block\.\d+\.norm1\.", FACES),
    ("GPEN or StyleGAN", r"(style\.\d+|generator\.convs\.\d+\.conv\.modulation|ecd\d+\.)", FACES),
    ("LaMa", r"(model\.)*\d+\.(ffc|conv1\.ffc)\.|.*\.ffc\.convl2l\.", FILLING),
    ("MAT", r"(model\.)?synthesis\.first_stage\.", FILLING),
    ("DDColor", r"decoder\.color_decoder\.|encoder\.arch\.downsample_layers\.", NOTHING),
    ("HVI-CIDNet", r"HVE_block\d\.", NOTHING),
    ("RetinexFormer", r"body\.\d+\.estimator\.", NOTHING),
    ("FBCNN", r"qf_pred\.", CLEANING),
    ("SCUNet", r"m_(down1|body)\.\d+\.trans_block\.", CLEANING),
    ("DRUNet", r"m_down1\.\d+\.res\.", CLEANING),
    ("FFTformer", r".*\.ffn\.fft$", CLEANING),
    ("KBNet", r".*\.attgamma$|.*\.ffn\.qkv_dwconv\.", CLEANING),
    ("Restormer", r"encoder_level1\.\d+\.attn\.temperature", CLEANING),
    ("MixDehazeNet", r"layer1\.blocks\.\d+\.norm1\.running_mean", NOTHING),
    ("NAFNet", r"(encoders\.\d+|middle_blks)\.\d+\.(beta|sca\.)|intro\.weight", CLEANING),
    ("Uformer", r"encoderlayer_0\.", CLEANING),
    ("MPRNet", r"shallow_feat1\.", CLEANING),
    ("DnCNN", r"model\.2\.(weight|bias)$", CLEANING),
    ("a detector of faces", r"(BboxHead|ClassHead|LandmarkHead)\.", "`daguerre faces` finds faces itself"),
    ("YOLO", r"model\.\d+\.(cv1|m\.\d+)\.", "`daguerre faces` finds faces itself"),
)
"""Name of a network, parameter names that only it has, and what to use instead; the surest first."""

WRAPPERS = re.compile(r"^((module|_orig_mod|net_g|net|model|generator|network)\.)+")
LONGEST, MOST = 200, 5000  # characters of a name, and names, that are examined

SUFFIXES = {
    ".mlmodel": "a Core ML model",
    ".mlpackage": "a Core ML model",
    ".engine": "a TensorRT engine",
    ".trt": "a TensorRT engine",
    ".pb": "a TensorFlow graph",
    ".xml": "an OpenVINO model",
    ".ggml": "a GGML model",
}
SAVE = "; save the network's state_dict instead, or get it as .pth, .safetensors, .onnx or ncnn's .param with .bin"
HEADS = (
    (b"GGUF", "is a GGUF file, as language models are" + SAVE),
    (b"\x1f\x8b", "is packed with gzip; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it first"),
    (b"Rar!", "is a RAR archive; unpack it first"),
    (b"\xfd7zXZ\x00", "is packed with xz; unpack it first"),
    (b"\x89PNG", "is a picture, not weights"),
    (b"\xff\xd8\xff", "is a picture, not weights"),
    (b"%PDF", "is a PDF, not weights"),
)
LFS = b"version https://git-lfs"


def name_of_network(names: Iterable[str]) -> str | None:
    """Name of an unsupported network, and what to use instead, from its parameter names.

    Names may have wrapper prefixes such as `module.` or `net_g.`. None if it is not recognized.
    """
    whole = [name[:LONGEST] for name in itertools.islice(names, MOST)]
    either = {*whole, *(WRAPPERS.sub("", name) for name in whole)}
    for kind, pattern, instead in NETWORKS:
        if any(re.match(pattern, name) for name in either):
            return f"{kind}, a network that is not here; {instead}"
    return None


def what_it_is(path: Path) -> str | None:
    """Kind of a file that cannot hold weights, as the end of a sentence with the way out; None if it may.

    Raises:
        OSError: it cannot be read.
    """
    if path.is_dir():
        if (path / "model_index.json").is_file():
            return "is a diffusion pipeline; no such network is here"
        return "is a folder; name a weights file in it"
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        return "is empty; get it again"
    if head.startswith(LFS):
        return "only says where Git LFS keeps the weights; get them with `git lfs pull`, or by the page's download link"
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body|!--)", head, re.IGNORECASE):
        return "is a web page, not weights; the download link on that page leads to the file"
    if head[4:8] == b"TFL3":
        return "is a TensorFlow Lite model" + SAVE
    for beginning, kind in HEADS:
        if head.startswith(beginning):
            return kind
    if path.suffix.lower() in SUFFIXES:
        return f"is {SUFFIXES[path.suffix.lower()]}{SAVE}"
    return "is a TorchScript program" + SAVE if head.startswith(b"PK") and is_torchscript(path) else None


def is_torchscript(path: Path) -> bool:
    """Whether a zip archive holds a program besides its tensors."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(re.search(r"(^|/)(constants\.pkl|code/.*\.py)$", name) for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False  # a damaged archive, which its reader reports
