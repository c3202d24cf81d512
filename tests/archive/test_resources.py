import os

import pytest

from daguerre.archive import resources
from daguerre.archive.resources import WORKER_MEMORY, accelerators, cores, memory, private_memory, workers_for


@pytest.fixture
def group(tmp_path, monkeypatch):
    """What a container may use."""
    monkeypatch.setattr(resources, "CGROUP", tmp_path)
    return tmp_path


def test_a_container_may_use_fewer_cores(group):
    everything = cores()
    (group / "cpu.max").write_text("100000 100000\n")
    assert cores() == 1 <= everything
    (group / "cpu.max").write_text("max 100000\n")
    assert cores() == everything


def test_a_container_may_use_less_memory(group):
    assert memory() > 10**6
    for name, value in {"memory.max": "1000", "memory.current": "700", "memory.stat": "inactive_file 200"}.items():
        (group / name).write_text(f"{value}\n")
    assert memory() == 500
    (group / "memory.max").write_text("max\n")
    assert memory() > 10**6


def test_a_process_has_memory_for_itself():
    assert private_memory(os.getpid()) > 10**6
    assert private_memory(2**22 + 1) == 0


@pytest.mark.parametrize(
    ("pictures", "wanted", "workers", "count"),
    [(1000, None, 9, 4), (1000, 16, 9, 9), (1000, 2, 9, 2), (1000, None, 0, 1), (3, 8, 9, 3), (5, None, 9, 1)],
)
def test_workers_are_as_many_as_cores_memory_and_pictures_are_for(monkeypatch, pictures, wanted, workers, count):
    monkeypatch.setattr(resources, "cores", lambda: 4)
    assert workers_for(pictures, wanted=wanted, memory=workers * WORKER_MEMORY) == count


@pytest.mark.parametrize(
    ("device", "cards", "count"),
    [("cpu", 4, 0), ("auto", 0, 0), ("auto", 4, 4), ("cuda", 4, 4), ("cuda:2", 4, 1), ("mps", 0, 1)],
)
def test_gpus_are_counted_as_the_device_says(monkeypatch, device, cards, count):
    monkeypatch.setattr("torch.cuda.is_available", lambda: cards > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: cards)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert accelerators(device) == count
