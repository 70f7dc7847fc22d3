"""What a comparison of variants found, and what it says."""

from html import escape
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.metrics import classification_report

from skmnist.model_selection._paired_tests import (
    corrected_t_test,
    holm,
    mcnemar,
    wilson_interval,
)

__all__ = ["VariantComparison"]

# A p-value below this is called unlikely to be chance.
_LEVEL = 0.05


class VariantComparison:
    """The outcome of `compare_variants`.

    Prints as the table and the sentences, and shows itself in a notebook.

    Parameters
    ----------
    fits : dict
        For each variant's name a dict of its fitted `"pipeline"`, its `"training"`
        and `"validation"` accuracy as fractions of so many rows, `"n_training"` and
        `"n_validation"`, its `"predictions"` of the test set and the `"seconds"` of
        its fit.
    X_test : array-like of shape (n_samples, height * width), \
            (n_samples, height, width) or (n_samples, height, width, 1)
        The images of the test set.
    y_test : ndarray of shape (n_samples,)
        Their labels.
    search : GridSearchCV, default=None
        The fitted search, one candidate per variant in the order of `fits`. None if
        there was none.
    test_to_train : float, default=None
        Rows tested on for each row trained on in a fold of the search.

    Attributes
    ----------
    table_ : DataFrame of shape (n_variants, 13)
        One row per variant. `model` is its name. `training_accuracy`,
        `validation_accuracy` and `test_accuracy` are in percent, and so are the
        bounds of their 95 % Wilson intervals, `training_low`, `training_high` and so
        on, and the mean `cv_mean` and standard deviation `cv_std` over the folds.
        `seconds` is the wall-clock time of the one fit on the whole development
        part. Training accuracy is that of the finished network, without dropout
        and augmentation, on the rows given to `fit`. Validation accuracy is that on
        `X_val` with `cv="holdout"`, otherwise that on the rows that the network held
        out itself. NaN where there is none.
    significance_ : DataFrame of shape (n_pairs, 11)
        One row per pair. `difference` is the test accuracy of `variant` minus that
        of `baseline`, in points; `gained` and `lost` count the test images that
        only `variant` and that only `baseline` gets right; `mcnemar_p` is
        McNemar's exact p-value of these two, `mcnemar_p_holm` the same after
        Holm's correction over the pairs. `cv_difference` is the mean difference
        over the folds, in points, `ttest_p` the p-value of Nadeau and Bengio's
        corrected resampled t-test of it, `ttest_p_holm` the corrected one; NaN
        with `cv="holdout"`. `sentence` says it in words, by `mcnemar_p_holm`.
    search_ : GridSearchCV or None
        The fitted search; None with `cv="holdout"`.
    estimators_ : dict of str to Pipeline
        The pipelines, each fitted once on the whole development part.
    best_variant_ : str
        The variant with the highest mean over the folds, or with the highest
        validation accuracy with `cv="holdout"`; the earlier one of two that are
        equal.
    best_estimator_ : Pipeline
        The pipeline of `best_variant_`.
    predictions_ : dict of str to ndarray of shape (n_samples,)
        The predictions of the test set.
    X_test_ : array-like of shape (n_samples, height * width), \
            (n_samples, height, width) or (n_samples, height, width, 1)
        The images of the test set.
    y_test_ : ndarray of shape (n_samples,)
        Their labels.

    See Also
    --------
    compare_variants : The function that makes it.
    ComparisonDisplay : A picture of it.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical
    inference", Journal of the American Statistical Association 22, 1927.

    Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12, 1947.

    S. Holm, "A simple sequentially rejective multiple test procedure",
    Scandinavian Journal of Statistics 6, 1979.

    C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine
    Learning 52, 2003.

    Examples
    --------
    >>> from skmnist import compare_variants, load_images
    >>> digits = load_images("digits")
    >>> comparison = compare_variants(
    ...     digits.data[:600], digits.target[:600], cv="holdout", max_value=16,
    ...     filters=(4, 8), dense_units=16, epochs=1, random_state=0)
    >>> comparison.significance_["baseline"].tolist()
    ['plain', 'plain', 'annealed']
    """

    def __init__(self, fits, X_test, y_test, search=None, test_to_train=None):
        self.X_test_ = X_test
        self.y_test_ = y_test
        self.search_ = search
        self.estimators_ = {name: fit["pipeline"] for name, fit in fits.items()}
        self.predictions_ = {name: fit["predictions"] for name, fit in fits.items()}
        scores = _fold_scores(search, len(fits))
        self.table_ = _make_table(fits, y_test, scores)
        self.significance_ = _test_pairs(
            self.predictions_, y_test, scores, test_to_train
        )
        if search is None:
            best = self.table_["validation_accuracy"].idxmax()
        else:
            best = search.best_index_
        self.best_variant_ = self.table_["model"][best]

    @property
    def best_estimator_(self):
        """The fitted pipeline of the best variant."""
        return self.estimators_[self.best_variant_]

    @property
    def sentences(self):
        """What was found, in sentences: the best variant, then each difference."""
        best = self.table_.set_index("model").loc[self.best_variant_]
        by = "validation" if self.search_ is None else "cross-validation"
        return [
            f"{self.best_variant_} is best in {by}; on the test set it reaches "
            f"{best.test_accuracy:.2f} % (95 % interval {best.test_low:.2f} to "
            f"{best.test_high:.2f}).",
            *self.significance_["sentence"],
        ]

    def report(self, name=None):
        """Tell precision, recall and F1 of each class on the test set.

        Parameters
        ----------
        name : str, default=None
            The variant; None for the best.

        Returns
        -------
        report : str
            The `classification_report` of scikit-learn, with 0 where a class was
            never predicted.

        Raises
        ------
        ValueError
            If there is no such variant.
        """
        name = self.best_variant_ if name is None else name
        if name not in self.predictions_:
            raise ValueError(
                f"name must be one of {', '.join(self.predictions_)}, but it is "
                f"{name!r}."
            )
        return classification_report(
            self.y_test_, self.predictions_[name], digits=4, zero_division=0
        )

    def as_text(self):
        """Give the table as it is shown to people.

        Returns
        -------
        text : DataFrame of str of shape (n_variants, n_columns)
            Rounded, in short columns, without what was not measured.
        """
        table = self.table_
        text = {"model": table["model"]}
        for name in ("training", "validation", "test"):
            text[name] = _percent(table[f"{name}_accuracy"])
        text["interval"] = [
            f"{low:.2f}-{high:.2f}"
            for low, high in zip(table["test_low"], table["test_high"], strict=True)
        ]
        if self.search_ is not None:
            text["folds"] = [
                f"{mean:.2f} ({std:.2f})"
                for mean, std in zip(table["cv_mean"], table["cv_std"], strict=True)
            ]
        text["seconds"] = [f"{seconds:.1f}" for seconds in table["seconds"]]
        return pd.DataFrame(text)

    @property
    def caption(self):
        """What the columns of the table mean, in sentences."""
        sentences = [
            "Accuracy in percent.",
            "interval: 95 % Wilson interval of the test accuracy, "
            f"n = {len(self.y_test_):,}.",
        ]
        if self.search_ is not None:
            sentences.append(
                "folds: mean (standard deviation) of the accuracies in "
                f"{self.search_.n_splits_} folds."
            )
        return " ".join(sentences)

    def __repr__(self):
        lines = self.as_text().to_string(index=False)
        return "\n".join([lines, "", self.caption, "", *self.sentences])

    def _repr_html_(self):
        text = self.as_text()
        cell = "padding: 0.2em 0.8em; white-space: nowrap; text-align: "
        head = "".join(
            f'<th style="{cell}{"left" if name == "model" else "right"}">{name}</th>'
            for name in text.columns
        )
        rows = []
        for cells in text.itertuples(index=False):
            best = cells[0] == self.best_variant_
            name = escape(cells[0]) + (" ★" if best else "")
            numbers = "".join(
                f'<td style="{cell}right">{escape(number)}</td>' for number in cells[1:]
            )
            style = ' style="font-weight: bold"' if best else ""
            rows.append(f'<tr{style}><th style="{cell}left">{name}</th>{numbers}</tr>')
        sentences = "".join(f"<li>{escape(line)}</li>" for line in self.sentences)
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
            f"</table><p>{escape(self.caption)}</p><ul>{sentences}</ul>"
        )


