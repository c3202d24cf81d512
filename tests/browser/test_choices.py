"""What can be chosen: a mask by hand, sizes, styles, recipes; by mouse and by keys."""

import numpy as np

from daguerre.images import Picture


def painted(page):
    """Pixels of the mask that are marked, and where one of them is."""
    return page.evaluate(
        "() => { const c = document.querySelector('.mask'); const d = c.getContext('2d').getImageData(0, 0, c.width,"
        " c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 127; return n; }"
    )


def edit(page):
    page.click("text=See and correct by hand")
    page.wait_for_selector(".mask-editor[data-ready]")


def test_a_mask_is_painted_with_the_mouse_and_filled(photo, served):
    edit(photo)
    photo.click("text=Clear")
    assert painted(photo) == 0
    box = photo.locator(".painting").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    photo.mouse.move(x, y)
    photo.mouse.down()
    photo.mouse.move(x + 60, y + 60, steps=5)
    photo.mouse.up()
    stroke = painted(photo)
    assert stroke > 20
    photo.keyboard.down("Shift")
    photo.mouse.click(x + 60, y - 100)
    photo.keyboard.up("Shift")
    line = painted(photo)
    assert line > stroke + 20
    photo.keyboard.press("Control+z")
    assert painted(photo) == stroke
    photo.keyboard.press("Control+Shift+z")
    assert painted(photo) == line
    photo.click("text=Invert")
    assert painted(photo) == 96 * 96 - line
    photo.keyboard.press("Control+z")
    photo.mouse.click(x + 30, y + 30, button="right")
    assert painted(photo) < line
    photo.click("text=Fill again")
    photo.wait_for_selector(".version >> nth=1")
    job = served.json("/api/jobs")[-1]
    mask = job["asked"]["steps"][0]["scratches"]
    sent = np.asarray(Picture.from_bytes(served.ask(f"/api/{mask}")[1])) > 0
    assert 0 < sent.sum() < line
    assert sent.shape == (96, 96)
    assert job["command"].startswith("daguerre restore old.jpg --scratches ")


def test_a_mask_is_painted_with_keys_alone(photo):
    edit(photo)
    photo.click("text=Clear")
    photo.locator(".painting").focus()
    for key in ("[", "]", "]", "]"):
        photo.keyboard.press(key)
    photo.keyboard.down(" ")
    for _ in range(3):
        photo.keyboard.press("ArrowRight")
    photo.keyboard.up(" ")
    stroke = painted(photo)
    assert stroke > 20
    photo.keyboard.press("Shift+ArrowDown")
    photo.keyboard.press("Enter")
    assert painted(photo) > stroke
    photo.keyboard.press("Escape")
    photo.wait_for_selector(".mask-editor", state="detached")


def test_a_mask_comes_from_a_file(photo, tmp_path):
    edit(photo)
    mask = np.zeros((48, 48), bool)
    mask[:, :24] = True
    Picture.from_array(mask).save(tmp_path / "mask.png")
    photo.set_input_files(".mask-editor input[type=file]", str(tmp_path / "mask.png"))
    photo.wait_for_function("() => !document.querySelector('.mask-editor [aria-label=Undo]').disabled")
    assert abs(painted(photo) - 96 * 48) < 200


def test_a_size_on_paper_becomes_pixels_and_a_part_is_seen_before(photo, served):
    photo.click("#tab-upscale")
    photo.wait_for_selector(".part-see figure img[src^=blob]")
    photo.click("text=On paper")
    photo.get_by_label("Longer side").fill("2")
    photo.get_by_label("Longer side").blur()
    photo.get_by_label("Unit").select_option("cm")
    assert "600" in photo.locator(".pick .note").first.inner_text()
    photo.get_by_role("switch", name="Remove noise").click()
    photo.get_by_role("button", name="Apply changes").click()
    photo.wait_for_selector(".version >> nth=1")
    step = served.json("/api/jobs")[-1]["asked"]["steps"][-1]
    assert step == {"task": "upscale", "long_side": 600, "clean": True}
    photo.get_by_role("button", name="Show what was invented").click()
    assert photo.locator(".inventing").count() == 1


def test_styles_are_mixed_and_an_optimization_is_watched_and_kept(photo, served, tiny):
    photo.click("#tab-stylize")
    photo.set_input_files("#panel-body input[type=file]", str(tiny))
    photo.wait_for_selector(".style:has-text('Yours')")
    photo.click(".style:has-text('Waves')")
    photo.get_by_label("Weight of Waves").wait_for()
    photo.click("text=Step by step")
    photo.get_by_role("button", name="Apply changes").click()
    photo.wait_for_selector(".plot path.loss-style")
    photo.get_by_role("button", name="Stop and keep it").click()
    photo.wait_for_selector(".version >> nth=1")
    job = served.json("/api/jobs")[-1]
    assert job["state"] == "done"
    assert job["steps"][-1]["measured"]["steps"] < 300
    assert [name.startswith("styles/") for name in job["asked"]["steps"][-1]["style"]] == [True, True]


def test_a_recipe_is_kept_and_opened_and_the_command_told(photo, tmp_path):
    photo.click("#tab-more")
    photo.wait_for_selector("#command:has-text('daguerre restore old.jpg')")
    (tmp_path / "recipe.toml").write_text('[[step]]\ntask = "upscale"\nscale = 3\n')
    photo.set_input_files("#panel-body input[type=file]", str(tmp_path / "recipe.toml"))
    photo.wait_for_selector("#command:has-text('daguerre upscale old.jpg --scale 3')")
    with photo.expect_download() as download:
        photo.click("text=Save the recipe")
    assert download.value.path().read_text() == '[[step]]\ntask = "upscale"\nscale = 3.0\n'
