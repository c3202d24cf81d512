import pytest
import torch

from daguerre.errors import UnknownArchitecture
from daguerre.weights.convert import detect
from daguerre.weights.registry import NETWORKS, build
from daguerre.weights.unknown import name_of_network

# Names of parameters as the published checkpoints have them.
KNOWN = {
    "SwinIR": ["conv_first.weight", "layers.0.residual_group.blocks.0.attn.relative_position_bias_table"],
    "Swin2SR": ["conv_first.weight", "layers.0.residual_group.blocks.0.attn.logit_scale"],
    "HAT": ["relative_position_index_OCA", "layers.0.residual_group.blocks.0.conv_block.cab.0.weight"],
    "DAT": ["conv_first.weight", "before_RG.1.weight", "layers.0.blocks.0.attn.temperature"],
    "RGT": ["before_RG.1.weight", "layers.0.blocks.0.gamma"],
    "ATD": ["relative_position_index_SA", "layers.0.residual_group.layers.0.attn_atd.scale"],
    "DRCT": ["conv_first.weight", "layers.0.swin1.attn.relative_position_bias_table"],
    "SPAN": ["conv_1.sk.weight", "block_1.c1_r.sk.weight", "conv_cat.weight"],
    "PLKSR": ["feats.0.weight", "feats.1.channe_mixer.0.weight"],
    "RealPLKSR": ["feats.0.weight", "feats.1.channel_mixer.0.weight"],
    "OmniSR": ["residual_layer.0.residual_layer.0.layer.0.fn.0.weight"],
    "SAFMN": ["to_feat.weight", "feats.0.safm.mfr.0.weight"],
    "DITN": ["sft.weight", "UFONE.0.ITLs.0.attn.temperature"],
    "Real-CUGAN": ["unet1.conv1.conv.0.weight"],
    "RCAN": ["head.0.weight", "body.0.body.0.body.3.conv_du.0.weight"],
    "EDSR": ["head.0.weight", "body.0.body.0.weight", "body.0.body.2.weight"],
    "GFPGAN": ["conv_body_first.weight", "stylegan_decoder.style_mlp.1.weight"],
    "CodeFormer": ["position_emb", "encoder.blocks.0.weight", "quantize.embedding.weight"],
    "RestoreFormer": ["encoder.conv_in.weight", "encoder.down.0.block.0.norm1.weight"],
    "LaMa": ["generator.model.1.ffc.convl2l.weight"],
    "MAT": ["synthesis.first_stage.conv_first.conv.weight"],
    "NAFNet": ["intro.weight", "encoders.0.0.beta"],
    "SCUNet": ["m_head.0.weight", "m_down1.0.trans_block.ln1.weight"],
    "Restormer": ["patch_embed.proj.weight", "encoder_level1.0.attn.temperature"],
    "DDColor": ["encoder.arch.downsample_layers.0.0.weight", "decoder.color_decoder.level_embed.weight"],
    "Stable Diffusion": ["model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.encoder.conv_in.weight"],
    "LoRA": ["lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight"],
    "ESRGAN+": ["model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight", "model.1.sub.0.RDB1.conv1x1.weight"],
}


@pytest.mark.parametrize("prefix", ["", "module.", "net_g.", "_orig_mod."])
@pytest.mark.parametrize(("kind", "names"), KNOWN.items(), ids=KNOWN)
def test_networks_that_are_not_here_are_called_by_their_names(kind, names, prefix):
    with pytest.raises(UnknownArchitecture) as caught:
        detect({prefix + name: torch.zeros(3, 3) for name in names}, "a.pth")
    line = str(caught.value)
    assert line.startswith("a.pth: ")
    assert kind in line
    assert "a network that is not here; " in line
    assert "\n" not in line


@pytest.mark.parametrize("name", NETWORKS)
def test_none_of_our_networks_is_taken_for_another(name):
    assert name_of_network(build(name, {}).state_dict()) is None


def test_names_that_nobody_knows_are_not_guessed_at():
    assert name_of_network(["layer.weight", "layer.bias"]) is None
    assert name_of_network(["a" * 10**6, "module." * 10**5]) is None
