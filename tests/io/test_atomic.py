"""Atomic writing, and opening of regular files only."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time

import pytest

from skmnist.io._atomic import open_regular, write_atomically


def test_write_atomically_bytes(tmp_path):
    path = tmp_path / "file.bin"
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_write_atomically_function(tmp_path):
    path = tmp_path / "file.bin"
    write_atomically(str(path), lambda stream: stream.writelines([b"con", b"tent"]))
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, SystemExit])
def test_write_atomically_exception(tmp_path, interruption):
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


def test_write_atomically_check(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"former")
    seen = []

    def check(temporary):
        with open(temporary, "rb") as stream:
            seen.append(stream.read())
        if seen != [b"good"]:
            raise ValueError("not good")

    write_atomically(path, b"good", check=check)
    with pytest.raises(ValueError, match="not good"):
        write_atomically(path, b"bad", check=check)
    assert seen == [b"good", b"bad"]
    assert path.read_bytes() == b"good"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_write_atomically_former_content_visible(tmp_path):
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


def test_write_atomically_sync_order(tmp_path, monkeypatch):
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
    assert order == expected


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_write_atomically_umask(tmp_path, umask):
    former = os.umask(umask)
    try:
        write_atomically(tmp_path / "written", b"content")
        (tmp_path / "plain").write_bytes(b"content")
    finally:
        os.umask(former)
    written, plain = (os.stat(tmp_path / name) for name in ("written", "plain"))
    assert stat.S_IMODE(written.st_mode) == stat.S_IMODE(plain.st_mode)


def test_write_atomically_keeps_permissions(tmp_path):
    path = tmp_path / "private"
    path.write_bytes(b"former")
    path.chmod(0o600)
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_write_atomically_symbolic_link(tmp_path):
    (tmp_path / "there").mkdir()
    path, link = tmp_path / "there" / "file.bin", tmp_path / "link"
    path.write_bytes(b"former")
    link.symlink_to(path)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path / "there") == ["file.bin"]


def test_write_atomically_error_names_file(tmp_path):
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


def test_write_atomically_full_disk(tmp_path):
    path = tmp_path / "file.bin"

    def write(stream):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as error:
        write_atomically(path, write)
    assert error.value.filename == str(path)
    assert os.listdir(tmp_path) == []


def test_write_atomically_killed_process(tmp_path):
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


def test_open_regular_size(tmp_path):
    path, link = tmp_path / "file.bin", tmp_path / "link"
    path.write_bytes(b"content")
    link.symlink_to(path)
    for name in (path, str(path), link):
        with open_regular(name) as (stream, size):
            assert size == 7
            assert stream.read() == b"content"


def test_open_regular_missing_file(tmp_path):
    path = tmp_path / "missing"
    with pytest.raises(FileNotFoundError, match="missing"), open_regular(path):
        pass


def test_open_regular_folder_pipe_device(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, kind in (
        (tmp_path, "a folder"),
        (pipe, "a pipe or a device"),
        ("/dev/zero", "a pipe or a device"),
    ):
        with pytest.raises(ValueError, match=f"is not a file but {kind}"):
            with open_regular(path):
                pass
