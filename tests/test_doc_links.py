"""The diagram of an estimator links into the manual."""

import re

import pytest
from sklearn.utils import estimator_html_repr

from skmnist import _utils, make_mnist_pipeline


def links(estimator):
    found = re.findall(r'href="([^"#]*/api/[^"#]*)', estimator_html_repr(estimator))
    return set(found)


@pytest.mark.parametrize("address", ["https://manual.local/skmnist", ".."])
def test_diagrams_link_to_the_manual_where_it_is_said_to_be(address, monkeypatch):
    monkeypatch.setenv("SKMNIST_DOCS", address)
    assert links(make_mnist_pipeline()) == {
        f"{address}/api/skmnist.MnistCNN.html",
        f"{address}/api/skmnist.ImageScaler.html",
    }


def test_diagrams_link_to_the_manual_that_was_built_in_the_clone(tmp_path, monkeypatch):
    monkeypatch.delenv("SKMNIST_DOCS", raising=False)
    monkeypatch.setattr(_utils, "_BUILT", tmp_path)
    page = f"{tmp_path.as_uri()}/api/skmnist.MnistCNN.html"
    assert page in links(make_mnist_pipeline())


def test_diagrams_link_to_nothing_where_there_is_no_manual(tmp_path, monkeypatch):
    monkeypatch.delenv("SKMNIST_DOCS", raising=False)
    monkeypatch.setattr(_utils, "_BUILT", tmp_path / "missing")
    assert "skmnist." not in "".join(
        re.findall('href="([^"]*)"', estimator_html_repr(make_mnist_pipeline()))
    )


def test_each_parameter_links_to_its_own_description(monkeypatch):
    monkeypatch.setenv("SKMNIST_DOCS", "..")
    html = estimator_html_repr(make_mnist_pipeline())
    texts = re.findall(r"MnistCNN\.html#:~:text=(\w+),-([^\"]*)", html)
    described = dict(texts)
    assert len(described) == len(make_mnist_pipeline()["cnn"].get_params())
    # scikit-learn takes the first line of the docstring that ends like this name.
    assert described["learning_rate"] == "float%2C%20default%3D0.001"
    assert described["min_learning_rate"] == "float%2C%20default%3D1e-5"
