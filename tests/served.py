"""A page served for tests, in a process of its own, as `daguerre web` does it."""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLD = ROOT / "examples" / "old.jpg"


DROP = """([data, name]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: 'image/jpeg' }));
    for (const kind of ['dragenter', 'dragover', 'drop'])
        document.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def drop(page, path, name="old.jpg"):
    """Drop a file on a page in the browser."""
    page.wait_for_selector("#empty:not([hidden]), #all:not([hidden]), #photo:not([hidden])")
    page.evaluate(DROP, [base64.b64encode(path.read_bytes()).decode(), name])


def done(page):
    """Wait until the photograph that is shown has a result."""
    page.wait_for_selector(".tools a.primary:not([hidden])")


class Served:
    """A page; `url` is its address, `folder` where it keeps things.

    Args:
        words: further flags.
    """

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        self.folder, self.words, self.variables = folder, words, variables
        self.start()

    def start(self, port: int = 0) -> None:
        threads = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "daguerre", "web", "--quiet", "--port", str(port), "--keep", str(self.folder)]
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [*command, *self.words], env=os.environ | threads | self.variables, stderr=subprocess.PIPE, text=True
        )
        first = self.process.stderr.readline()
        assert "The page is at" in first, first + self.process.stderr.read()
        self.url = first.split()[4]
        self.process.stderr.readline()

    def stop(self, *, kill: bool = False) -> None:
        """End it, politely or not."""
        self.process.kill() if kill else self.process.terminate()
        self.process.wait(20)
        self.process.stderr.close()

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Send a request as a program does; gives the status and the body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def json(self, path: str, method: str = "GET", body: object = None, **headers: str) -> object:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        status, answer = self.ask(path, method, data, **headers)
        assert status < 300, (status, answer)
        return json.loads(answer)

    def bring(self, path: Path, name: str = "") -> dict:
        """Bring a photograph."""
        return self.json(f"/api/photos?name={urllib.parse.quote(name or path.name)}", "POST", path.read_bytes())

    def begin(self, photo: str, *steps: dict, **more: object) -> dict:
        return self.json("/api/jobs", "POST", {"photo": photo, "request": {"steps": steps} | more})

    def wait(self, job: int, *states: str, seconds: float = 60) -> dict:
        """A job, once it is in one of these states, or has ended."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            said = self.json(f"/api/jobs/{job}")
            if said["state"] in (states or ("done", "failed", "cancelled")):
                return said
            time.sleep(0.05)
        raise AssertionError(said)
