import subprocess
import sys


def test_the_help_says_how_to_begin(run):
    done = run("web", "--help")
    assert done.status == 0
    assert "--keep FOLDER" in done.out
    assert "sends nothing" in " ".join(done.out.split())


def test_others_are_not_let_in_without_a_password(run, monkeypatch):
    monkeypatch.delenv("DAGUERRE_PASSWORD", raising=False)
    done = run("web", "--host", "0.0.0.0")
    assert done.status != 0
    assert "DAGUERRE_PASSWORD" in " ".join(done.err.split())


def test_a_missing_extra_is_told_in_one_line(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "daguerre.web.serving", raising=False)
    done = run("web", "--quiet")
    assert done.status == 1
    assert "daguerre[web]" in done.err


def test_nothing_heavy_is_imported_before_the_page_is_up():
    code = (
        "import sys, daguerre.web.serving; print([m for m in ('torch', 'numpy', 'pyvips', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
