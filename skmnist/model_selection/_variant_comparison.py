"""The result of a comparison of variants."""

import numpy as np
import pandas as pd
from sklearn.metrics import classification_report

from skmnist._utils import display_name
from skmnist.io._atomic import write_atomically
from skmnist.model_selection._html_report import (
    draw_images,
    environment,
    render_first_screen,
    render_report,
)
from skmnist.model_selection._sentences import findings, say_pair
from skmnist.model_selection._tables import (
    PARTS,
    compare_pairs,
    fold_scores,
    list_repeats,
    make_table,
    mcnemar_in_repeats,
)


class VariantComparison:
    """Result of `compare_variants`.

    Prints as the table and the sentences, and shows itself in a notebook.

    Parameters
    ----------
    fits : list of dict
        The `results_` of the fits: for each repeat in turn one for each variant.
    X_test : array-like of shape (n_samples, height * width), \
            (n_samples, height, width) or (n_samples, height, width, 1)
        The images of the test set of the first repeat.
    y_test : ndarray of shape (n_samples,)
        Their labels.
    searches : list of GridSearchCV, default=()
        The fitted search of each repeat, one candidate per variant in their order.
        Empty if there was none.
    test_to_train : float, default=None
        Rows tested on for each row trained on in a fold of the searches.
    call : str, default=None
        How it was made, for the report.
    seconds : float, default=None
        How long it took as a whole, for the report.

    Attributes
    ----------
    table_ : DataFrame of shape (n_variants, 13)
        One row per variant. `model` is its name. `training_accuracy`,
        `validation_accuracy` and `test_accuracy` are in percent, and so are the
        bounds of their 95% intervals, `training_low`, `training_high` and so on, and
        the mean `cv_mean` and standard deviation `cv_std` over the folds. `seconds`
        is the wall-clock time of the one fit on the whole development part, with
        that of the epochs which came from a checkpoint. Training
        accuracy is that of the finished network, without dropout and augmentation,
        on the rows given to `fit`. Validation accuracy is that on `X_val` with
        `cv="holdout"`, otherwise that on the rows that the network held out itself.
        NaN without such rows. With one repeat the intervals are Wilson's. With
        more, accuracies and seconds are means, and the intervals those of the
        corrected t-test over the repeats, NaN where all are equal.
    repeats_ : DataFrame of shape (n_repeats * n_variants, 9)
        One row per repeat and variant: `repeat` from 0, `model`, `seed`,
        `training_accuracy`, `validation_accuracy`, `test_accuracy`, `cv_mean` and
        `cv_std` in percent, and `seconds`.
    significance_ : DataFrame of shape (n_pairs, 18)
        One row per pair. `difference` is the test accuracy of `variant` minus that
        of `baseline` in the first repeat, in points, and `difference_low` and
        `difference_high` are the bounds of its 95% interval (Bonett and
        Price's adjusted Wald interval for paired data); `gained` and `lost` count the
        test images that only `variant` and that only `baseline` gets right;
        `mcnemar_p` is McNemar's exact p-value of these two, `mcnemar_p_holm` the same
        after Holm's correction over the pairs.
        `cv_difference` is the mean difference over the folds, in points, `ttest_p`
        the p-value of Nadeau and Bengio's corrected resampled t-test of it,
        `ttest_p_holm` the corrected one; NaN with `cv="holdout"`. `mean_difference`
        is the mean difference of the test accuracies over the repeats, in points,
        `mean_low` and `mean_high` are the bounds of its 95% interval, `repeats_p`
        and `repeats_p_holm` the p-values of the same t-test over the repeats; NaN
        with one repeat. `sentence` says it in
        words, by `mcnemar_p_holm` with one repeat and by `repeats_p_holm` with more.
    mcnemar_ : DataFrame of shape (n_repeats * n_pairs, 10)
        McNemar's test in each repeat: `repeat`, and the columns of `significance_`
        from `variant` to `mcnemar_p_holm`.
    search_ : GridSearchCV or None
        The fitted search of the first repeat; None with `cv="holdout"`. Its folds are
        numbers of rows of the whole data, and its times count the epochs that came
        from a checkpoint, too.
    searches_ : list of GridSearchCV
        The fitted searches of all repeats.
    estimators_ : dict of str to Pipeline
        The pipelines, each fitted once on the whole development part of the first
        repeat.
    histories_ : dict of str to list of dict
        The `history_` of each network in each repeat.
    environment_ : dict of str to str
        The `"versions"` and the `"machine"` that it was made with.
    n_repeats_ : int
        Number of repeats.
    chosen_by_ : Series of float of shape (n_variants,)
        The accuracy that chooses the best variant, in percent, by name.
    best_variant_ : str
        The variant with the highest mean over the folds, or with the highest
        validation accuracy with `cv="holdout"`, in the mean of the repeats; the
        earlier one of two that are equal.
    tied_variants_ : list of str
        The variants that are equal to the best in that.
    best_estimator_ : Pipeline
        The pipeline of `best_variant_`.
    predictions_ : dict of str to ndarray of shape (n_samples,)
        The predictions of the test set of the first repeat.
    X_test_ : array-like of shape (n_samples, height * width), \
            (n_samples, height, width) or (n_samples, height, width, 1)
        The images of the test set of the first repeat.
    y_test_ : ndarray of shape (n_samples,)
        Their labels.
    call_ : str or None
        The call of `compare_variants`, with its settings.
    seconds_ : float or None
        The wall-clock time of that call.

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

    R. R. Bouckaert and E. Frank, "Evaluating the replicability of significance tests
    for comparing learning algorithms", PAKDD 2004.

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

    def __init__(
        self,
        fits,
        X_test,
        y_test,
        searches=(),
        test_to_train=None,
        call=None,
        seconds=None,
    ):
        self.call_, self.seconds_ = call, seconds
        self.X_test_ = X_test
        self.y_test_ = y_test
        self.searches_ = list(searches)
        self.environment_ = environment()
        first = [fit for fit in fits if fit["repeat"] == 0]
        self.estimators_ = {fit["model"]: fit["pipeline"] for fit in first}
        self.predictions_ = {fit["model"]: fit["predictions"] for fit in first}
        self.histories_ = {
            name: [fit["history"] for fit in fits if fit["model"] == name]
            for name in self.estimators_
            if "cnn" in self.estimators_[name].named_steps
        }
        scores = fold_scores(self.searches_, len(first))
        self.repeats_ = list_repeats(fits, scores)
        self.n_repeats_ = len(fits) // len(first)
        self.table_ = make_table(fits, scores)
        self.mcnemar_ = mcnemar_in_repeats(fits)
        pairs = compare_pairs(self.mcnemar_, fits, scores, test_to_train)
        said = [say_pair(pair, self.n_repeats_) for pair in pairs.itertuples()]
        self.significance_ = pairs.assign(sentence=said)
        chosen_by = self.chosen_by_
        is_tied = np.isclose(chosen_by, max(chosen_by), rtol=1e-9)
        self.tied_variants_ = list(chosen_by.index[is_tied])
        self.best_variant_ = self.tied_variants_[0]
        self._complete_searches()

    @property
    def search_(self):
        """The fitted search of the first repeat, or None."""
        return self.searches_[0] if self.searches_ else None

    @property
    def best_estimator_(self):
        """The fitted pipeline of the best variant."""
        return self.estimators_[self.best_variant_]

    @property
    def chosen_by_(self):
        """The accuracy by which the best variant is chosen, in percent, by name."""
        name = "cv_mean" if self.searches_ else "validation_accuracy"
        return self.table_.set_index("model")[name]

    @property
    def sentences(self):
        """What was found: the best variant, each difference, what was not tried."""
        return findings(self)

    def report(self, name=None):
        """Return precision, recall and F1 of each class on the test set, as text.

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
            If `name` is not the name of a variant.
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
        """Return the table with formatted numbers.

        Returns
        -------
        text : DataFrame of str of shape (n_variants, n_columns)
            Rounded, in short columns, without what was not measured.
        """
        table = self.table_
        text = {"model": table["model"].map(display_name)}
        for name in PARTS:
            text[name] = _formatted(table[f"{name}_accuracy"], 2)
        text["interval"] = [
            "-" if np.isnan(low) else f"{low:.2f}-{high:.2f}"
            for low, high in zip(table["test_low"], table["test_high"], strict=True)
        ]
        if self.searches_:
            text["folds"] = [
                f"{mean:.2f} ({std:.2f})"
                for mean, std in zip(table["cv_mean"], table["cv_std"], strict=True)
            ]
        text["seconds"] = _formatted(table["seconds"], 1)
        return pd.DataFrame(text)

    @property
    def caption(self):
        """Explanation of the table's columns."""
        if self.n_repeats_ == 1:
            sentences = [
                "Accuracy in percent.",
                "interval: 95% Wilson interval of the test accuracy, "
                f"n = {len(self.y_test_):,}.",
            ]
        else:
            sentences = [
                f"Mean accuracy over {self.n_repeats_} repeats in percent.",
                "interval: 95% interval of the mean test accuracy, other splits and "
                "seeds included.",
            ]
        if self.searches_:
            n_folds = self.search_.n_splits_ * self.n_repeats_
            sentences.append(
                "folds: mean (standard deviation) of the accuracies in "
                f"{n_folds} folds."
            )
        return " ".join(sentences)

    def __repr__(self):
        lines = self.as_text().to_string(index=False)
        return "\n".join([lines, "", self.caption, "", *self.sentences])

    def _repr_html_(self):
        return render_first_screen(self)

    def to_html(self, path, command=None):
        """Write a report: one HTML file with all tables and figures.

        It needs neither scripts nor a network, and can be mailed and printed. With
        repeats, training, mistakes and reports are those of the first one.

        Parameters
        ----------
        path : str or path-like
            The file to write. An existing file is replaced.
        command : str, default=None
            The command that made the comparison, for the section on repeating it. None
            writes the call of `compare_variants`.

        Raises
        ------
        OSError
            If the file cannot be written. An older one is not changed.
        """
        report = render_report(self, draw_images(self), command or self.call_)
        write_atomically(path, report)

    def _complete_searches(self):
        """Set the best estimator of the first search, which is fitted already."""
        if self.searches_:
            search, table = self.search_, self.repeats_
            search.set_params(refit=True)
            name = list(self.estimators_)[search.best_index_]
            search.best_estimator_ = self.estimators_[name]
            search.refit_time_ = float(table["seconds"][search.best_index_])


def _formatted(values, digits):
    return ["-" if np.isnan(value) else f"{value:.{digits}f}" for value in values]
