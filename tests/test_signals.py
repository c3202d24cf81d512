import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from daguerre.signals import (
    END,
    INTERRUPT,
    Ended,
    Undisturbed,
    check_ended,
    ending,
    ending_at_once,
    interruptible,
    stop_listening,
)

AT_ONCE = """
import signal, sys
from daguerre.signals import ending, ending_at_once
with ending():
    try:
        with ending_at_once(lambda number: print("told", number, flush=True)):
            signal.raise_signal(int(sys.argv[1]))
    finally:
        print("no exception is to be met by anybody", flush=True)
"""


def test_the_first_ctrl_c_asks_and_the_second_stops():
    before, said = signal.getsignal(signal.SIGINT), []
    with interruptible(told=lambda: said.append("asked")) as asked:
        assert not asked.is_set()
        signal.raise_signal(signal.SIGINT)
        assert asked.is_set()
        assert said == ["asked"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [*INTERRUPT, *END])
def test_any_signal_can_ask(number):
    before = signal.getsignal(number)
    with interruptible(*INTERRUPT, *END) as asked:
        signal.raise_signal(number)
        assert asked.is_set()
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", END)
def test_a_signal_to_end_is_raised_and_known(number):
    with pytest.raises(Ended) as caught, ending():
        signal.raise_signal(number)
    assert caught.value.signal == number
    assert isinstance(caught.value, KeyboardInterrupt)
    assert signal.getsignal(number) is signal.SIG_DFL


def test_what_is_ignored_stays_ignored(monkeypatch):
    """As `nohup` has it, and shells for what runs in the background."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (*INTERRUPT, *END)}
    with ending(), interruptible(*INTERRUPT, *END) as asked:
        for number in before:
            signal.raise_signal(number)
        assert not asked.is_set()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_outside_the_main_thread_the_work_goes_on_and_is_asked_by_the_caller():
    ended = []

    def work():
        with ending(), interruptible() as asked:
            asked.set()
            ended.append(asked.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]


def test_a_signal_reaches_work_that_waits():
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    began = time.monotonic()
    with pytest.raises(Ended), ending():
        time.sleep(30)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("number", [*INTERRUPT, *END])
def test_a_signal_is_not_lost_where_no_exception_can_be_raised(number):
    class Last:
        def __del__(self):
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt), ending():  # noqa: PT012 - the signal is raised again by and by
        last = Last()
        del last
        for _ in range(3000):
            time.sleep(0.01)


def test_other_exceptions_that_are_lost_are_told_as_ever(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: told.append(lost.exc_type))

    class Last:
        def __del__(self):
            raise ValueError

    with ending():
        last = Last()
        del last
    assert told == [ValueError]


def test_whoever_no_longer_listens_is_not_disturbed():
    before = {number: signal.getsignal(number) for number in (*INTERRUPT, *END)}
    stop_listening()
    for number in before:
        signal.raise_signal(number)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_an_end_that_became_another_exception_is_still_known():
    with ending():
        check_ended()
        with pytest.raises(Ended):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Ended):
            check_ended()
    with ending():
        check_ended()


@pytest.mark.parametrize("number", [*INTERRUPT, *END])
def test_signals_wait_and_are_heard_afterwards(number):
    signals, done = Undisturbed(), []
    with pytest.raises(Ended) as caught, ending():  # noqa: PT012 - what comes before must not raise
        signals.begin()
        signals.begin()
        signal.raise_signal(number)
        done.append("made")
        signals.end()
        done.append("never")
    assert caught.value.signal == number
    assert done == ["made"]


def test_a_system_s_own_way_is_not_put_off():
    signals = Undisturbed()
    signals.begin()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signals.end()


@pytest.mark.parametrize("number", [*INTERRUPT, *END])
def test_while_nothing_is_half_made_the_process_ends_at_once(number):
    ran = subprocess.run([sys.executable, "-c", AT_ONCE, str(int(number))], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (128 + number, f"told {int(number)}\n", "")


def test_afterwards_signals_are_heard_as_before():
    with ending():
        handler = signal.getsignal(signal.SIGTERM)
        with ending_at_once(lambda _: None):
            assert signal.getsignal(signal.SIGTERM) is not handler
        assert signal.getsignal(signal.SIGTERM) is handler
