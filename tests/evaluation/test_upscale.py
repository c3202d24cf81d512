import math
from pathlib import Path

import pytest
import torch
from evaluation.soft_pictures import drawn, squared_error
from torch import Tensor
from torch.nn import functional as F

from daguerre.errors import DaguerreError, DataError, DeviceError, OptionError
from daguerre.evaluation import upscale as module
from daguerre.evaluation.comparison import Evaluation
from daguerre.evaluation.metrics import psnr
from daguerre.evaluation.upscale import EvaluateUpscaleOptions, evaluate_upscale, shrink
from daguerre.images import Picture
from daguerre.images.resample import resize_bicubic
from daguerre.progress import Progress


@pytest.fixture(autouse=True)
def squared_error_for_a_perceptual_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_distances", lambda lpips: {"perceptual": squared_error})


def save(path: Path, image: Tensor) -> None:
    path.parent.mkdir(exist_ok=True)
    Picture.from_tensor(image).save(path)


def measure(folder: Path, scale: int = 2, **more: object) -> Evaluation:
    return evaluate_upscale(EvaluateUpscaleOptions(high=folder, scale=scale), **more)


def nearest(low: Tensor) -> Tensor:
    return F.interpolate(low, scale_factor=2)


def test_bicubic_is_measured_without_being_named_and_better_than_nearest(tmp_path: Path):
    save(tmp_path / "a.png", drawn(40, 33))
    scores = measure(tmp_path, upscalers={"nearest": nearest}).scores["a.png"]
    assert scores["bicubic"]["psnr_y"] > scores["nearest"]["psnr_y"] > 15
    assert scores["bicubic"]["perceptual"] < scores["nearest"]["perceptual"]
    assert list(scores["nearest"]) == ["psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb", "perceptual", "consistency"]


def test_the_original_scores_perfectly_and_means_are_over_pictures(tmp_path: Path):
    high = (drawn(40, 32) * 255).round() / 255
    save(tmp_path / "a.png", high)
    save(tmp_path / "b.png", high.flip(-1))
    evaluation = measure(tmp_path, upscalers={"oracle": lambda low: high})
    assert evaluation.scores["a.png"]["oracle"]["psnr_y"] == math.inf
    assert evaluation.scores["a.png"]["oracle"]["ssim_rgb"] == pytest.approx(1)
    a, b = (evaluation.scores[f"{name}.png"]["bicubic"]["psnr_y"] for name in "ab")
    assert evaluation.means()["bicubic"]["psnr_y"] == pytest.approx((a + b) / 2)


def test_the_small_picture_is_cut_shrunk_and_rounded_to_8_bits():
    high = drawn(43, 38)
    low = shrink(high, 4)
    assert low.shape == (1, 3, 10, 9)
    assert torch.equal(low, ((low * 255).round() / 255))
    assert psnr(low, resize_bicubic(high[..., :40, :36], 10, 9)).item() == math.inf


def test_pairs_are_matched_by_name_whatever_their_endings(tmp_path: Path):
    names = {"0801x2.png": "0801.png", "baby_LR.png": "baby_HR.png", "img_001_SRF_2_LR.png": "img_001_SRF_2_HR.png"}
    for low, high in names.items():
        save(tmp_path / "low" / low, drawn(20, 17))
        save(tmp_path / "high" / high, drawn(40, 35))
    options = EvaluateUpscaleOptions(pairs=(tmp_path / "low", tmp_path / "high"), scale=2)
    evaluation = evaluate_upscale(options)
    assert list(evaluation.scores) == ["0801", "baby", "img_001"]
    assert not evaluation.failures


def test_pictures_without_a_counterpart_are_listed(tmp_path: Path):
    for name in ("low/a.png", "low/gone.png"):
        save(tmp_path / name, drawn(20, 20))
    for name in ("high/a.png", "high/new.png"):
        save(tmp_path / name, drawn(40, 40))
    evaluation = evaluate_upscale(EvaluateUpscaleOptions(pairs=(tmp_path / "low", tmp_path / "high"), scale=2))
    assert list(evaluation.scores) == ["a"]
    assert list(evaluation.failures) == ["gone", "new"]
    assert "no small picture" in evaluation.failures["new"]


def test_a_pair_of_sizes_that_do_not_fit_is_listed_with_both_sizes(tmp_path: Path):
    save(tmp_path / "low" / "a.png", drawn(20, 20))
    save(tmp_path / "high" / "a.png", drawn(60, 40))
    evaluation = evaluate_upscale(EvaluateUpscaleOptions(pairs=(tmp_path / "low", tmp_path / "high"), scale=2))
    assert "20 x 20 and 40 x 60 pixels; with --scale 2" in evaluation.failures["a"]


