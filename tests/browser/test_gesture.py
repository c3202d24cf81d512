"""One gesture: a photograph is dropped, and is restored, seen, and downloaded."""

import base64

from served import DROP, OLD, Served, done, drop

from daguerre.cli.main import main

PASTE = """([data, name]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: 'image/jpeg' }));
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer }));
}"""


def test_a_photograph_that_is_dropped_becomes_the_command_lines_bytes(photo, tiny, tmp_path):
    with photo.expect_download() as download:
        photo.click(".tools a.primary")
    assert download.value.suggested_filename.startswith("old-restored")
    (tmp_path / "old.jpg").write_bytes(tiny.read_bytes())
    assert main(["restore", str(tmp_path / "old.jpg")]) == 0
    assert download.value.path().read_bytes() == (tmp_path / "old-restored.jpg").read_bytes()


def test_a_photograph_is_pasted(fresh, window, tiny):
    page = window()
    page.wait_for_selector("#empty:not([hidden])")
    page.evaluate(PASTE, [base64.b64encode(tiny.read_bytes()).decode(), "pasted.jpg"])
    done(page)
    assert page.locator("#photo-title").inner_text() == "pasted.jpg"


def test_the_line_is_moved_by_mouse_and_keys_and_both_pictures_zoom_together(photo):
    box = photo.locator(".port").bounding_box()

    def at():
        return float(photo.locator(".port input").input_value())

    photo.mouse.move(box["x"] + box["width"] / 2, box["y"] + 300)
    photo.mouse.down()
    photo.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 300, steps=4)
    photo.mouse.up()
    assert at() > 60
    before = at()
    for _ in range(5):
        photo.keyboard.press("ArrowLeft")
    assert at() == before - 5
    scale = photo.locator(".sheet").evaluate("sheet => sheet.getBoundingClientRect().width")
    photo.keyboard.press("+")
    assert photo.locator(".sheet").evaluate("sheet => sheet.getBoundingClientRect().width") > 1.3 * scale
    photo.keyboard.press("0")
    hold = photo.locator(".hold")
    hold.focus()
    photo.keyboard.down(" ")
    assert photo.locator(".line.away").count() == 1
    photo.keyboard.up(" ")
    assert photo.locator(".line.away").count() == 0


def test_who_looks_closely_gets_the_pixels(fresh, window, tmp_path):
    from daguerre.images import Picture
    from daguerre.images.resize import resized

    resized(Picture.open(OLD), 1600, 1600).saved_with(bits=8).save(tmp_path / "large.jpg")
    page = window()
    page.set_input_files("#files", str(tmp_path / "large.jpg"))
    page.wait_for_selector(".layer[src*=preview]")
    page.get_by_role("button", name="Cancel").click()
    for _ in range(4):
        page.get_by_role("button", name="Zoom in").click()
    page.wait_for_selector(".layer[src*=large]")


def test_a_tap_undoes_what_was_done_and_results_can_be_compared(photo, served):
    photo.get_by_role("switch", name="Blur").focus()
    photo.keyboard.press(" ")
    photo.wait_for_selector(".version >> nth=1")
    jobs = served.json("/api/jobs")
    assert jobs[-1]["asked"] == {"steps": [{"task": "restore", "blur": "off"}]}
    assert photo.evaluate("document.activeElement.labels[0].textContent") == "Blur"  # though the panel is new
    photo.locator(".against select").select_option(index=1)
    photo.wait_for_selector(f".layer[src*='/api/jobs/{jobs[0]['id']}/preview.jpg']")
    photo.click(".version >> nth=0")
    assert photo.get_by_role("switch", name="Blur").is_checked()
    photo.click("text=Strong")
    photo.wait_for_selector(".version >> nth=2")
    assert served.json("/api/jobs")[-1]["asked"]["steps"][0]["fix_fading"] == "strong"


