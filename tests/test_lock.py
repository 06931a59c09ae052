"""One writer: a second process is refused, a dead one's lock is free."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runnel.errors import DiskError, InputError
from runnel.lock import WriterLock

InChild = Callable[[Callable[[], None]], int]


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    first, second = WriterLock(tmp_path), WriterLock(tmp_path)
    first.acquire()
    with pytest.raises(InputError, match=rf"another process \(pid {os.getpid()}\) is writing in"):
        second.acquire()
    assert not second.held
    first.release()
    first.release()
    assert list(tmp_path.iterdir()) == []
    second.acquire()
    assert second.held
    second.release()


def test_another_process_is_refused_and_told_the_number(tmp_path: Path, in_child: InChild) -> None:
    parent = os.getpid()
    lock = WriterLock(tmp_path)
    lock.acquire()

    def second() -> None:
        with pytest.raises(InputError, match=rf"pid {parent}\)") as caught:
            WriterLock(tmp_path).acquire()
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)

    assert in_child(second) == 0
    lock.release()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, in_child: InChild) -> None:
    def die() -> None:
        WriterLock(tmp_path).acquire()
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(die) == -signal.SIGKILL
    assert (tmp_path / ".lock").exists()
    lock = WriterLock(tmp_path)
    lock.acquire()
    assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()
    lock.release()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to know processes")
def test_a_lock_that_only_children_of_a_dead_process_hold_is_taken_over(
    tmp_path: Path, in_child: InChild
) -> None:
    ready, heir = os.pipe()

    def die_and_leave_a_child() -> None:
        WriterLock(tmp_path).acquire()
        if (child := os.fork()) == 0:
            time.sleep(60)
            os._exit(0)
        os.write(heir, str(child).encode())
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(die_and_leave_a_child) == -signal.SIGKILL
    child = int(os.read(ready, 20))
    try:
        lock = WriterLock(tmp_path)
        lock.acquire()
        with pytest.raises(InputError, match=rf"pid {os.getpid()}\)"):
            WriterLock(tmp_path).acquire()
        lock.release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(ready)
        os.close(heir)


@pytest.mark.parametrize(
    "change",
    [{"machine": "another start of the machine"}, {"machine": ""}, {"pid": "x"}, None],
    ids=str,
)
def test_a_held_lock_whose_holder_cannot_be_judged_is_respected(
    tmp_path: Path, change: dict[str, object] | None
) -> None:
    lock = WriterLock(tmp_path)
    lock.acquire()
    path = tmp_path / ".lock"
    holder = json.loads(path.read_text()) | {"process_start": 1}
    path.write_text("{" if change is None else json.dumps(holder | change))
    with pytest.raises(InputError, match="another process"):
        WriterLock(tmp_path).acquire()
    lock.release()


def test_of_many_that_want_the_lock_one_at_a_time_has_it(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    children = []
    for _ in range(4):
        if (child := os.fork()) == 0:
            status = 1
            try:
                done = 0
                while done < 10:
                    lock = WriterLock(tmp_path)
                    try:
                        lock.acquire()
                    except InputError:
                        time.sleep(0.001)
                        continue
                    value = int(counter.read_text())
                    time.sleep(0.001)
                    counter.write_text(str(value + 1))
                    lock.release()
                    done += 1
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    assert counter.read_text() == "40"
    assert not (tmp_path / ".lock").exists()


def test_a_directory_that_is_not_there_is_a_disk_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=r"write \.lock; got: No such file"):
        WriterLock(tmp_path / "missing").acquire()


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("canary")
    (tmp_path / ".lock").symlink_to(tmp_path / "canary")
    with pytest.raises(InputError, match=r"\.lock to be a file; got a link"):
        WriterLock(tmp_path).acquire()
    assert (tmp_path / "canary").read_text() == "canary"


def test_a_lock_that_is_a_directory_is_the_users_fault(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(InputError, match=r"\.lock to be a file; got a directory"):
        WriterLock(tmp_path).acquire()
