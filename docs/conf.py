"""How the manual is built: ``sphinx-build -W docs docs/_build/html``."""

import inspect
import os

import skmnist
from skmnist.dask import DurableDaskBackend

# For the diagrams of estimators on pages of the gallery.
os.environ["SKMNIST_DOCS"] = ".."
# So that pages show the final state of progress bars in any build.
os.environ["TERM"] = "dumb"

project = "skmnist"
author = "The skmnist developers"
copyright = "2026, The skmnist developers"
release = skmnist.__version__
version = release

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "results"]
templates_path = ["_templates"]

# Every internal reference must resolve. Names of other projects are left as
# plain text: resolving them would need the network at build time.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(sklearn|keras|numpy|pandas|matplotlib|joblib|scikeras|scipy)\..*"),
]

# Commands are shown as they are typed: `--help` keeps its two hyphens.
smartquotes = False
# Names in single backticks, as numpydoc has them, are code.
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3


def members(cls):
    """List the members of a class that this package defines, and inherited ones."""
    own, inherited = [], []
    for name in dir(cls):
        value = getattr(cls, name, None)
        is_property = isinstance(value, property)
        if name.startswith("_") or not (callable(value) or is_property):
            continue
        home = (value.fget if is_property else value).__module__ or ""
        if home.startswith("skmnist"):
            own.append(("property" if is_property else "method", name))
        else:
            inherited.append(name)
    return {"own": own, "inherited": inherited}


autosummary_generate = True
autosummary_context = {
    "listing": {
        name: members(getattr(skmnist, name))
        for name in skmnist.__all__
        if inspect.isclass(getattr(skmnist, name))
    }
    | {"DurableDaskBackend": members(DurableDaskBackend)}
}
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_\d",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1,
    "remove_config_comments": True,
    "plot_gallery": "True",
}

html_theme = "pydata_sphinx_theme"
html_title = "skmnist"
html_static_path = ["_static"]
html_css_files = ["skmnist.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "skmnist"},
    "navbar_align": "left",
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# Pages without subpages do not need a section navigation.
html_sidebars = dict.fromkeys(
    ["index", "api", "benchmarks", "contributing", "changelog", "reliability"], []
)
