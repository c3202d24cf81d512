import contextlib
import csv
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from training.tiny import check_resuming, draw_pictures, same, trained
from training.tiny import super_resolution as recipe

from daguerre import weights
from daguerre.errors import Cancelled, DaguerreError, DataError, OutputExists, RecipeError, WeightsDamaged
from daguerre.progress import Progress
from daguerre.training import loop
from daguerre.training.data.sr_pairs import SuperResolutionPairs
from daguerre.training.loop import train
from daguerre.training.prefetch import seeded_generator
from daguerre.training.recipe import parse_recipe


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return draw_pictures(tmp_path_factory.mktemp("data"))


ADVERSARIAL = {
    "step": "super_resolution",
    "losses": {"l1": 1.0, "adversarial": 0.1},
    "discriminator": {
        "network": {"name": "UNetDiscriminatorSN", "arguments": {"features": 2}},
        "optimizer": {"lr": 1e-3},
    },
    "degradation": {},
}


def judge(name: str, **arguments: object) -> dict[str, object]:
    network = {"name": name, "arguments": arguments}
    return {"discriminator": {"network": network, "optimizer": {"lr": 1e-3}}}


def table(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((run / "log.csv").read_text().splitlines()))


def test_a_run_leaves_weights_that_say_where_they_come_from(data, tmp_path):
    plan = recipe(header={"data": "four drawings", "licence": "CC0-1.0"})
    path = train(plan, data, tmp_path / "run")
    loaded = weights.load(path)
    assert path == tmp_path / "run" / "tiny.safetensors"
    assert (loaded.header.name, loaded.header.task, loaded.header.scale) == ("tiny", "upscale", 2)
    assert (loaded.header.data, loaded.header.licence) == ("four drawings", "CC0-1.0")
    assert parse_recipe(loaded.header.recipe) == plan
    assert set(loaded.header.scores) == {"psnr_y", "ssim_y"}


def test_a_run_leaves_a_table_a_plot_and_samples(data, tmp_path):
    train(recipe(), data, tmp_path)
    rows = table(tmp_path)
    assert [row["step"] for row in rows] == ["2", "4"]
    assert all(float(row["l1"]) > 0 and float(row["psnr_y"]) > 0 for row in rows)
    assert (tmp_path / "log.png").stat().st_size > 0
    with Image.open(tmp_path / "samples" / "step-0000002.png") as sheet:
        assert sheet.size == (3 * 32, 32)


MATCHING = judge("MultiScaleDiscriminator", features=2, layers=1, scales=1) | {
    "losses": {"l1": 1.0, "adversarial": 0.1, "feature_matching": 0.1}
}


@pytest.mark.parametrize("changes", [{}, ADVERSARIAL, MATCHING], ids=["faithful", "adversarial", "matching"])
def test_a_resumed_run_ends_with_the_same_bits(changes, data, tmp_path):
    parts = check_resuming(recipe(**changes), data, tmp_path, stop=3)
    assert [row["step"] for row in table(parts)] == ["2", "4"]


def test_the_seed_matters(data, tmp_path):
    one, other = (train(recipe(seed=seed), data, tmp_path / str(seed)) for seed in (0, 1))
    assert not same(trained(one), trained(other))


def test_ctrl_c_saves_and_hands_the_signal_back(data, tmp_path):
    before = signal.getsignal(signal.SIGINT)

    def press(event: Progress) -> None:
        if event.step == "training" and event.done == 1:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Cancelled, match="stopped after step 1 of 4"):
        train(recipe(), data, tmp_path, progress=press)
    assert (tmp_path / "checkpoint.pt").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_is_not_overwritten(data, tmp_path):
    train(recipe(), data, tmp_path)
    with pytest.raises(OutputExists, match="continue it with --resume"):
        train(recipe(), data, tmp_path)


def test_a_run_is_not_resumed_by_another_recipe(data, tmp_path):
    train(recipe(), data, tmp_path)
    with pytest.raises(RecipeError, match="began with another 'batch'"):
        train(recipe(batch=3), data, tmp_path, resume=True)


def test_a_finished_run_can_be_resumed_and_writes_its_weights_again(data, tmp_path):
    path = train(recipe(), data, tmp_path)
    path.unlink()
    assert train(recipe(), data, tmp_path, resume=True).exists()


def test_losses_that_are_not_numbers_end_the_run(data, tmp_path):
    plan = recipe()
    object.__setattr__(plan.optimizer, "lr", 1e30)
    with pytest.raises(RecipeError, match=r"at step \d+ the losses are .*nan.*lower optimizer.lr"):
        train(plan, data, tmp_path)


