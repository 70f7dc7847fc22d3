"""Files that appear whole or not at all, and files that are opened with care."""

import contextlib
import os
import secrets
import stat

__all__ = ["open_regular", "write_atomically"]


def write_atomically(path, data, unless=None):
    """Write a file so that nobody ever sees half of it.

    The bytes go into a temporary file in the same folder, reach the disk, and then
    take the name in one step. Whatever happens before that step, an exception, a
    killed process or a power cut, leaves the former file as it was. A killed
    process leaves its temporary file behind, whose name starts with ``.skmnist-``.

    Parameters
    ----------
    path : str or path-like
        The file to write. One that exists is replaced; a symbolic link stays, and
        the file that it names is replaced. The file has the permissions of any new
        file, which the process's umask sets.
    data : bytes or callable
        The content, or a function that is called with a binary stream and writes
        the content to it.
    unless : callable, default=None
        Asked without arguments when all is written and only the name is still to be
        taken: if it says True, the former file stays.

    Raises
    ------
    OSError
        If the file cannot be written, for want of a folder, permission or space.
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
        if unless is not None and unless():
            os.unlink(temporary)
            return
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        # Errors should speak of the file that was asked for.
        if isinstance(error, OSError) and error.filename in (None, temporary):
            raise OSError(error.errno, error.strerror, path) from error
        raise
    _sync_folder(folder)


def _sync_folder(folder):
    """Make a new name in `folder` outlast a power cut, where the system can."""
    if os.name != "posix":
        return
    # The file is complete by now, and some network file systems sync no folders.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def open_regular(path):
    """Open a file for reading that is a file: no folder, pipe or device.

    Opening a pipe waits for a writer, perhaps for ever, and opening a device may
    have effects, so both are refused unopened. Symbolic links to files are
    followed.

    Parameters
    ----------
    path : str or path-like
        The file to read.

    Yields
    ------
    stream : binary file
        Positioned at its start.
    size : int
        Length in bytes at the moment of opening.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no regular file. It says what it is, in the second half of a
        sentence, in which the caller names the file.
    """
    path = os.fsdecode(path)
    _check_regular(os.stat(path))
    with open(path, "rb", opener=_open_without_waiting) as stream:
        # What bears the name may have been exchanged in the meantime.
        found = os.fstat(stream.fileno())
        _check_regular(found)
        yield stream, found.st_size


def _open_without_waiting(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_regular(found):
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise ValueError(f"it is no file but {kind}")
