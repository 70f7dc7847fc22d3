"""Folders and zip files with one interface: the files' names, and opening each."""

import io
import os
import re
import zipfile
from contextlib import contextmanager
from functools import cached_property

from skmnist.datasets._stream import (
    CHUNK_SIZE,
    damage_named,
    expanded,
    opened,
    unpacked,
)

ZIP = (b"PK\3\4", b"PK\5\6")

# Files that operating systems create.
_HIDDEN = re.compile(
    r"(^|/)(\.(?!/)|__MACOSX/|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE
)


class Folder:
    """The regular files below a folder, without hidden ones."""

    def __init__(self, path):
        self.path = path

    @cached_property
    def names(self):
        """Paths of the files inside the folder, sorted."""
        found = []
        for folder in _folders(self.path):
            for entry in os.scandir(folder):
                # A link to what is missing is named when it is opened.
                if not _HIDDEN.search(entry.name) and (
                    entry.is_file() or (entry.is_symlink() and not entry.is_dir())
                ):
                    found.append(os.path.relpath(entry.path, self.path))
        return _visible(found)

    @contextmanager
    def open(self, name):
        """Yield a stream, and how many bytes may be read from it."""
        path = self.where(name)
        with opened(path) as file, unpacked(file) as stream:
            yield stream, expanded(os.path.getsize(path))

    def where(self, name):
        """Return the path of a file for messages."""
        return os.path.join(self.path, name)


class Archive:
    """The files in a zip file, as those in a folder; nothing is unpacked to disk."""

    def __init__(self, file, path, limit):
        self.path, self._limit = path, limit
        self._zip = zipfile.ZipFile(file)
        # Some programs on Windows write backslashes.
        members = self._zip.infolist()
        self._members = {each.filename.replace("\\", "/"): each for each in members}
        self.names = _visible(n for n in self._members if not n.endswith("/"))

    @contextmanager
    def open(self, name):
        """Yield a stream, and how many bytes may be read from it."""
        with (
            damage_named(self.where(name)),
            io.BufferedReader(self._zip.open(self._members[name]), CHUNK_SIZE) as file,
            unpacked(file) as stream,
        ):
            yield stream, self._limit

    where = Folder.where


def _folders(path):
    """Yield a folder and the visible ones below it.

    Links are followed to folders that are elsewhere, to each once.
    """
    seen = {os.path.realpath(folder) for folder, _ in _walk(path, followlinks=False)}
    for folder, inner in _walk(path, followlinks=True):
        yield folder
        for name in [name for name in inner if os.path.islink(f"{folder}/{name}")]:
            real = os.path.realpath(f"{folder}/{name}")
            if real in seen:
                inner.remove(name)
            seen.add(real)


def _walk(path, followlinks):
    def refuse(error):
        raise error

    for folder, inner, _ in os.walk(path, followlinks=followlinks, onerror=refuse):
        inner[:] = sorted(name for name in inner if not _HIDDEN.search(f"{name}/"))
        yield folder, inner


def _visible(names):
    return sorted({name for name in names if not _HIDDEN.search(name)})
