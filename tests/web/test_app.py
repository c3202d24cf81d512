"""The interface for programs, over HTTP, as it is served."""

import io
import json
import re
import subprocess
import urllib.request
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from served import OLD

from daguerre.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def photo(served, tiny):
    return served.bring(tiny)["id"]


@pytest.fixture
def expected(tiny, tmp_path):
    """What the command line makes of the tiny photograph."""
    assert main(["restore", str(tiny), "-o", str(tmp_path / "expected.jpg")]) == 0
    return (tmp_path / "expected.jpg").read_bytes()


def test_a_job_makes_the_command_lines_bytes(served, photo, expected):
    job = served.begin(photo, {"task": "restore"})
    said = served.wait(job["id"])
    assert said["state"] == "done", said
    assert said["command"] == "daguerre restore tiny.jpg"
    assert served.ask(f"/api/jobs/{job['id']}/result")[1] == expected
    assert (served.folder / said["name"]).read_bytes() == expected
    _, data = served.ask(f"/api/results.zip?jobs={job['id']}")
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        assert [packed.read(name) for name in packed.namelist()] == [expected]
    assert served.json("/api/photos")


def test_one_request_is_enough_with_curl(served, tiny, expected, tmp_path):
    made = tmp_path / "made.jpg"
    command = ["curl", "-sf", "-F", f"photo=@{tiny}", f"{served.url}/api/restore", "-o", str(made)]
    subprocess.run(command, check=True, timeout=60)
    assert made.read_bytes() == expected


def test_options_of_a_form_have_types_and_errors_a_line(served, tiny, tmp_path):
    def curl(task, *fields):
        form = [word for field in (f"photo=@{tiny}", *fields) for word in ("-F", field)]
        done = subprocess.run(["curl", "-s", *form, f"{served.url}/api/{task}"], capture_output=True, check=True)
        return done.stdout

    assert b"strength is 2" in curl("restore", "strength=2")
    assert b"strength is 'much'" in curl("restore", "strength=much")
    assert b"unknown key" in curl("restore", "strenght=1")
    assert b"no step is called 'train'" in curl("train")
    assert b"there is no file" in curl("upscale", "model=/etc/passwd.pth")
    assert curl("upscale", "scale=2", "clean=true")[:2] == b"\xff\xd8"
    assert curl("stylize", f"style=@{tiny}", f"style=@{OLD}", "share=2", "share=1")[:2] == b"\xff\xd8"


EXAMPLES = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs" / "web.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_the_documented_examples_run_as_printed(served, tiny, tmp_path):
    examples = [(kind, code) for kind, code in EXAMPLES if "/api" in code]
    assert [kind for kind, _ in examples] == ["sh", "sh", "python"]
    (tmp_path / "old.jpg").write_bytes(tiny.read_bytes())
    assert main(["restore", str(tmp_path / "old.jpg")]) == 0
    for kind, code in examples:
        code = code.replace("http://127.0.0.1:7860", served.url)
        command = ["bash", "-e", "-c", code] if kind == "sh" else ["python3", "-c", code]
        (tmp_path / "new.jpg").unlink(missing_ok=True)
        subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
        assert (tmp_path / "new.jpg").read_bytes() == (tmp_path / "old-restored.jpg").read_bytes()


def test_what_cannot_be_used_is_told_in_a_line_and_leaves_nothing(served):
    before = served.json("/api/photos")
    places = set((served.folder / ".daguerre" / "web" / "photos").iterdir())

    def refused(data, name="a.jpg"):
        status, answer = served.ask(f"/api/photos?name={name}", "POST", data)
        return status, json.loads(answer)["error"]

    status, line = refused(OLD.read_bytes()[:3000])
    assert (status, line.count("\n")) == (422, 0)
    assert line.startswith("a.jpg")
    assert "web page" in refused(b"<!doctype html><html>" + b" " * 100)[1]
    assert "empty" in refused(b"")[1]
    assert refused(b"x" * 2_100_000)[0] == 413
    assert served.json("/api/photos") == before
    assert set((served.folder / ".daguerre" / "web" / "photos").iterdir()) == places


