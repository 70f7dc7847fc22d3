"""Where the manual is: the links from the diagrams of notebooks into it."""

import os
from pathlib import Path

__all__ = ["ManualLinks"]

# Where `sphinx-build` leaves the manual of a clone.
_BUILT = Path(__file__).parents[1] / "docs" / "_build" / "html"


class ManualLinks:
    """Link an estimator's diagram to its page and its parameters in the manual.

    The environment variable ``SKMNIST_DOCS`` is the address of the manual. Without
    it, the one that was built in the clone is linked to, if there is one.
    """

    _doc_link_module = "skmnist"

    @property
    def _doc_link_template(self):
        manual = os.environ.get("SKMNIST_DOCS")
        if manual is None and _BUILT.is_dir():
            manual = _BUILT.as_uri()
        if manual is None:
            return ""
        return manual.rstrip("/") + "/api/{estimator_module}.{estimator_name}.html"
