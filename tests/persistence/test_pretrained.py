"""The pretrained network of the package."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import skmnist
from skmnist import load_pretrained

FILE = Path(skmnist.__file__).parent / "persistence" / "pretrained.safetensors"


@pytest.fixture(scope="module")
def enlarged():
    """Return digits of other writers, light on dark, as coarse drawings."""
    digits = load_digits()
    pictures = [
        Image.fromarray((15 * image).astype(np.uint8)).resize(
            (64, 64), Image.Resampling.BICUBIC
        )
        for image in digits.images[:300]
    ]
    return pictures, digits.target[:300]


def test_load_pretrained_score(enlarged):
    pictures, labels = enlarged
    model = load_pretrained()
    assert list(model.named_steps) == ["normalize", "scale", "cnn"]
    assert model.score(pictures, labels) > 0.93
    dark = [255 - np.asarray(picture) for picture in pictures]
    assert model.score(dark, labels) > 0.93


def test_load_pretrained_on_mnist(large_digits):
    X, y = large_digits
    model = load_pretrained()
    as_they_are = model[1:].score(X[:1000], y[:1000])
    assert model.score(X[:1000], y[:1000]) >= as_they_are - 0.005
    if os.environ.get("SKMNIST_DATA"):
        assert as_they_are > 0.99


def test_pretrained_file_size(enlarged):
    assert FILE.stat().st_size < 1.5e6
    model = load_pretrained()
    pictures, labels = enlarged
    images = model[:-1].transform(pictures[:50])
    with (
        pytest.warns(UserWarning, match="fresh optimizer"),
        pytest.warns(UserWarning, match="30 epochs is over.*anneal=False"),
    ):
        model["cnn"].partial_fit(images, labels[:50])
