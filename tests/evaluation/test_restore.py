import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from evaluation.soft_pictures import drawn, squared_error
from torch import Tensor

from daguerre.degradation.aging import DAMAGES, Aged, AgeOptions, age
from daguerre.errors import DataError, DeviceError, OptionError
from daguerre.evaluation import restore as module
from daguerre.evaluation.comparison import Evaluation
from daguerre.evaluation.reports import as_json, as_tables
from daguerre.evaluation.restore import (
    Answer,
    EvaluateRestoreOptions,
    Example,
    evaluate_restore,
    examples,
    load_restorers,
    measure_finds,
)
from daguerre.images import Canvas, Picture


@pytest.fixture(autouse=True)
def squared_error_for_a_perceptual_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_distances", lambda lpips: {"perceptual": squared_error})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate("ab"):
        Picture.from_tensor(drawn(48, 64, seed)).save(tmp_path / f"{name}.png")
    return tmp_path


def measure(folder: Path, ageing: AgeOptions | None = None, versions: int = 1, **more: object) -> Evaluation:
    return evaluate_restore(EvaluateRestoreOptions(high=folder, versions=versions), ageing, **more)


def nothing(example: Example) -> Answer:
    return Answer(example.aged.image)


def perfect(example: Example) -> Answer:
    return Answer(example.aged.clean, example.aged.lost)


def paler(example: Example) -> Answer:
    return Answer(0.5 * example.aged.clean + 0.2)


def test_doing_nothing_scores_as_the_aged_photograph_and_perfection_perfectly(folder: Path):
    evaluation = measure(folder, restorers={"nothing": nothing, "perfect": perfect})
    for scores in evaluation.scores.values():
        assert list(scores) == ["aged", "nothing", "perfect"]
        assert scores["nothing"] == pytest.approx(scores["aged"], nan_ok=True)
        assert scores["perfect"]["psnr_rgb"] == scores["perfect"]["psnr_rgb_tone"] == math.inf
        assert scores["perfect"]["f1"] == 1
        assert math.isnan(scores["nothing"]["f1"])
        assert 5 < scores["aged"]["psnr_rgb"] < scores["aged"]["psnr_rgb_tone"] < 60


def test_a_result_that_is_only_paler_loses_nothing_after_tone_matching(folder: Path):
    scores = measure(folder, restorers={"paler": paler}).means()["paler"]
    assert scores["psnr_rgb"] < 25 < 45 < scores["psnr_rgb_tone"]
    assert scores["ssim_y_tone"] > 0.99 > scores["ssim_y"]


def test_a_picture_ages_by_its_name_and_seed_whatever_else_is_in_the_folder(folder: Path):
    def aged(seed: int = 0) -> dict[str, Tensor]:
        options = EvaluateRestoreOptions(high=folder)
        return {e.name: e.aged.image for e in examples(options, AgeOptions(seed=seed), {})}

    before = aged()
    (folder / "a.png").unlink()
    assert torch.equal(aged()["b.png"], before["b.png"])
    assert not torch.equal(aged(seed=1)["b.png"], before["b.png"])


def test_the_seed_that_is_told_ages_the_original_to_the_same_again(folder: Path):
    evaluation = measure(folder, AgeOptions(kind="studio", strength=0.7), restorers={"perfect": perfect})
    (example, _) = examples(EvaluateRestoreOptions(high=folder), AgeOptions(kind="studio", strength=0.7), {})
    original = Picture.open(folder / "a.png").read()
    again = age(original, seed=evaluation.made["a.png"]["seed"], kind="studio", strength=0.7)
    assert torch.equal(Picture.from_tensor(again.image).read(), example.photo.read())
    assert evaluation.made["a.png"]["kind"] == "studio"


def test_versions_of_a_picture_age_differently(folder: Path):
    evaluation = measure(folder, versions=2, restorers={"nothing": nothing})
    assert list(evaluation.scores) == ["a.png, 1", "a.png, 2", "b.png, 1", "b.png, 2"]
    first, second = (evaluation.scores[f"a.png, {version}"]["aged"]["psnr_rgb"] for version in (1, 2))
    assert first != second


