import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from daguerre.errors import DataError
from daguerre.progress import Progress, silent
from daguerre.training.data.pictures import PairedCrops, center_slices, hold_out, load_pictures, resize_uint8


def drawn(height: int, width: int, seed: int = 0) -> Image.Image:
    """A smooth picture that is nowhere the same."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> None:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def load(data: Path, *parts: str, least: int = 8):
    return load_pictures(data, parts, least=least, progress=silent)


def test_folders_are_searched_to_the_bottom_and_tar_files_in_them(tmp_path):
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    drawn(9, 10).save(tmp_path / "photos" / "deep" / "b.PNG")
    (tmp_path / "photos" / "index.csv").write_text("not a picture")
    write_tar(tmp_path / "photos" / "more.tar", {"x/a.png": encoded(drawn(11, 12)), "x/notes.txt": b"no"})
    pictures, left_out = load(tmp_path, "photos")
    assert {name: tuple(p.shape) for name, p in pictures.items()} == {
        "photos/deep/b.PNG": (3, 9, 10),
        "photos/more.tar/x/a.png": (3, 11, 12),
    }
    assert left_out == []


def test_a_part_may_be_one_tar_file(tmp_path):
    write_tar(tmp_path / "one.tar", {"a.png": encoded(drawn(9, 9))})
    assert list(load(tmp_path, "one.tar")[0]) == ["one.tar/a.png"]


def test_pixels_are_the_files_own_and_upright(tmp_path):
    picture = drawn(8, 12)
    picture.save(tmp_path / "plain.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter to the left: to be shown turned to the right
    picture.save(tmp_path / "turned.png", exif=exif)
    pictures, _ = load(tmp_path, ".")
    plain = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    assert torch.equal(pictures["plain.png"], plain)
    assert torch.equal(pictures["turned.png"], plain.transpose(1, 2).flip(2))


def test_grey_transparent_and_indexed_pictures_become_rgb(tmp_path):
    for mode in ("L", "RGBA", "P"):
        drawn(8, 8).convert(mode).save(tmp_path / f"{mode}.png")
    assert {tuple(p.shape) for p in load(tmp_path, ".")[0].values()} == {(3, 8, 8)}


def test_what_cannot_be_used_is_listed_and_the_rest_is_used(tmp_path):
    (tmp_path / "good.png").write_bytes(encoded(drawn(8, 8)))
    (tmp_path / "damaged.jpg").write_bytes(encoded(drawn(64, 64), "JPEG")[:200])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "small.png").write_bytes(encoded(drawn(7, 30)))
    pictures, left_out = load(tmp_path, ".")
    assert list(pictures) == ["good.png"]
    assert [line.split(":")[0] for line in left_out] == ["damaged.jpg", "empty.png", "small.png"]
    assert left_out[2] == "small.png: 7 x 30 pixels, 8 are needed"


@pytest.mark.parametrize("depth", [np.uint16, np.int32])
def test_of_16_bits_the_upper_eight_count(depth, tmp_path):
    levels = np.linspace(0, 65535, 16 * 16).reshape(16, 16).astype(depth)
    Image.fromarray(levels).save(tmp_path / "deep.tif")
    pictures, _ = load(tmp_path, ".")
    assert (pictures["deep.tif"].numpy() == (levels >> 8)).all()


def test_colours_with_a_profile_become_srgb(tmp_path):
    picture = drawn(9, 9)
    same = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save(tmp_path / "same.png", icc_profile=same)
    picture.save(tmp_path / "odd.png", icc_profile=b"no profile")
    pictures, left_out = load(tmp_path, ".")
    assert np.abs(pictures["same.png"].permute(1, 2, 0).numpy().astype(int) - np.asarray(picture)).max() <= 1
    assert [line.split(":")[0] for line in left_out] == ["odd.png"]


def test_a_file_that_cannot_be_read_is_listed(tmp_path, monkeypatch):
    for name in ("a.png", "b.png"):
        drawn(9, 9).save(tmp_path / name)
    whole = Path.read_bytes

    def failing(path):
        if path.name == "a.png":
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", failing)
    pictures, left_out = load(tmp_path, ".")
    assert list(pictures) == ["b.png"]
    assert "Permission denied" in left_out[0]


@pytest.mark.parametrize("harm", ["header", "cut"])
def test_what_a_damaged_archive_lost_is_listed(harm, tmp_path):
    path = tmp_path / "shard.tar"
    write_tar(path, {f"{n}.png": encoded(drawn(9, 9, n)) for n in range(4)})
    content = bytearray(path.read_bytes())
    with tarfile.open(path) as archive:
        place = archive.getmembers()[2].offset
    path.write_bytes(content[:place] + (b"" if harm == "cut" else b"x" * 512 + content[place + 512 :]))
    pictures, left_out = load(tmp_path, "shard.tar")
    assert len(pictures) == 2
    assert left_out == ["shard.tar: an archive that is damaged; what comes after its last picture here is missing"]


def test_a_compressed_archive_in_a_folder_is_listed(tmp_path):
    drawn(9, 9).save(tmp_path / "a.png")
    write_tar(tmp_path / "more.tar.gz", {"b.png": encoded(drawn(9, 9))}, "w:gz")
    assert load(tmp_path, ".")[1] == ["more.tar.gz: an archive that is compressed; unpack it, or pack it as .tar"]


def test_no_picture_at_all_is_an_error_that_tells_the_first_reason(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"no picture to train with in \. .*the first of 1 left out is empty.png"):
        load(tmp_path, ".")


def test_a_missing_part_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no 'photos' in the data folder .*--data"):
        load(tmp_path, "photos")


def test_a_compressed_tar_is_an_error(tmp_path):
    write_tar(tmp_path / "a.tar", {"a.png": encoded(drawn(9, 9))}, mode="w:gz")
    with pytest.raises(DataError, match="as an uncompressed tar file"):
        load(tmp_path, "a.tar")


def test_reading_tells_its_progress(tmp_path):
    for name in ("a.png", "b.png"):
        drawn(8, 8).save(tmp_path / name)
    told: list[Progress] = []
    load_pictures(tmp_path, ["."], least=8, progress=told.append)
    assert [p.done for p in told] == [1, 2]


def test_about_the_fraction_is_held_out_wherever_the_files_lie():
    names = [f"photo-{i}.jpg" for i in range(2000)]
    held_out = hold_out(names, 0.05)
    assert 70 < len(held_out) < 130
    assert hold_out([f"some.tar/folder/{name}" for name in names[:500]], 0.05) == {
        f"some.tar/folder/{name}" for name in held_out & set(names[:500])
    }


def test_at_least_one_picture_is_held_out():
    assert len(hold_out(["a.png", "b.png"], 1e-6)) == 1


def test_holding_out_all_pictures_is_an_error():
    with pytest.raises(
        DataError, match=r"all pictures \(1\) would be held out; add some, or lower validation.fraction"
    ):
        hold_out(["a.png"], 1 / 23)


def test_twin_of_a_flat_picture_is_flat_and_a_quarter():
    assert torch.equal(resize_uint8(torch.full((3, 16, 8), 77, dtype=torch.uint8), 4, 2), torch.full((3, 4, 2), 77))


def test_twin_of_an_edge_is_matlabs_imresize_by_hand():
    # Keys' kernel at 1/8, 3/8, … 15/8 sums to 2 on either side of its middle: divided by 4, the weights of each sample.
    # Two pixels before the edge, the 6 outermost weights of one side fall on white: 0.30859375 / 4 x 255 = 19.67; six
    # before, the 2 outermost: -0.05078125 / 4 x 255 = -3.24. After the edge it is 255 less that.
    edge = torch.tensor([0] * 8 + [255] * 8, dtype=torch.uint8).expand(3, 4, 16)
    assert resize_uint8(edge, edge.shape[1] // 4, edge.shape[2] // 4)[0].tolist() == [[0, 20, 235, 255]]


def pixels(*pictures: Image.Image) -> list[torch.Tensor]:
    return [torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous() for picture in pictures]


def test_crops_and_twins_lie_over_each_other():
    crops = PairedCrops.shrinking(pixels(drawn(61, 70, 1), drawn(90, 50, 2)), scale=2, progress=silent)
    low, high = crops.draw(16, 32, torch.Generator().manual_seed(0))
    assert (tuple(low.shape), tuple(high.shape)) == ((16, 3, 16, 16), (16, 3, 32, 32))
    again = torch.stack([resize_uint8(picture, *(side // 2 for side in picture.shape[1:])) for picture in high])
    inside = (slice(None), slice(None), slice(3, -3), slice(3, -3))  # the filter sees 4 pixels on each side
    assert (low[inside].int() - again[inside].int()).abs().max() <= 1


def test_without_a_scale_pictures_are_their_own_twins():
    low, high = PairedCrops.shrinking(pixels(drawn(40, 40)), scale=1, progress=silent).draw(2, 16, torch.Generator())
    assert torch.equal(low, high)


def test_a_picture_is_drawn_as_often_as_it_is_large():
    small, large = (torch.full((3, 8, width), value, dtype=torch.uint8) for width, value in ((8, 0), (24, 1)))
    crops = PairedCrops.shrinking([small, large], scale=1, progress=lambda _: None)
    drawn, _ = crops.draw(4000, 8, torch.Generator().manual_seed(0))
    assert drawn[:, 0, 0, 0].float().mean().item() == pytest.approx(0.75, abs=0.03)


def test_the_generator_decides_alone():
    crops = PairedCrops.shrinking(pixels(drawn(60, 60, 1), drawn(50, 50, 2)), scale=2, progress=silent)
    first, again, other = (crops.draw(4, 16, torch.Generator().manual_seed(seed))[1] for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_every_place_and_all_eight_ways_come_up():
    picture = torch.zeros(3, 9, 9, dtype=torch.uint8)
    picture[:, 0, 1] = 1  # a mark off every axis of symmetry
    crops = PairedCrops.shrinking([picture], scale=1, progress=silent)
    _, whole = crops.draw(100, 9, torch.Generator().manual_seed(0))
    assert {tuple(index.tolist()) for index in whole[:, 0].nonzero()[:, 1:]} == {
        (0, 1), (0, 7), (1, 0), (7, 0), (1, 8), (8, 1), (7, 8), (8, 7)
    }  # fmt: skip
    _, parts = crops.draw(400, 8, torch.Generator().manual_seed(0))
    assert 0.1 < parts.flatten(1).any(dim=1).float().mean() < 0.9


def test_the_middle_starts_and_ends_on_the_grid():
    rows, columns = center_slices(torch.empty(3, 101, 50), 64, 4)
    assert (rows, columns) == (slice(16, 80), slice(0, 48))


def test_a_sheet_is_cut_into_its_pictures_unless_it_is_none_or_they_are_too_small(tmp_path):
    grid = np.repeat(np.repeat(np.arange(6, dtype=np.uint8).reshape(2, 3) * 10, 64, 0), 64, 1)
    Image.fromarray(grid).save(tmp_path / "sheet-a.png")
    Image.new("RGB", (100, 128)).save(tmp_path / "sheet-b.png")
    pictures, left_out = load_pictures(tmp_path, ["."], least=64, progress=silent)
    assert [(name, tuple(picture.shape)) for name, picture in pictures.items()] == [
        *[(f"sheet-a.png#{i}", (3, 64, 64)) for i in range(6)],
        ("sheet-b.png", (3, 128, 100)),
    ]
    assert [picture.float().mean().item() for picture in pictures.values()] == [0, 10, 20, 30, 40, 50, 0]
    assert left_out == []
    pictures, left_out = load_pictures(tmp_path, ["."], least=65, progress=silent)
    assert list(pictures) == ["sheet-b.png"]
    assert left_out == ["sheet-a.png: 64 x 64 pixels, 65 are needed"]
