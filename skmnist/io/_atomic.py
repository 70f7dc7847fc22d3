"""Atomic writing of files, and opening of regular files only."""

import contextlib
import os
import secrets
import shutil
import stat


def write_atomically(path, data, check=None):
    """Write bytes to a file that appears whole or not at all.

    They go into a temporary file in the same folder, reach the disk, and then take the
    name in one step. An exception, a killed process or a power cut before that step
    leaves the former file as it was; a killed process leaves its temporary file behind,
    whose name starts with ``.skmnist-``. A symbolic link stays, and the file that it
    names is replaced. The permissions of a former file stay. `data` may be a function
    that writes to a binary stream. `check` is called with the path of the temporary
    file; if it raises, the former file stays.
    """
    path = os.path.realpath(os.fsdecode(path))
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, f".skmnist-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            if callable(data):
                data(stream)
            else:
                stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if check is not None:
            check(temporary)
        # There may be none, or a file system without permissions.
        with contextlib.suppress(OSError):
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        # The caller does not know the temporary file.
        if isinstance(error, OSError) and error.filename in (None, temporary):
            raise OSError(error.errno, error.strerror, path) from error
        raise
    # So that the name survives a power cut; some network file systems refuse it.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def open_regular(path):
    """Open a regular file for reading, and yield it with its size in bytes.

    Raises a ValueError for anything else, without opening it: a pipe may wait for a
    writer for ever, and opening a device may have effects.
    """
    path = os.fsdecode(path)
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise ValueError(f"it is not a file but {kind}")
    with open(path, "rb") as stream:
        yield stream, found.st_size
