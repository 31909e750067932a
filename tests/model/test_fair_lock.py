"""Jobs that share a model take turns."""

from __future__ import annotations

import threading

import torch

from kikitori.model.fair_lock import FairLock, device_lock
from kikitori.model.recognizer import load_recognizer
from kikitori.tasks import TINY
from tests.support.server import until


def test_a_thread_that_asks_again_waits_behind_those_who_asked_before():
    lock, order = FairLock(), []

    def wait(name: str) -> None:
        with lock:
            order.append(name)

    threads = []
    with lock:
        for number, name in enumerate(("first", "second"), start=1):
            threads.append(threading.Thread(target=wait, args=(name,)))
            threads[-1].start()
            until(lambda number=number: len(lock._waiting) == number)
    with lock:
        order.append("again")
    for thread in threads:
        thread.join()
    assert order == ["first", "second", "again"]
    assert not lock.locked()


def test_only_one_thread_holds_it():
    lock, holders, most = FairLock(), [], []

    def work() -> None:
        for _ in range(200):
            with lock:
                holders.append(1)
                most.append(len(holders))
                holders.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 800 and max(most) == 1 and not lock.locked()


def test_all_models_of_a_device_share_its_lock():
    shared = device_lock(torch.device("cpu"))
    assert load_recognizer(str(TINY.folder)).lock is shared
    assert device_lock(torch.device("cuda:0")) is not shared


def test_a_thread_whose_turn_has_become_needless_goes_on_without_the_lock():
    lock, is_needless, went_on = FairLock(), threading.Event(), threading.Event()

    def wait() -> None:
        with lock.unless(is_needless.is_set):
            went_on.set()

    thread = threading.Thread(target=wait)
    with lock:
        thread.start()
        until(lambda: len(lock._waiting) == 1)
        lock.let_go()
        assert len(lock._waiting) == 1
        is_needless.set()
        lock.let_go()
        assert went_on.wait(60)
        thread.join()
        assert lock.locked() and not lock._waiting
    assert not lock.locked()
