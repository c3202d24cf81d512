"""For everybody: no fault found by axe-core at WCAG 2.2 AA, in light and dark, on a phone and a large screen."""

import pytest
from served import done, drop

RUN = "() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })"
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


def faults(page, axe):
    page.evaluate(axe)
    return [
        (fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in page.evaluate(RUN)["violations"]
    ]


@pytest.mark.parametrize(("scheme", "size"), [("light", {}), ("dark", PHONE)], ids=["desktop", "phone"])
def test_nothing_keeps_anybody_out(fresh, window, served, tiny, axe, scheme, size):
    page = window(color_scheme=scheme, reduced_motion="reduce", **size)
    page.wait_for_selector("#empty:not([hidden])")
    assert faults(page, axe) == []
    drop(page, tiny)
    done(page)
    page.wait_for_selector(".tone-row")
    page.click("summary")
    assert faults(page, axe) == []
    for tab, there in (("upscale", ".part-see"), ("stylize", ".gallery"), ("more", "#command:not(:empty)")):
        page.click(f"#tab-{tab}")
        page.wait_for_selector(there)
        assert faults(page, axe) == [], tab
    page.click("#tab-restore")
    page.click("text=See and correct by hand")
    page.wait_for_selector(".mask-editor[data-ready]")
    assert faults(page, axe) == []
    page.keyboard.press("Escape")
    served.bring(tiny, "another.jpg")
    page.goto(f"{served.url}/#all")
    page.reload()
    page.wait_for_selector(".grid li >> nth=1")
    assert faults(page, axe) == []


@pytest.mark.parametrize("width", [360, 3840])
def test_nothing_is_wider_than_the_screen(fresh, window, tiny, width):
    page = window(viewport={"width": width, "height": 800 if width < 1000 else 2160}, locale="de-DE")
    drop(page, tiny)
    done(page)
    for tab in ("restore", "upscale", "stylize", "more"):
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab


def test_all_can_be_done_by_keys(fresh, window, tiny):
    page = window()
    drop(page, tiny)
    done(page)
    page.locator(".tone-row").wait_for()
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    wanted, reached = {"skip", "primary", "hold", "tab-restore", "task-on"}, []
    while wanted and len(reached) < 120:  # once around, and again what was drawn anew meanwhile
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.className + ' ' + document.activeElement.id"))
        wanted = {name for name in wanted if name not in reached[-1]}
    assert not wanted, reached
    page.locator("#tab-restore").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-upscale"