def test_a_file_is_judged_by_its_beginning_before_it_is_sent(served):
    status, answer = served.ask("/api/photos/check?bytes=3000000000", "POST", b"x")
    assert (status, b"3,000 megabytes; this page takes up to 2" in answer) == (413, True)
    import numpy as np

    from daguerre.images import Picture

    large = Picture.from_array(np.zeros((2400, 2400), np.uint8)).to_bytes("png")
    status, answer = served.ask("/api/photos/check?bytes=100", "POST", large[:1000])
    assert (status, b"2400 x 2400 pixels" in answer) == (422, True)
    assert served.ask("/api/photos/check?bytes=100", "POST", OLD.read_bytes()[:100000])[0] == 200


def test_a_hostile_name_stays_a_name(served, tiny):
    said = served.bring(tiny, '../../<img src=x onerror="alert(1)">.jpg')
    assert said["name"] == "img src=x onerror=alert(1).jpg"
    job = served.wait(served.begin(said["id"], {"task": "upscale", "scale": 1.5})["id"])
    assert job["state"] == "done"
    assert (served.folder / job["name"]).parent == served.folder


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/api/photos/..%2f..%2ftoken/original",
        "/api/styles/..%2ftoken", "/api/masks/..%2f..%2ftoken", "/api/jobs/1/..%2f..%2ftoken",
        "/api/photos/0000000000000000/info.json", "/.daguerre/web/token", "/api/styles/%2fetc%2fpasswd",
    ],
)  # fmt: skip
def test_no_path_outside_can_be_read(served, path):
    status, answer = served.ask(path)
    assert status in (404, 405, 422)
    assert served.folder.joinpath(".daguerre/web/token").read_bytes() not in answer


def test_the_guard_stands_before_everything(served, photo):
    assert served.ask("/", Host="evil.example")[0] == 421
    assert served.ask("/api/jobs", Sec_Fetch_Site="cross-site")[0] == 403
    assert served.ask("/api/jobs", "POST", b"{}", Origin="https://evil.example")[0] == 403
    assert served.ask(f"/api/photos/{photo}", "DELETE", Origin=served.url)[0] == 403
    token = served.folder.joinpath(".daguerre/web/token").read_text()
    assert served.ask(f"/api/photos/{photo}", "DELETE", Origin=served.url, X_Token=token)[0] == 200


def test_every_answer_has_the_headers_that_protect_it(served):
    for path in ("/", "/api/jobs", "/static/page.css", "/nothing"):
        request = urllib.request.Request(served.url + path)
        try:
            headers = urllib.request.urlopen(request).headers
        except urllib.error.HTTPError as error:
            headers = error.headers
            error.close()
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "server" not in headers


def test_the_description_and_the_options_are_served(served):
    assert served.json("/api")["openapi"].startswith("3.1")
    assert served.json("/api/options")["restore"]["properties"]["strength"]["type"] == "number"


def test_the_page_speaks_the_browsers_language_and_is_small(served):
    _, german = served.ask("/", Accept_Language="de-AT")
    assert "Legen Sie" in german.decode()
    assert 'lang="de"' in german.decode()
    _, page = served.ask("/?lang=es", Accept_Language="de")
    assert "Suelte aquí" in page.decode()
    assert len(page) < 60_000


def test_a_style_of_the_gallery_is_drawn_when_it_is_wanted(served):
    assert served.json("/api/styles")["gallery"][0] == "oil"
    assert served.ask("/api/styles/waves.png")[1].startswith(b"\x89PNG")
    assert served.ask("/api/styles/nothing.png")[0] == 404
    assert b"a style is a picture" in served.ask("/api/styles?name=a.exe", "POST", b"x")[1]


def test_what_a_request_would_do_is_told(served, photo):
    request = {"steps": [{"task": "upscale", "scale": 2}]}
    said = served.json("/api/describe", "POST", {"photo": photo, "request": request})
    assert said["size"] == [192, 192]
    assert said["command"] == "daguerre upscale tiny.jpg --scale 2"
    huge = {"steps": [{"task": "upscale", "scale": 64}]}
    status, answer = served.ask("/api/describe", "POST", json.dumps({"photo": photo, "request": huge}).encode())
    assert (status, b"too many" in answer) == (422, True)


def test_a_picture_to_look_at_closely_is_made_when_it_is_wanted(served, photo):
    job = served.wait(served.begin(photo, {"task": "upscale", "scale": 2})["id"])
    for path in (f"/api/photos/{photo}/large.jpg", f"/api/jobs/{job['id']}/large.jpg"):
        assert served.ask(path)[1][:2] == b"\xff\xd8"
    assert served.ask("/api/jobs/99999/large.jpg")[0] == 422