def test_unreadable_and_tiny_pictures_are_listed_and_the_others_measured(tmp_path: Path):
    save(tmp_path / "good.png", drawn(40, 40))
    save(tmp_path / "tiny.png", drawn(12, 40))
    save(tmp_path / "speck.png", drawn(1, 1))
    (tmp_path / "torn.png").write_bytes((tmp_path / "good.png").read_bytes()[:100])
    evaluation = measure(tmp_path)
    assert list(evaluation.scores) == ["good.png"]
    assert set(evaluation.failures) == {"tiny.png", "speck.png", "torn.png"}
    assert "at least 16 x 16" in evaluation.failures["tiny.png"]


def test_a_picture_that_one_model_fails_on_counts_for_no_model(tmp_path: Path):
    save(tmp_path / "a.png", drawn(40, 40))
    save(tmp_path / "b.png", drawn(40, 60))

    def breaks(low: Tensor) -> Tensor:
        if low.shape[-1] == 30:
            raise DeviceError("no room for 30 columns")
        return nearest(low)

    evaluation = measure(tmp_path, upscalers={"breaks": breaks})
    assert list(evaluation.scores) == ["a.png"]
    assert evaluation.failures == {"b.png": "no room for 30 columns"}


def test_a_function_that_enlarges_wrongly_is_a_mistake_of_its_caller(tmp_path: Path):
    save(tmp_path / "a.png", drawn(40, 40))
    with pytest.raises(ValueError, match=r"\(1, 3, 20, 20\).*\(1, 3, 40, 40\)"):
        measure(tmp_path, upscalers={"nothing": lambda low: low})


def test_everything_there_is_to_see_is_shown_picture_by_picture(tmp_path: Path):
    save(tmp_path / "a.png", drawn(40, 33))
    seen = []
    steps: list[Progress] = []
    measure(
        tmp_path,
        upscalers={"nearest": nearest},
        look=lambda name, images, scores: seen.append((name, {k: tuple(v.shape[-2:]) for k, v in images.items()})),
        progress=steps.append,
    )
    assert seen == [("a.png", {"input": (20, 16), "bicubic": (40, 32), "nearest": (40, 32), "original": (40, 32)})]
    assert [(step.done, step.total) for step in steps] == [(0, 1), (1, 1)]


def test_the_protocol_names_border_luma_and_how_small_pictures_were_made(tmp_path: Path):
    save(tmp_path / "a.png", drawn(40, 40))
    said = " ".join(measure(tmp_path).protocol)
    for words in ("multiple of 2", "MATLAB", "2 pixels on each side", "BT.601", "8 bits", "sigma 1.5", "perceptual"):
        assert words in said


def test_models_are_run_as_they_are_unless_told_to_agree_or_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save(tmp_path / "a.png", drawn(40, 40))
    made = []

    class Upscaler:
        def __init__(self, **options: object) -> None:
            made.append(options)

        def model(self, name: str) -> None:
            if name == "unheard-of":
                raise DaguerreError("no such weights")

        def tensor(self, low: Tensor) -> Tensor:
            return nearest(low)

    monkeypatch.setattr(module, "Upscaler", Upscaler)
    options = EvaluateUpscaleOptions(high=tmp_path, scale=2, models=("bicubic", "some-x2"))
    assert list(evaluate_upscale(options).scores["a.png"]) == ["bicubic", "some-x2"]
    better = EvaluateUpscaleOptions(high=tmp_path, scale=2, models=("some-x2",), agree=True, ensemble=True)
    said = " ".join(evaluate_upscale(better).protocol)
    assert "made to agree" in said
    assert "eight turns" in said
    told = [(m["model"], m["scale"], m["agree"], m["ensemble"]) for m in made]
    assert told == [("some-x2", 2, "off", False), ("some-x2", 2, "on", True)]
    with pytest.raises(DaguerreError, match="no such weights"):
        evaluate_upscale(EvaluateUpscaleOptions(high=tmp_path, scale=2, models=("unheard-of",)))


def test_pictures_to_measure_on_come_from_one_place():
    for wrong in ({}, {"high": Path("a"), "pairs": (Path("b"), Path("c"))}):
        with pytest.raises(OptionError, match="either --pairs"):
            EvaluateUpscaleOptions(**wrong)


def test_a_folder_that_is_missing_or_empty_or_ambiguous_is_named(tmp_path: Path):
    with pytest.raises(DataError, match="nowhere: no such folder"):
        measure(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no pictures in this folder"):
        measure(tmp_path)
    save(tmp_path / "a.png", drawn(40, 40))
    save(tmp_path / "ax2.png", drawn(40, 40))
    assert list(measure(tmp_path).scores) == ["a.png", "ax2.png"]
    with pytest.raises(DataError, match="both called 'a'"):
        evaluate_upscale(EvaluateUpscaleOptions(pairs=(tmp_path, tmp_path), scale=2))