def test_a_failing_validation_loses_no_steps(data, tmp_path, monkeypatch):
    monkeypatch.setattr("daguerre.training.loop.write_image", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(recipe(), data, tmp_path)
    assert torch.load(tmp_path / "checkpoint.pt")["about"]["step"] == 2


def test_a_run_goes_on_though_recipes_have_learnt_to_say_more_since(data, tmp_path):
    train(recipe(), data, tmp_path)
    file = tmp_path / "recipe.json"
    table = json.loads(file.read_text())
    del table["aging"]["worn"], table["clip"]
    file.write_text(json.dumps(table))
    train(recipe(), data, tmp_path, resume=True)
    assert "clip" in json.loads(file.read_text())


def test_a_run_whose_recipe_cannot_be_read_is_told(data, tmp_path):
    train(recipe(), data, tmp_path)
    (tmp_path / "recipe.json").write_text("")
    with pytest.raises(WeightsDamaged, match=r"recipe.json' cannot be read .*choose another folder"):
        train(recipe(), data, tmp_path, resume=True)


def test_pictures_left_out_are_listed(data, tmp_path):
    for path in data.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "bad.png").write_bytes(b"no picture")
    train(recipe(steps=1), tmp_path, tmp_path / "run")
    assert (tmp_path / "run" / "left-out.txt").read_text().startswith("bad.png: ")


def test_no_pictures_are_an_error(tmp_path):
    with pytest.raises(DataError, match="no picture to train with"):
        train(recipe(), tmp_path, tmp_path / "run")


def test_a_folder_that_cannot_be_made_is_an_error(data, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DaguerreError, match=r"cannot write to the folder .*choose another"):
        train(recipe(), data, tmp_path / "file")


def test_a_damaged_checkpoint_is_an_error(data, tmp_path):
    train(recipe(), data, tmp_path)
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(WeightsDamaged, match=r"checkpoint.pt' cannot be read .*remove it to start anew"):
        train(recipe(), data, tmp_path, resume=True)


def test_a_run_starts_from_other_weights(data, tmp_path):
    first = train(recipe(), data, tmp_path / "first")
    still = {"optimizer": {"lr": 0.0}, "steps": 1}
    same_size = train(recipe(**still, init={"weights": str(first)}), data, tmp_path / "same")
    assert weights.load(same_size).header.recipe["init"]["weights"] == first.name, "not where it lay"
    assert same(trained(first), trained(same_size))
    larger = {"name": "CompactResNet", "arguments": {"scale": 4, "features": 4, "blocks": 1}}
    init = {"weights": str(first), "skip": ["conv_last."]}
    other_scale = trained(train(recipe(**still, network=larger, init=init), data, tmp_path / "other"))
    assert same(
        {name: value for name, value in trained(first).items() if not name.startswith("conv_last.")},
        {name: value for name, value in other_scale.items() if not name.startswith("conv_last.")},
    )
    with pytest.raises(RecipeError, match=r"conv_last.bias is \(48,\) in this network but \(12,\) in .*init.skip"):
        train(recipe(**still, network=larger, init={"weights": str(first)}), data, tmp_path / "refused")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step": "superresolution"}, "no step 'superresolution'; did you mean 'super_resolution'?"),
        ({"losses": {"l_1": 1.0}}, "no loss 'l_1' in this step; did you mean 'l1'?"),
        (
            {"losses": {}},
            r"\[losses\] is empty; known: adversarial, charbonnier, feature_matching, grid, l1, perceptual, tot",
        ),
        (
            {"losses": {"adversarial": 1.0, "l1": 1.0}},
            r"a \[discriminator\] and a weight losses.adversarial go together",
        ),
        (ADVERSARIAL | {"losses": {"l1": 1.0}}, r"a \[discriminator\] and a weight losses.adversarial go together"),
        (ADVERSARIAL | judge("ESRGANDiscriminator", side=64), "takes a side of 64, but crop is 16"),
        (ADVERSARIAL | judge("ESRGANDiscriminator", side=16), "side is 16; it must be a multiple of 32"),
        (ADVERSARIAL | judge("SRCNN"), "SRCNN is no discriminator"),
        (
            ADVERSARIAL | {"losses": {"l1": 1.0, "adversarial": 1.0, "feature_matching": 1.0}},
            "has no features to match; take MultiScaleDiscriminator",
        ),
        ({"network": {"name": "VGG19"}}, "this step trains networks that upscale, not VGG19"),
        ({"losses": {"perceptual": 1.0}, "perceptual": {"layers": {"conv9_9": 1.0}}}, "no layer 'conv9_9'"),
        ({"losses": {"perceptual": 1.0}, "perceptual": {"layers": {}}}, "perceptual.layers is empty"),
        ({"losses": {"perceptual": 1.0}, "perceptual": {"weights": "compact-x4"}}, "a CompactResNet; give a VGG19"),
        ({"crop": 15}, "crop is 15; it must be a multiple of the scale, 2"),
    ],
)
def test_what_does_not_fit_together_is_named(changes, message, data, tmp_path):
    with pytest.raises(RecipeError, match=message):
        train(recipe(**changes), data, tmp_path)