def test_kinds_of_photographs_have_means_of_their_own(folder: Path):
    evaluation = measure(folder, versions=4, restorers={"nothing": nothing})
    groups = evaluation.breakdowns["kind of photograph"]
    assert sum(int(group.split("(")[1].rstrip(")")) for group in groups) == 8
    kind = evaluation.made["a.png, 1"]["kind"]
    (group,) = [group for group in groups if group.startswith(f"{kind} ")]
    members = [s["aged"]["ssim_y"] for name, s in evaluation.scores.items() if evaluation.made[name]["kind"] == kind]
    assert groups[group]["aged"]["ssim_y"] == pytest.approx(sum(members) / len(members))


def hurt(example: Example) -> Answer:
    """Perfect, but grey 0.5 under scratches, of which it finds none."""
    scratch = example.aged.kinds == DAMAGES.index("scratch") + 1
    return Answer(torch.where(scratch, 0.5, example.aged.clean), example.aged.lost * ~scratch)


def test_errors_and_finds_are_told_apart_by_kind_of_damage(folder: Path):
    evaluation = measure(folder, AgeOptions(kind="ruin"), versions=3, restorers={"hurt": hurt})
    groups = {name.split(" (")[0]: scores for name, scores in evaluation.breakdowns["kind of damage"].items()}
    assert groups["none"]["hurt"]["psnr_rgb"] == math.inf
    assert math.isnan(groups["none"]["hurt"]["recall"])
    assert 0 < groups["scratch"]["hurt"]["psnr_rgb"] < 30
    assert groups["tear"]["hurt"]["recall"] == 1 > groups["scratch"]["hurt"]["recall"]
    assert groups["scratch"]["aged"]["psnr_rgb"] < 30


