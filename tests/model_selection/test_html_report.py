"""The report of a comparison, as a page and in a notebook."""

import base64
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from io import BytesIO

import matplotlib.image
import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from skmnist import compare_variants
from skmnist.model_selection._figures import figure_functions

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = DIGITS[:400], LABELS[:400]
NETWORK = {"filters": (4, 8), "kernel_sizes": (3, 3), "dense_units": 16, "epochs": 2}
VARIANTS = {
    "plain": {"augment": False},
    "<b>": {"augment": True},
    "forest": RandomForestClassifier(20),
}


@pytest.fixture(scope="module")
def comparison():
    return compare_variants(
        *(DIGITS, LABELS),
        variants=VARIANTS,
        cv="holdout",
        repeats=2,
        max_value=16,
        random_state=3,
        **NETWORK,
    )


@pytest.fixture(scope="module")
def page(comparison, tmp_path_factory):
    plt.switch_backend("agg")
    path = tmp_path_factory.mktemp("report") / "report.html"
    figures = plt.get_fignums()
    comparison.to_html(path, command="skmnist compare --repeats 2")
    assert plt.get_fignums() == figures
    return path


class Reader(HTMLParser):
    """Collect tags, addresses and text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.addresses, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def test_report_without_scripts_and_links(page):
    html = page.read_text()
    read = Reader(html)
    assert not {"script", "link", "iframe", "object"} & set(read.tags)
    assert all(
        address.startswith("data:image/png;base64,") for address in read.addresses
    )
    assert "url(" not in html and "@import" not in html


def test_report_images(page):
    html = page.read_text()
    titles = re.findall(r'<img src="[^"]*" alt="([^"]*)"', html)
    assert titles == [
        *("Accuracy", "Differences", "Training curves", "Learning rate"),
        *("Batch loss", "Confusion matrix", "Worst mistakes"),
        *("Digits", "Augmented digits"),
    ]
    for data in re.findall(r'src="data:image/png;base64,([^"]*)"', html):
        picture = matplotlib.image.imread(BytesIO(base64.b64decode(data)))
        assert min(picture.shape[:2]) > 100
        assert picture[..., :3].std() > 0.01


def test_report_verdict_first(comparison, page):
    html = unescape(page.read_text())
    parts = [
        html.rindex(comparison.sentences[0]),
        html.index("<table"),
        *(html.index(sentence) for sentence in comparison.sentences[1:]),
        html.index("<h2>Accuracies"),
    ]
    assert parts == sorted(parts)


def test_report_differences_and_repeats(comparison, page):
    text = Reader(page.read_text()).text
    for pair in comparison.significance_.itertuples():
        assert f"{pair.mean_low:+.2f} to {pair.mean_high:+.2f}" in text
    assert text.count("<b> − plain") == 1 + 2  # the mean, two repeats
    for fit in comparison.repeats_.itertuples():
        assert f"{fit.test_accuracy:.2f}%" in text


def test_report_folded_classification_reports(comparison, page):
    html = unescape(page.read_text())
    for name in comparison.estimators_:
        assert f"<pre>{comparison.report(name)}</pre></details>" in html


def test_report_of_variants_that_are_shown_alike(tmp_path):
    found = compare_variants(
        *(DIGITS, LABELS),
        variants={"annealed_augmented": SVC(), "annealed, augmented": SVC(C=0.01)},
        cv="holdout",
        max_value=16,
        random_state=0,
    )
    found.to_html(tmp_path / "report.html")
    html = unescape((tmp_path / "report.html").read_text())
    for name in found.estimators_:
        summary = "<details><summary>annealed, augmented</summary>"
        assert f"{summary}<pre>{found.report(name)}</pre></details>" in html
    assert "<dt>annealed, augmented</dt><dd><pre>SVC(random_state=0)</pre>" in html
    assert (
        "<dt>annealed, augmented</dt><dd><pre>SVC(C=0.01, random_state=0)</pre>" in html
    )


def test_report_settings_and_versions(comparison, page):
    text = Reader(page.read_text()).text
    assert "skmnist compare --repeats 2" in text
    for name in ("Python 3.", "keras ", "scikit-learn ", "skmnist ", "processors"):
        assert name in text
    for pipeline in comparison.estimators_.values():
        assert repr(pipeline[-1]) in text


def test_report_escapes_names(comparison, page):
    for html in (page.read_text(), comparison._repr_html_()):
        assert "<b>" not in html and "&lt;b&gt;" in html


def test_report_without_folders_of_the_machine(comparison, tmp_path):
    networks = [
        pipeline["cnn"]
        for pipeline in comparison.estimators_.values()
        if "cnn" in pipeline.named_steps
    ]
    for network in networks:
        network.set_params(checkpoint_dir="/home/me/points")
    comparison.to_html(tmp_path / "report.html", command="skmnist compare")
    for network in networks:
        network.set_params(checkpoint_dir=None)
    assert "/home/me" not in (tmp_path / "report.html").read_text()


def test_repr_html(comparison, page):
    shown = comparison._repr_html_()
    assert shown.strip() in page.read_text()
    assert "<img" not in shown
    table, _, caption = shown.partition("</tbody>")
    assert f"★: chosen by {'cross-' * bool(comparison.searches_)}validation" in caption
    rows = table.split("<tr")[2:]
    best = list(comparison.estimators_).index(comparison.best_variant_)
    assert ["★" in row for row in rows] == [i == best for i in range(3)]


def test_report_after_failed_write(comparison, tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match="folder"):
        comparison.to_html(path)
    assert path.is_dir() and not list(path.iterdir())


def test_report_of_fits_from_checkpoints(tmp_path):
    durations = []
    for _ in range(2):
        found = compare_variants(
            *(DIGITS[:300], LABELS[:300]),
            variants={"network": {"filters": (4, 8), "epochs": 1}},
            cv="holdout",
            max_value=16,
            random_state=0,
            checkpoint_dir=tmp_path / "points",
        )
        found.to_html(tmp_path / "report.html")
        text = " ".join(Reader((tmp_path / "report.html").read_text()).text.split())
        durations.append(text.partition("Duration ")[2].partition(" Seeds,")[0])
    for duration in durations:
        whole, of_fits = duration.split(". ", 1)
        assert re.fullmatch(r"\d+ s", whole)
        words = r"The fits took \d+ s in sum; several may have run at once."
        assert re.fullmatch(words, of_fits)


@pytest.mark.parametrize(
    ("n_classes", "cv"), [(10, 2), (10, "holdout"), (2, "holdout")]
)
def test_best_without_probabilities(tmp_path, n_classes, cv):
    is_shown = LABELS < n_classes
    found = compare_variants(
        *(DIGITS[is_shown][:, :32], LABELS[is_shown]),
        variants={"svm": SVC(), "neighbours": KNeighborsClassifier(20)},
        image_shape=(4, 8),
        cv=cv,
        max_value=16,
        random_state=0,
    )
    assert found.best_variant_ == "svm"
    found.to_html(tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert 'alt="Confusion matrix"' in html and 'alt="Worst mistakes"' in html
    assert "Training curves" not in html and "ugmented" not in html
    assert "Other seeds were not tried" in html
    assert ("folds included" in html) == (cv == 2)


def test_differences_are_drawn_as_in_the_table(comparison):
    pairs = comparison.significance_
    figure = figure_functions(comparison)["differences"]().figure_
    (ax,) = figure.axes
    (segments,) = (bars.get_segments() for bars in ax.collections)
    drawn = np.array([(*segment[:, 0], segment[0, 1]) for segment in segments])
    expected = pairs[["mean_low", "mean_high"]].assign(row=range(len(pairs)))
    np.testing.assert_allclose(drawn, expected)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[0] == "<b> \N{MINUS SIGN} plain"
    plt.close(figure)


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1280])
def test_report_width_in_browser(page, width, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "This test needs Chromium: apt-get install chromium"
    # The width of the content goes into the title, which is printed.
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="{page.as_uri()}" style="width: {width}px; height: 900px; '
        'border: 0" onload="document.title = '
        'this.contentDocument.documentElement.scrollWidth"></iframe>'
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    options += ["--allow-file-access-from-files", f"--user-data-dir={tmp_path}/user"]
    run = subprocess.run(
        [chromium, *options, frame.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    (content,) = re.findall(r"<title>(\d+)</title>", run.stdout)
    assert int(content) <= width