THREE_STEPS = {"steps": 3, "precision": "float32", "validation": {"every": 2, "crop": 20}}


def work(changes: dict[str, object], data: Path, out: Path, stop: int = 0) -> None:
    """Train, and keep this process's own networks as well as the weights that the run writes.

    Args:
        stop: the step after which the first process asks to stop, if any; a run that is there is resumed.
    """
    trainers = []
    make_trainer = loop.make_trainer

    def watched(*arguments):
        trainers.append(make_trainer(*arguments))
        return trainers[-1]

    def progress(event: Progress) -> None:
        if stop and event.step == "training" and event.done == stop:
            raise Cancelled("enough")

    loop.make_trainer, loop.SYNC_EVERY = watched, 1
    with contextlib.suppress(Cancelled):
        loop.train(recipe(**changes), data, out, resume=True, progress=progress)
    rank, trainer = os.environ.get("RANK", "alone"), trainers[0]
    models = [trainer.model] + ([trainer.discriminator.model] if trainer.discriminator else [])
    torch.save([dict(model.module.named_parameters()) for model in models], out / f"{rank}.pt")


def start_two(changes: dict[str, object], data: Path, out: Path, stop: int = 0) -> None:
    """Run `work` in two processes that find each other, on the processor (gloo), as `torchrun` starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    world = {
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "TORCHELASTIC_RUN_ID": "test",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)]),
    }
    module = Path(__file__).stem
    what = f"{changes!r}, Path({str(data)!r}), Path({str(out)!r}), {stop}"
    code = f"from pathlib import Path; import {module} as t; t.work({what})"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=os.environ | world | {"RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    for process in processes:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors


def test_two_processes_agree_and_do_what_one_does_with_both_their_batches(data, tmp_path, monkeypatch):
    start_two(THREE_STEPS, data, tmp_path / "two")
    (first,), (second,) = (torch.load(tmp_path / "two" / f"{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)

    draw, steps = SuperResolutionPairs.draw, iter(range(1, 4))

    def both(self, _):
        step = next(steps)
        batches = [draw(self, seeded_generator(0, step, rank)) for rank in (0, 1)]
        return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))

    monkeypatch.setattr(SuperResolutionPairs, "draw", both)
    for name in ("make_trainer", "SYNC_EVERY"):  # `work` replaces them
        monkeypatch.setattr(loop, name, getattr(loop, name))
    work(THREE_STEPS, data, tmp_path / "one")
    (alone,) = torch.load(tmp_path / "one" / "alone.pt")
    for name, value in alone.items():
        torch.testing.assert_close(first[name], value, atol=1e-5, rtol=1e-4)
    assert weights.load(tmp_path / "two" / "tiny.safetensors").header.scores.keys() == {"psnr_y", "ssim_y"}


def test_two_processes_stop_together_and_go_on_as_if_they_had_not_with_a_discriminator_too(data, tmp_path):
    start_two(THREE_STEPS | ADVERSARIAL, data, tmp_path / "whole")
    start_two(THREE_STEPS | ADVERSARIAL, data, tmp_path / "parts", stop=2)
    assert torch.load(tmp_path / "parts" / "checkpoint.pt")["about"]["step"] == 2
    start_two(THREE_STEPS | ADVERSARIAL, data, tmp_path / "parts")
    ends = [torch.load(tmp_path / run / f"{rank}.pt") for run in ("whole", "parts") for rank in (0, 1)]
    for networks in zip(*ends, strict=True):  # the generators, then the discriminators
        assert len(networks) == 4
        assert all(torch.equal(networks[0][name], other[name]) for other in networks[1:] for name in other)
