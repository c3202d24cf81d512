"""A real browser: Debian's Chromium, driven by Playwright."""

import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from served import done, drop

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[test]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
WAIT = 30_000  # milliseconds; a busy machine is no bug


@pytest.fixture(scope="module")  # longer, and no other test could have an event loop of its own
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this computer: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        running.close()


@pytest.fixture
def window(browser, served):
    """Opens windows on the page; whatever one asks for, or complains of, is looked at in the end."""
    contexts, asked, wrong = [], [], []

    def window(path="/", **how):
        context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1280, "height": 800}} | how)
        contexts.append(context)
        context.set_default_timeout(WAIT)
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
        page.goto(served.url + path)
        return page

    yield window
    for context in contexts:
        context.close()
    assert wrong == []
    assert {urlsplit(url).netloc for url in asked if not url.startswith(("blob:", "data:"))} == {
        urlsplit(served.url).netloc
    }


@pytest.fixture
def fresh(served):
    """No photographs from the tests before."""
    for photo in served.json("/api/photos"):
        served.ask(f"/api/photos/{photo['id']}", "DELETE")


@pytest.fixture(scope="session")
def axe():
    """Source of axe-core, which finds what keeps people out."""
    path = Path(os.environ.get("DAGUERRE_AXE", "/nowhere"))
    if not path.is_file():
        pytest.skip("axe-core is not here: npm pack axe-core, and name its axe.min.js in DAGUERRE_AXE")
    return path.read_text(encoding="utf-8")


@pytest.fixture
def photo(fresh, window, tiny):
    """A page with a photograph that is restored."""
    page = window()
    drop(page, tiny)
    done(page)
    return page
