"""The diagram of an estimator links into the manual."""

import re

import pytest
from sklearn.utils import estimator_html_repr

from skmnist import _utils, make_mnist_pipeline


def links(estimator):
    found = re.findall(r'href="([^"#]*/api/[^"#]*)', estimator_html_repr(estimator))
    return set(found)


@pytest.mark.parametrize("address", ["https://manual.local/skmnist", ".."])
def test_diagram_links_skmnist_docs(address, monkeypatch):
    monkeypatch.setenv("SKMNIST_DOCS", address)
    assert links(make_mnist_pipeline()) == {
        f"{address}/api/skmnist.MnistCNN.html",
        f"{address}/api/skmnist.ImageScaler.html",
    }


def test_diagram_links_built_manual(tmp_path, monkeypatch):
    monkeypatch.delenv("SKMNIST_DOCS", raising=False)
    monkeypatch.setattr(_utils, "_BUILT", tmp_path)
    page = f"{tmp_path.as_uri()}/api/skmnist.MnistCNN.html"
    assert page in links(make_mnist_pipeline())


def test_diagram_links_without_manual(tmp_path, monkeypatch):
    monkeypatch.delenv("SKMNIST_DOCS", raising=False)
    monkeypatch.setattr(_utils, "_BUILT", tmp_path / "missing")
    assert "skmnist." not in "".join(
        re.findall('href="([^"]*)"', estimator_html_repr(make_mnist_pipeline()))
    )


def test_diagram_links_of_parameters(monkeypatch):
    monkeypatch.setenv("SKMNIST_DOCS", "..")
    html = estimator_html_repr(make_mnist_pipeline())
    texts = re.findall(r"MnistCNN\.html#:~:text=(\w+),-([^\"]*)", html)
    described = dict(texts)
    assert len(described) == len(make_mnist_pipeline()["cnn"].get_params())
    # scikit-learn links to the first line of the docstring that ends with the name.
    assert described["learning_rate"] == "float%2C%20default%3D0.001"
    assert described["min_learning_rate"] == "float%2C%20default%3D1e-5"