def test_lost_pixels_of_all_pictures_are_counted_together_too(folder: Path):
    """A finder that sees the left half of each picture alone."""

    def half(example: Example) -> Answer:
        found = example.aged.lost.clone()
        found[..., found.shape[3] // 2 :] = 0
        return Answer(example.aged.clean, found)

    evaluation = measure(folder, AgeOptions(kind="ruin"), versions=3, restorers={"half": half, "nothing": nothing})
    (together,) = evaluation.breakdowns["damage found in"].values()
    assert set(together) == {"half"}  # nobody looked for any in the other
    assert together["half"]["precision"] == 1
    assert 0.1 < together["half"]["recall"] < 0.9
    own = [scores["half"]["recall"] for scores in evaluation.scores.values()]
    assert min(own) <= together["half"]["recall"] <= max(own)


def example_of(kinds: list[int]) -> Aged:
    damage = torch.tensor([[[kinds]]], dtype=torch.uint8)
    image = torch.zeros(1, 3, 1, len(kinds))
    return Aged(image=image, clean=image, toned=image, kinds=damage, record={})


def test_finding_a_stain_counts_neither_way_and_likelihood_makes_the_auc():
    scratch, stain = (DAMAGES.index(name) + 1 for name in ("scratch", "stain"))
    aged = example_of([scratch, 0, 0, 0, stain, 0])
    found = torch.tensor([[[[1.0, 0, 0, 1, 1, 0]]]])
    likely = torch.tensor([[[[0.7, 0.1, 0.1, 0.8, 0.9, 0.1]]]])
    scores = measure_finds(Answer(aged.image, found, likely), aged)
    assert scores == {"precision": 0.5, "recall": 1, "f1": pytest.approx(2 / 3), "auc": 0.75}


def test_reports_show_the_breakdowns_and_json_stays_strict(folder: Path):
    evaluation = measure(folder, AgeOptions(kind="ruin"), restorers={"perfect": perfect})
    assert [table.columns[0].header for table in as_tables(evaluation)] == [
        "picture",
        "kind of photograph",
        "kind of damage",
        "damage found in",
    ]

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    said = json.loads(as_json(evaluation), parse_constant=refuse)
    assert said["mean"]["perfect"]["psnr_rgb"] is None
    assert said["made"]["a.png"]["steps"]
    assert said["kind of photograph"]["ruin (2)"]["aged"]["psnr_rgb"] > 5


def test_everything_there_is_to_see_is_shown_with_the_damage_that_was_found_and_missed(folder: Path):
    seen = {}
    measure(
        folder, AgeOptions(kind="ruin"), restorers={"hurt": hurt}, look=lambda name, images, scores: seen.update(images)
    )
    assert list(seen) == ["aged", "hurt", "damage", "clean"]
    colours = {tuple(colour) for colour in seen["damage"][0].flatten(1).T.int().tolist()}
    assert colours == {(0, 0, 0), (1, 0, 0), (1, 1, 1)}


def test_pictures_that_cannot_be_measured_are_listed_and_the_others_measured(folder: Path):
    Picture.from_tensor(drawn(8, 64)).save(folder / "thin.png")
    (folder / "torn.png").write_bytes((folder / "a.png").read_bytes()[:100])

    def breaks(example: Example) -> Answer:
        if example.name == "b.png":
            raise DeviceError("no room")
        return nothing(example)

    evaluation = measure(folder, restorers={"breaks": breaks})
    assert list(evaluation.scores) == ["a.png"]
    assert set(evaluation.failures) == {"b.png", "thin.png", "torn.png"}
    assert "at least 16" in evaluation.failures["thin.png"]


def test_a_result_of_another_size_is_a_mistake_of_its_caller(folder: Path):
    with pytest.raises(ValueError, match=r"\(24, 64\).*\(48, 64\)"):
        measure(folder, restorers={"half": lambda example: Answer(example.aged.image[:, :, ::2])})


def test_a_folder_is_needed_and_must_exist(folder: Path):
    with pytest.raises(OptionError, match="--high FOLDER"):
        EvaluateRestoreOptions()
    with pytest.raises(DataError, match="no such folder"):
        measure(folder / "nowhere", restorers={"nothing": nothing})


def test_the_protocol_says_how_photographs_were_aged_and_what_tone_means(folder: Path):
    said = " ".join(measure(folder, AgeOptions(seed=7, kind="ruin"), restorers={"nothing": nothing}).protocol)
    for words in ("daguerre age", "kind ruin", "from 7", "BT.601", "gain and offset", "1 px", "perceptual"):
        assert words in said


class Painter:
    """Paints what it takes for damage black; by itself it finds the left half."""

    def __init__(self, *, scratches: str, **options: object) -> None:
        self.stages = SimpleNamespace(damage=self if scratches == "auto" else None)

    def likelihood(self, photo: Picture) -> Canvas:
        canvas = Canvas(photo.height, photo.width, grey=True)
        canvas.levels[:, : photo.width // 2] = 200
        return canvas

    def __call__(self, photo: Picture, *, mask: Picture | None, on_stage: object) -> SimpleNamespace:
        mask = self.likelihood(photo).picture() if self.stages.damage else mask
        damaged = torch.zeros_like(photo.read()[:, :1]) if mask is None else mask.read()[:, :1]
        return SimpleNamespace(picture=Picture.from_tensor(photo.read() * (damaged == 0)), mask=mask)


@pytest.mark.parametrize("scratches", ["auto", "off", "known"])
def test_our_restoring_finds_damage_or_leaves_it_or_is_told(folder: Path, monkeypatch, scratches: str):
    monkeypatch.setattr(module, "Restorer", Painter)
    options = EvaluateRestoreOptions(high=folder, scratches=scratches)
    (example, _) = examples(options, AgeOptions(kind="ruin"), {})
    answer = load_restorers(options)["auto"](example)
    painted = (answer.image.amax(1, keepdim=True) == 0) & (example.aged.image.amax(1, keepdim=True) > 0)
    if scratches == "auto":
        assert answer.found is not None
        assert answer.likely is not None
        assert torch.equal(answer.found > 0, answer.likely > 0)
        assert painted[..., :32].float().mean() > 0.9
        assert not painted[..., 32:].any()
    else:
        assert answer.found is None
        wanted = example.aged.lost > 0 if scratches == "known" else torch.zeros_like(painted)
        assert torch.equal(painted, wanted & (example.aged.image.amax(1, keepdim=True) > 0))
