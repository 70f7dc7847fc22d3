"""Variants: hyperparameters of the network, or other classifiers."""

from collections.abc import Mapping

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from skmnist.neural_network._classifier import MnistCNN
from skmnist.neural_network._param_constraints import check_params
from skmnist.neural_network._pipeline import make_mnist_pipeline
from skmnist.neural_network._recipes import VARIANTS


def make_variant_search(
    variants=VARIANTS,
    *,
    cv=3,
    n_jobs=None,
    image_shape=None,
    max_value=255,
    **cnn_params,
):
    """Make a grid search over variants of the network.

    Parameters
    ----------
    variants : dict of str to dict or classifier, default=VARIANTS
        The variants, as in `compare_variants`.
    cv : int or cross-validation splitter, default=3
        The folds; an int of at least 2 is the number of stratified folds.
    n_jobs : int, default=None
        Number of fits that run at once, as in scikit-learn.
    image_shape : tuple of (int, int), default=None
        Height and width in pixels, see `ImageScaler`.
    max_value : float, default=255
        The largest value that a pixel can have, above 0.
    **cnn_params : dict
        Hyperparameters of `MnistCNN` that all variants share.

    Returns
    -------
    search : GridSearchCV
        Unfitted. Row i of its `cv_results_` is the i-th of `variants`.

    Raises
    ------
    ValueError
        If a variant is not as described, if `MnistCNN` does not have a
        hyperparameter, or if one is given that every variant sets.

    See Also
    --------
    compare_variants : The search, with a test set and tests of the differences.

    Examples
    --------
    >>> from skmnist import make_variant_search
    >>> search = make_variant_search(max_value=16, epochs=5)
    >>> len(search.param_grid)
    3
    """
    pipeline = make_mnist_pipeline(
        image_shape=image_shape, max_value=max_value, **cnn_params
    )
    check_variants(variants, cnn_params)
    seed = cnn_params.get("random_state")
    return GridSearchCV(
        pipeline,
        [
            {key: [value] for key, value in _as_params(variant, seed).items()}
            for variant in variants.values()
        ],
        scoring="accuracy",
        cv=cv,
        n_jobs=n_jobs,
    )


def complete_search(search, fits):
    """Give a search the results of fits in its folds, as its `fit` without a refit.

    The `fits` are the results of each variant in each fold, in this order.
    """
    out = [
        {
            "test_scores": fit["test"],
            "fit_time": fit["seconds"],
            "score_time": fit["scoring_seconds"],
        }
        for fit in fits
    ]
    candidates = list(ParameterGrid(search.param_grid))
    search.set_params(refit=False)
    search.n_splits_, search.multimetric_ = len(search.cv), False
    search.scorer_ = get_scorer(search.scoring)
    search.cv_results_ = search._format_results(candidates, search.n_splits_, out)
    means = search.cv_results_["mean_test_score"]
    # The first of those that are equal up to rounding.
    search.best_index_ = int(np.isclose(means, means.max(), rtol=1e-9).argmax())
    search.best_score_ = means[search.best_index_]
    search.best_params_ = candidates[search.best_index_]
    return search


def variant_pipeline(variant, template, seed):
    """Make the unfitted pipeline of one variant.

    The `template` is a pipeline of `make_mnist_pipeline` with what all variants share.
    That of another classifier has the steps `"scale"`, `"flatten"`, `"classifier"`.
    """
    template = clone(template).set_params(cnn__random_state=seed)
    params = _as_params(variant, seed)
    if isinstance(variant, Mapping):
        return template.set_params(**params)
    return Pipeline([("scale", template["scale"]), *params["cnn"].steps])


def _as_params(variant, seed):
    """Return a variant as parameters of the pipeline of `make_mnist_pipeline`."""
    if isinstance(variant, Mapping):
        return {f"cnn__{name}": value for name, value in variant.items()}
    classifier = clone(variant)
    if seed is not None:
        seeds = [
            name
            for name in classifier.get_params()
            if name == "random_state" or name.endswith("__random_state")
        ]
        classifier.set_params(**dict.fromkeys(seeds, seed))
    flatten = FunctionTransformer(_flatten)
    return {"cnn": Pipeline([("flatten", flatten), ("classifier", classifier)])}


def _flatten(images):
    return images.reshape(len(images), -1)


def check_variants(variants, cnn_params):
    """Check names and values of variants before anything is trained.

    The hyperparameters `cnn_params`, which all variants share, are known to exist.
    """
    if not isinstance(variants, Mapping) or not variants:
        raise ValueError(
            "variants must be a dict that maps at least one name to hyperparameters "
            f"of MnistCNN or to a classifier, but it is {variants!r}."
        )
    for name, variant in variants.items():
        if not isinstance(name, str) or not name.strip():
            raise ValueError(
                f"The name of a variant must be a text that is not empty, but it is "
                f"{name!r}."
            )
        if isinstance(variant, Mapping):
            _check_hyperparameters(name, variant, cnn_params)
        else:
            _check_classifier(name, variant)
    _check_shared(variants, cnn_params)


def _check_hyperparameters(name, settings, cnn_params):
    if "random_state" in settings:
        raise ValueError(
            f"The variant {name!r} sets random_state, but all variants of a repeat "
            "share one seed: give the comparison random_state (--random-state)."
        )
    try:
        cnn = MnistCNN().set_params(**settings)
        cnn.set_params(**{**cnn_params, **settings})
        check_params(cnn.get_params(deep=False))
    except ValueError as error:
        raise ValueError(f"The variant {name!r} cannot be trained: {error}") from None


def _check_classifier(name, variant):
    last = variant[-1] if isinstance(variant, Pipeline) else variant
    if isinstance(last, MnistCNN):
        raise ValueError(
            f"The variant {name!r} is a {type(variant).__name__} with the network: "
            "give its hyperparameters as a dict."
        )
    is_estimator = hasattr(variant, "__sklearn_tags__")
    if isinstance(variant, type) or not is_estimator or not is_classifier(variant):
        raise ValueError(
            f"The variant {name!r} must be a dict of hyperparameters of MnistCNN, or "
            f"a classifier such as SVC(), but it is {variant!r}."
        )
    for each in (variant, *variant.get_params().values()):
        if not isinstance(each, type) and hasattr(each, "_parameter_constraints"):
            try:
                each._validate_params()
            except ValueError as error:
                raise ValueError(
                    f"The variant {name!r} cannot be trained: {error}"
                ) from None


def _check_shared(variants, cnn_params):
    """Check that every shared hyperparameter has an effect."""
    networks = [v for v in variants.values() if isinstance(v, Mapping)]
    for name in cnn_params if networks else ():
        if all(name in settings for settings in networks):
            raise ValueError(
                f"{name}={cnn_params[name]!r} has no effect, because each variant sets "
                "it: leave it out."
            )