def _percent(values):
    return ["-" if np.isnan(value) else f"{value:.2f}" for value in values]


def _fold_scores(search, n_variants):
    """Give the accuracy of each variant in each fold, shape (n_variants, n_folds)."""
    if search is None:
        return np.full((n_variants, 1), np.nan)
    results = search.cv_results_
    return np.transpose(
        [results[f"split{i}_test_score"] for i in range(search.n_splits_)]
    )


def _make_table(fits, y_test, scores):
    rows = []
    for (name, fit), fold_scores in zip(fits.items(), scores, strict=True):
        right = np.mean(fit["predictions"] == y_test)
        rows.append(
            {
                "model": name,
                **_measured("training", fit["training"], fit["n_training"]),
                **_measured("validation", fit["validation"], fit["n_validation"]),
                **_measured("test", right, len(y_test)),
                "cv_mean": 100 * fold_scores.mean(),
                "cv_std": 100 * fold_scores.std(),
                "seconds": fit["seconds"],
            }
        )
    return pd.DataFrame(rows)


def _measured(name, accuracy, n_rows):
    """Give an accuracy and its interval in percent; NaN where there is none."""
    low = high = np.nan
    if not np.isnan(accuracy):
        low, high = wilson_interval(round(accuracy * n_rows), n_rows)
    return {
        f"{name}_accuracy": 100 * accuracy,
        f"{name}_low": 100 * low,
        f"{name}_high": 100 * high,
    }


def _test_pairs(predictions, y_test, scores, test_to_train):
    rows = []
    for (i, baseline), (k, variant) in combinations(enumerate(predictions), 2):
        gained, lost, p = mcnemar(
            predictions[variant] == y_test, predictions[baseline] == y_test
        )
        over_folds = scores[k] - scores[i]
        rows.append(
            {
                "variant": variant,
                "baseline": baseline,
                "difference": 100 * (gained - lost) / len(y_test),
                "gained": gained,
                "lost": lost,
                "mcnemar_p": p,
                "mcnemar_p_holm": np.nan,
                "cv_difference": 100 * over_folds.mean(),
                "ttest_p": corrected_t_test(over_folds, test_to_train),
                "ttest_p_holm": np.nan,
            }
        )
    pairs = pd.DataFrame(rows)
    for name in ("mcnemar_p", "ttest_p"):
        pairs[f"{name}_holm"] = holm(pairs[name])
    pairs["sentence"] = [_say(pair) for pair in pairs.itertuples()]
    return pairs


def _say(pair):
    points = f"{abs(pair.difference):.2f} points"
    if pair.gained == pair.lost:
        return f"{pair.variant} and {pair.baseline} are right equally often."
    if pair.gained > pair.lost:
        finding = f"{pair.variant} gains {points} over {pair.baseline}"
    else:
        finding = f"{pair.variant} loses {points} to {pair.baseline}"
    p = pair.mcnemar_p_holm
    verdict = "is unlikely to be chance" if p < _LEVEL else "could be chance"
    value = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
    return f"{finding}; this {verdict} ({value})."
