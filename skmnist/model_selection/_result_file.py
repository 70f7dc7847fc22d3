"""Results of classifiers other than the network, which `checkpoint_dir` keeps.

They are pickles, because they may hold any fitted classifier.
"""

import inspect
import os
import sys
from functools import partial
from io import BytesIO
from itertools import filterfalse
from pathlib import Path
from pickle import Pickler, PicklingError
from types import FunctionType

import joblib
import numpy as np

from skmnist._utils import warn_user
from skmnist.io._atomic import write_atomically
from skmnist.neural_network._state_file import library_versions


def result_files(folder, X, y, fits):
    """Return the paths for the results of fits, each named after all that decides it.

    None for a network, which has its own checkpoints, and for a classifier that cannot
    be pickled or whose source code is not available.
    """
    if folder is None:
        return [None] * len(fits)
    images = np.ascontiguousarray(X), list(getattr(X, "columns", ()))
    data = joblib.hash((images, y, library_versions()))
    return [_result_file(folder, data, split, pipeline) for split, _, pipeline in fits]


def _result_file(folder, data, split, pipeline):
    if "cnn" in pipeline.named_steps:
        return None
    rows = split.train, split.test, split.validation
    # Only fits outside folds keep all, and only those of the first repeat the pipeline.
    kept = split.fold is None, split.repeat == 0
    try:
        name = joblib.hash((data, rows, kept, pipeline, _sources(pipeline)))
    except (PicklingError, AttributeError, TypeError, OSError):
        return None
    return os.path.join(os.fspath(folder), f"{name}.joblib")


def _sources(pipeline):
    """Return the source code of the user's functions and classes in a pipeline.

    A pickle only names them, and they are edited between two comparisons.
    """
    finder = _CodeFinder(BytesIO())
    finder.dump(pipeline)
    return sorted(map(inspect.getsource, filterfalse(_is_installed, finder.found)))


class _CodeFinder(Pickler):
    """Pickles, and remembers the functions, the classes and their base classes."""

    def __init__(self, file):
        super().__init__(file)
        self.found = []

    def reducer_override(self, obj):
        if isinstance(obj, type | FunctionType):
            self.found.extend(getattr(obj, "__mro__", [obj]))
        return NotImplemented


def _is_installed(obj):
    if obj.__module__.partition(".")[0] in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(obj.__module__), "__file__", "")
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def load_result(file):
    """Return the result of an earlier run, or None."""
    if file is None or not os.path.exists(file):
        return None
    try:
        return joblib.load(file)
    except Exception as error:  # a damaged pickle can raise any
        warn_user(f"The result {file} is ignored, and the fit runs again: {error!r}.")
        return None


def save_result(file, result):
    """Write a result, unless it has no path."""
    if file is not None:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        write_atomically(file, partial(joblib.dump, result))
