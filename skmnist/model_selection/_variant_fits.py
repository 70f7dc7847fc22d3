"""The fits after the search: each variant once, with one tree of progress bars."""

from time import perf_counter

import numpy as np
from sklearn.base import BaseEstimator, clone, config_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed

__all__ = ["VariantFits", "score_held_out"]


class VariantFits(CallbackSupportMixin, BaseEstimator):
    """Fit each variant once, several at a time.

    An estimator only because scikit-learn's progress bars want one.

    Parameters
    ----------
    pipelines : dict of str to Pipeline
        The variants, each a pipeline of `make_mnist_pipeline`.
    n_jobs : int, default=None
        Number of fits that run at once.

    Attributes
    ----------
    results_ : dict
        For each name in `pipelines` a dict of the fitted `"pipeline"`, its
        `"training"` and `"validation"` accuracy as fractions of so many rows,
        `"n_training"` and `"n_validation"`, its `"predictions"` of the test set and
        the `"seconds"` of its fit.
    """

    def __init__(self, pipelines, n_jobs=None):
        self.pipelines = pipelines
        self.n_jobs = n_jobs

    @with_callbacks
    def fit(self, X, y, X_test, validation=None):
        """Fit the variants on `X` and `y`, and predict `X_test`.

        Parameters
        ----------
        X, y : array-like
            Pixels and labels of the development part.
        X_test : array-like
            Pixels of the test set.
        validation : tuple of (ndarray, ndarray), default=None
            Scaled images and labels, given to the network as `X_val` and `y_val`.
            None leaves the validation to the network.

        Returns
        -------
        self : VariantFits
            With its results.
        """
        context = self._init_callback_context(
            max_subtasks=len(self.pipelines), sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self, X=X, y=y)
        # Made ahead of the parallel loop, which pickles them with the estimator.
        tasks = [
            context.subcontext(task_name=name, task_id=i)
            for i, name in enumerate(self.pipelines)
        ]
        results = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_variant)(self, task, X, y, X_test, *(validation or ()))
            for task in tasks
        )
        self.results_ = dict(zip(self.pipelines, results, strict=True))
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self


def score_held_out(pipeline, X, y):
    """Measure a fitted pipeline on the rows that its network held out by itself.

    Parameters
    ----------
    pipeline : Pipeline
        As `make_mnist_pipeline` gives it, fitted to `X` and `y` without weights.
    X, y : array-like
        Pixels and labels.

    Returns
    -------
    accuracy : float
        Of the finished network, every row counting once; NaN without rows.
    n_rows : int
        How many rows were held out.
    """
    held_out = pipeline["cnn"]._rows_held_out(y)
    if not len(held_out):
        return np.nan, 0
    rows, labels = (_safe_indexing(part, held_out) for part in (X, y))
    return pipeline.score(rows, labels), len(held_out)


def _fit_variant(caller, task, X, y, X_test, X_val=None, y_val=None):
    pipeline = clone(caller.pipelines[task.task_name])
    fit_params = {} if X_val is None else {"cnn__X_val": X_val, "cnn__y_val": y_val}
    start = perf_counter()
    # Whatever the caller set: with metadata routing, a pipeline knows no
    # parameters by the name of a step.
    with (
        config_context(enable_metadata_routing=False),
        task.propagate_callback_context(pipeline),
    ):
        task.call_on_fit_task_begin(estimator=caller, X=X, y=y)
        pipeline.fit(X, y, **fit_params)
        task.call_on_fit_task_end(estimator=caller, X=X, y=y)
    seconds = perf_counter() - start
    cnn = pipeline["cnn"]
    if X_val is not None:
        validated, n_validated = cnn.score(X_val, y_val), len(y_val)
    else:
        validated, n_validated = score_held_out(pipeline, X, y)
    return {
        "pipeline": pipeline,
        "training": pipeline.score(X, y),
        "n_training": len(y),
        "validation": validated,
        "n_validation": n_validated,
        "predictions": pipeline.predict(X_test),
        "seconds": seconds,
    }
