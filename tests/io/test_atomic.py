"""Files appear whole or not at all, and only real files are opened."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time

import pytest

from skmnist.io._atomic import open_regular, write_atomically


def test_bytes_are_written(tmp_path):
    path = tmp_path / "file.bin"
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_a_function_may_write_to_the_stream(tmp_path):
    path = tmp_path / "file.bin"
    write_atomically(str(path), lambda stream: stream.writelines([b"con", b"tent"]))
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_exception_in_the_middle_leaves_the_former_file_and_nothing_else(
    tmp_path, interruption
):
    path = tmp_path / "file.bin"
    path.write_bytes(b"former")

    def write_half(stream):
        stream.write(b"half")
        stream.flush()
        raise interruption("in the middle")

    with pytest.raises(interruption, match="in the middle"):
        write_atomically(path, write_half)
    assert path.read_bytes() == b"former"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_an_exception_while_the_name_is_taken_leaves_the_former_file(
    tmp_path, monkeypatch
):
    path = tmp_path / "file.bin"
    path.write_bytes(b"former")

    def interrupted(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"former"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_the_former_content_is_seen_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"former")
    seen = []

    def write(stream):
        stream.write(b"new")
        stream.flush()
        seen.append(path.read_bytes())

    write_atomically(path, write)
    assert seen == [b"former"]
    assert path.read_bytes() == b"new"


def test_content_reaches_the_disk_before_the_name_and_the_name_after(
    tmp_path, monkeypatch
):
    order = []
    fsync, replace = os.fsync, os.replace

    def logged_fsync(descriptor):
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        order.append("sync folder" if folder else "sync content")
        fsync(descriptor)

    def logged_replace(source, target):
        order.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "replace", logged_replace)
    write_atomically(tmp_path / "file.bin", b"content")
    expected = ["sync content", "replace", "sync folder"]
    assert order == (expected if os.name == "posix" else expected[:2])


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_that_the_umask_sets(tmp_path, umask):
    former = os.umask(umask)
    try:
        write_atomically(tmp_path / "written", b"content")
        (tmp_path / "plain").write_bytes(b"content")
    finally:
        os.umask(former)
    written, plain = (os.stat(tmp_path / name) for name in ("written", "plain"))
    assert stat.S_IMODE(written.st_mode) == stat.S_IMODE(plain.st_mode)


def test_a_symbolic_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    path, link = tmp_path / "there" / "file.bin", tmp_path / "link"
    path.write_bytes(b"former")
    link.symlink_to(path)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path / "there") == ["file.bin"]


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "missing" / "file.bin"
    with pytest.raises(FileNotFoundError) as error:
        write_atomically(path, b"content")
    assert error.value.filename == str(path)
    assert ".skmnist-" not in str(error.value)

    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(IsADirectoryError) as error:
        write_atomically(folder, b"content")
    assert error.value.filename == str(folder)
    assert ".skmnist-" not in str(error.value)
    assert os.listdir(tmp_path) == ["folder"]


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path):
    path = tmp_path / "file.bin"

    def write(stream):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as error:
        write_atomically(path, write)
    assert error.value.filename == str(path)
    assert os.listdir(tmp_path) == []


def test_a_process_killed_while_it_writes_leaves_one_whole_version(tmp_path):
    path = tmp_path / "file.bin"
    write_atomically(path, b"0" * 1_000_000)
    program = textwrap.dedent(
        """
        import sys
        from skmnist.io._atomic import write_atomically
        while True:
            for digit in b"123456789":
                write_atomically(sys.argv[1], bytes([digit]) * 1_000_000)
        """
    )
    seen = set()
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", program, str(path)])
        before = os.stat(path).st_mtime_ns
        while os.stat(path).st_mtime_ns == before and process.poll() is None:
            time.sleep(0.005)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        content = path.read_bytes()
        assert len(content) == 1_000_000
        assert len(set(content)) == 1
        seen.add(content[:1])
    assert b"0" not in seen
    left = [name for name in os.listdir(tmp_path) if name != "file.bin"]
    assert all(name.startswith(".skmnist-") for name in left)


def test_a_regular_file_is_opened_with_its_size_also_through_a_link(tmp_path):
    path, link = tmp_path / "file.bin", tmp_path / "link"
    path.write_bytes(b"content")
    link.symlink_to(path)
    for name in (path, str(path), link):
        with open_regular(name) as (stream, size):
            assert size == 7
            assert stream.read() == b"content"


def test_a_missing_file_is_told_as_missing(tmp_path):
    path = tmp_path / "missing"
    with pytest.raises(FileNotFoundError, match="missing"), open_regular(path):
        pass


def test_folders_pipes_and_devices_are_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, kind in (
        (tmp_path, "a folder"),
        (pipe, "a pipe or a device"),
        ("/dev/zero", "a pipe or a device"),
    ):
        with pytest.raises(ValueError, match=f"is no file but {kind}"):
            with open_regular(path):
                pass


def test_a_file_exchanged_for_a_pipe_while_it_is_opened_is_refused(
    tmp_path, monkeypatch
):
    path, pipe = tmp_path / "file.bin", tmp_path / "pipe"
    path.write_bytes(b"content")
    os.mkfifo(pipe)
    found = os.stat(path)
    monkeypatch.setattr(os, "stat", lambda name: found)
    with pytest.raises(ValueError, match="is no file but a pipe or a device"):
        with open_regular(pipe):
            pass


def test_a_number_is_no_path(tmp_path):
    with pytest.raises(TypeError), open_regular(0):
        pass
    with pytest.raises(TypeError):
        write_atomically(1, b"content")
