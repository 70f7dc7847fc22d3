"""The fits of a comparison: all repeats, variants and folds in one parallel loop."""

from time import perf_counter

import numpy as np
from sklearn.base import BaseEstimator, clone, config_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed

from skmnist.model_selection._result_file import load_result, result_files, save_result


class VariantFits(CallbackSupportMixin, BaseEstimator):
    """Fit variants on splits, several at a time.

    An estimator, because scikit-learn's progress bars need one.

    `checkpoint_dir` keeps the results of classifiers other than the network.

    Attributes
    ----------
    results_ : list of dict
        For each fit: `"model"`, `"repeat"` and `"seed"`; the `"test"` accuracy as a
        fraction of `"n_test"` rows; the `"seconds"` of the fit and the
        `"scoring_seconds"` of the test. Outside folds also the `"training"` and
        `"validation"` accuracy of `"n_training"` and `"n_validation"` rows; the
        `"predictions"` of the test rows and whether they are `"right"`; the
        `"history"` of a network, otherwise None; and in the first repeat the fitted
        `"pipeline"`, which would take too much memory in all of them.
    """

    def __init__(self, n_jobs=None, checkpoint_dir=None):
        self.n_jobs = n_jobs
        self.checkpoint_dir = checkpoint_dir

    @with_callbacks
    def fit(self, X, y, fits):
        """Fit pipelines, and predict their test rows.

        The `fits` are tuples of a split, the name of a variant, and its pipeline. The
        tasks take their rows of `X`, so that it is sent to workers once.
        """
        context = self._init_callback_context(
            max_subtasks=len(fits), sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self, X=X, y=y)
        files = result_files(self.checkpoint_dir, X, y, fits)
        # Before the parallel loop, which pickles them with the estimator.
        tasks = [
            context.subcontext(
                task_name=split.fit_name(name), task_id=i, max_subtasks=1
            )
            for i, (split, name, _) in enumerate(fits)
        ]
        self.results_ = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_variant)(self, task, file, name, pipeline, X, y, split)
            for task, file, (split, name, pipeline) in zip(
                tasks, files, fits, strict=True
            )
        )
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self


def score_held_out(pipeline, X, y):
    """Score a pipeline on the rows that its network held out of `X`.

    Returns the unweighted accuracy and the number of these rows; NaN and 0 without
    any.
    """
    held_out = pipeline["cnn"]._held_out
    if held_out is None:
        return np.nan, 0
    rows, labels = (_safe_indexing(part, held_out) for part in (X, y))
    return _accuracy(pipeline, rows, labels), len(held_out)


def _accuracy(pipeline, X, y):
    """Return the accuracy; `score` of a search is what the search optimizes."""
    return (_predict(pipeline, X) == y).mean()


def _predict(pipeline, X):
    # Some classifiers return a column.
    return np.ravel(pipeline.predict(X))


def _fit_variant(caller, task, file, name, pipeline, X, y, split):
    """Return the result of a variant; its errors say which it was."""
    try:
        task.call_on_fit_task_begin(estimator=caller, X=X, y=y)
        result = load_result(file)
        if result is None:
            result = _measure_variant(caller, task, pipeline, X, y, split)
            save_result(file, result)
        task.call_on_fit_task_end(estimator=caller, X=X, y=y)
    except ValueError as error:
        error.args = (f"{split.fit_name(name)}: {error}",)
        raise
    except Exception as error:
        error.add_note(f"It was raised in the fit of {split.fit_name(name)}.")
        raise
    return {"repeat": split.repeat, "model": name, "seed": split.seed} | result


def _measure_variant(caller, task, pipeline, X, y, split):
    pipeline = clone(pipeline)
    X_train, y_train = _safe_indexing(X, split.train), y[split.train]
    fit_params, validation = {}, None
    if split.validation is not None:
        validation = _safe_indexing(X, split.validation), y[split.validation]
        if "cnn" in pipeline.named_steps:
            scaler = clone(pipeline["scale"]).fit(X_train)
            fit_params["cnn__X_val"] = scaler.transform(validation[0])
            fit_params["cnn__y_val"] = validation[1]
    training = task.subcontext(task_name="training")
    start = perf_counter()
    # With metadata routing, a pipeline does not take parameters with the name of a
    # step.
    with (
        config_context(enable_metadata_routing=False),
        training.propagate_callback_context(pipeline),
    ):
        training.call_on_fit_task_begin(estimator=caller, X=X_train, y=y_train)
        pipeline.fit(X_train, y_train, **fit_params)
        training.call_on_fit_task_end(estimator=caller, X=X_train, y=y_train)
    seconds = perf_counter() - start
    seconds += getattr(pipeline.named_steps.get("cnn"), "_earlier_seconds", 0.0)
    start = perf_counter()
    predictions = _predict(pipeline, _safe_indexing(X, split.test))
    right = predictions == y[split.test]
    result = {
        "test": right.mean(),
        "n_test": len(right),
        "seconds": seconds,
        "scoring_seconds": perf_counter() - start,
    }
    if split.fold:
        return result
    validated, n_validated = _validate(pipeline, X_train, y_train, validation)
    return result | {
        "training": _accuracy(pipeline, X_train, y_train),
        "n_training": len(y_train),
        "validation": validated,
        "n_validation": n_validated,
        "predictions": predictions,
        "right": right,
        "history": getattr(pipeline[-1], "history_", None),
        "pipeline": pipeline if split.repeat == 0 else None,
    }


def _validate(pipeline, X_train, y_train, validation):
    """Return the validation accuracy and the number of its rows."""
    if validation is not None:
        return _accuracy(pipeline, *validation), len(validation[1])
    if "cnn" in pipeline.named_steps:
        return score_held_out(pipeline, X_train, y_train)
    return np.nan, 0