def test_a_job_is_cancelled_at_once_and_survives_a_reload(fresh, window, served):
    page = window()
    drop(page, OLD, "slow.jpg")
    page.wait_for_selector(".working:not([hidden])")
    page.reload()
    page.wait_for_selector(".working:not([hidden])")
    assert served.json("/api/jobs")[-1]["state"] in ("running", "waiting")
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector(".working", state="hidden", timeout=10000)
    assert served.json("/api/jobs")[-1]["state"] == "cancelled"
    page.get_by_role("button", name="Apply changes").click()
    page.wait_for_selector(".working:not([hidden])")
    page.get_by_role("button", name="Cancel").click()


def test_a_restart_of_the_server_in_the_middle_loses_nothing(browser, tmp_path):
    page = Served(tmp_path / "kept")
    context = browser.new_context(locale="en-US")
    window = context.new_page()
    try:
        port = int(page.url.rpartition(":")[2])
        window.goto(page.url)
        drop(window, OLD)
        window.wait_for_selector(".working progress[value]", timeout=40000)
        page.stop(kill=True)
        window.wait_for_selector(".message:has-text('does not answer')", timeout=20000)
        page.start(port)
        window.wait_for_selector(".message", state="detached", timeout=20000)
        window.wait_for_selector(".working:not([hidden])", timeout=20000)
        window.get_by_role("button", name="Cancel").click()
        window.wait_for_selector(".working", state="hidden", timeout=15000)
    finally:
        context.close()
        page.stop()


def test_two_windows_do_not_mix(fresh, window, tiny, served):
    one, two = window(), window()
    drop(one, tiny, "one.jpg")
    one.wait_for_selector("h1:has-text('one.jpg')")
    drop(two, tiny, "two.jpg")
    two.wait_for_selector("h1:has-text('two.jpg')")
    done(one)
    done(two)
    assert one.locator("#photo-title").inner_text() == "one.jpg"
    one.wait_for_selector("#to-all:not([hidden])")
    one.click("#to-all")
    one.wait_for_selector(".grid li >> nth=1")
    assert two.locator("#photo-title").inner_text() == "two.jpg"


def test_what_cannot_be_used_is_told_and_hostile_names_are_only_names(fresh, window, tiny, tmp_path):
    page = window()
    (tmp_path / "broken.jpg").write_bytes(OLD.read_bytes()[:9000])
    page.set_input_files("#files", str(tmp_path / "broken.jpg"))
    page.wait_for_selector(".message:has-text('broken.jpg')")
    page.get_by_role("button", name="Close").click()
    page.evaluate(DROP, [base64.b64encode(b"x" * 2_500_000).decode(), "large.jpg"])
    page.wait_for_selector(".message:has-text('large.jpg has 3 megabytes; this page takes up to 2')")
    drop(page, tiny, '<img src=x onerror="window.broken=1">.jpg')
    page.wait_for_selector("h1:has-text('onerror')")
    assert page.evaluate("window.broken") is None
    done(page)


def test_many_come_at_once_and_are_filtered(fresh, window, tiny, tmp_path, served):
    files = [tmp_path / f"{number}.jpg" for number in range(4)]
    for file in files:
        file.write_bytes(tiny.read_bytes())
    page = window()
    page.set_input_files("#files", [str(file) for file in files])
    page.wait_for_selector(".chip:has-text('Done 4')")
    page.click(".chip:has-text('Failed')")
    page.wait_for_selector(".grid li", state="detached")
    page.click(".chip:has-text('Done')")
    assert page.locator(".grid li").count() == 4
    with page.expect_download() as download:
        page.click("text=Download all")
    assert download.value.path().read_bytes()[:2] == b"PK"


def test_the_page_is_small_soon_there_and_says_the_same_in_german(fresh, window, served):
    page = window(locale="de-DE")
    page.wait_for_selector("#empty:not([hidden])")
    assert "Legen Sie" in page.locator("h1").first.inner_text()
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".filter((e) => !e.name.includes('/api/')).map((e) => e.decodedBodySize)"
    )
    assert 20_000 < sum(sizes) < 150_000
    assert page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd") < 3000
