"""The named recipes, in Python and in the command."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from skmnist import RECIPES, MnistCNN, load_model
from skmnist.cli._main import main


@pytest.fixture
def data(large_digits):
    """Return scaled rows to train on and to test on, and their labels."""
    X, y = large_digits
    return train_test_split(
        X / np.float32(255), y, train_size=1000, stratify=y, random_state=0
    )


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_parameters(name, digits):
    recipe = RECIPES[name]
    params = MnistCNN(**recipe).get_params()
    assert {key: params[key] for key in recipe} == recipe
    assert type(recipe) is dict
    # Whole, but with one small epoch.
    filters = (4, 8, 8)[: len(params["filters"])]
    model = MnistCNN(**recipe | {"epochs": 1, "filters": filters}, random_state=0)
    assert model.fit(*digits[:2]).predict_proba(digits[2]).shape == (797, 10)


def test_fast_recipe_accuracy(data):
    """A thousand rows, where the defaults reach less in the same number of epochs."""
    X, X_test, y, y_test = data
    fast = RECIPES["fast"]
    score = MnistCNN(**fast, random_state=0).fit(X, y).score(X_test, y_test)
    default = MnistCNN(epochs=fast["epochs"], random_state=0).fit(X, y)
    assert score > 0.9
    assert score > default.score(X_test, y_test)


def test_train_recipe_option(tmp_path, capsys):
    path = str(tmp_path / "model.safetensors")
    small = ["--filters", "4", "8", "8", "--epochs", "2", "--random-state", "3"]
    assert main(["train", "--recipe", "accurate", *small, "--output", path]) == 0
    assert "Trained on 1,797 images for 2 epochs" in capsys.readouterr().out
    params = load_model(path)["cnn"].get_params()
    given = {"filters": (4, 8, 8), "epochs": 2, "random_state": 3}
    expected = RECIPES["accurate"] | given
    assert {name: params[name] for name in expected} == expected


def test_train_recipe_option_invalid(tmp_path, capsys):
    path = str(tmp_path / "model.safetensors")
    assert main(["train", "--recipe", "quick", "--output", path]) == 2
    said = capsys.readouterr().err
    assert "quick" in said and all(name in said for name in RECIPES)


def test_compare_recipe(tmp_path):
    small = ["--filters", "4", "8", "--cv", "holdout", "--output", str(tmp_path)]
    variants = ["plain:epochs=1,batch_size=32", "fast"]
    assert main(["compare", "--variants", *variants, *small]) == 0
    fitted = load_model(tmp_path / "models" / "fast.safetensors")["cnn"].get_params()
    assert {name: fitted[name] for name in RECIPES["fast"]} == RECIPES["fast"]
