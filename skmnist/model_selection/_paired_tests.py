"""Intervals of accuracies, and tests of differences between classifiers."""

import numpy as np
from scipy import stats

# Smaller differences are due to rounding.
_ROUNDING = 1e-12


def wilson_interval(n_right, n_samples, confidence=0.95):
    """Return the Wilson interval of an accuracy.

    Parameters
    ----------
    n_right : int
        Number of right predictions.
    n_samples : int
        Number of predictions, at least 1.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    low, high : float
        Bounds of the accuracy, fractions between 0 and 1.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical
    inference", Journal of the American Statistical Association 22, 1927.
    """
    test = stats.binomtest(int(n_right), int(n_samples))
    return tuple(map(float, test.proportion_ci(confidence, method="wilson")))


def mcnemar(right, baseline_right):
    """Test whether two classifiers err equally often on the same samples.

    Only samples that exactly one of the two gets right bear on the question. If
    both err equally often, each of these falls to either side like a fair coin.

    Parameters
    ----------
    right, baseline_right : array-like of bool, shape (n_samples,)
        Whether the classifier, and the one that it is compared with, predicted
        each sample right.

    Returns
    -------
    gained : int
        Number of samples that only the first gets right.
    lost : int
        Number of samples that only the second gets right.
    p : float
        Exact two-sided p-value; 1 if they never differ.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12, 1947.
    """
    right = np.asarray(right, dtype=bool)
    baseline_right = np.asarray(baseline_right, dtype=bool)
    gained = int(np.sum(right & ~baseline_right))
    lost = int(np.sum(baseline_right & ~right))
    if gained + lost == 0:
        return 0, 0, 1.0
    return gained, lost, float(stats.binomtest(gained, gained + lost).pvalue)


def paired_interval(gained, lost, n_samples, confidence=0.95):
    """Give the interval of the difference of two accuracies on the same samples.

    The adjusted Wald interval of Bonett and Price: both counts and the sample size
    are raised by 1, 1 and 2. It may exclude zero where :func:`mcnemar`, which is
    conservative, does not reject.

    Parameters
    ----------
    gained, lost : int
        Number of samples that only the first, and that only the second gets right.
    n_samples : int
        Number of all samples, 1 or more.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    low, high : float
        Bounds of the accuracy of the first minus that of the second.

    References
    ----------
    D. G. Bonett and R. M. Price, "Adjusted Wald confidence interval for a difference
    of binomial proportions based on paired data", Journal of Educational and
    Behavioral Statistics 37, 2012.
    """
    n = n_samples + 2
    center = (gained - lost) / n
    variance = ((gained + lost + 2) / n - center**2) / n
    reach = float(stats.norm.ppf((1 + confidence) / 2) * np.sqrt(variance))
    return max(center - reach, -1.0), min(center + reach, 1.0)


def corrected_t_test(differences, test_to_train):
    """Test whether a mean difference over folds or repeated splits is zero.

    The splits share training rows, so that an ordinary t-test takes their scores for
    more independent than they are. The correction enlarges the variance of the mean
    from 1/J to 1/J + n_test/n_train times the variance over the J splits.

    Parameters
    ----------
    differences : array-like of shape (n_splits,)
        Difference of the two scores in each split.
    test_to_train : float
        Rows tested on for each row trained on in a split; 1/(k - 1) for k folds.

    Returns
    -------
    p : float
        Two-sided p-value; NaN for less than two splits, and where all splits differ
        by the same amount other than 0.

    References
    ----------
    C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine
    Learning 52, 2003.

    R. R. Bouckaert and E. Frank, "Evaluating the replicability of significance tests
    for comparing learning algorithms", PAKDD 2004.
    """
    mean, error = _mean_and_error(differences, test_to_train)
    if np.isnan(error):
        agree = len(differences) > 1 and abs(mean) <= _ROUNDING
        return 1.0 if agree else np.nan
    return float(2 * stats.t.sf(abs(mean / error), len(differences) - 1))


def corrected_interval(scores, test_to_train, confidence=0.95):
    """Return a mean over repeated splits, with the interval of the corrected t-test.

    Parameters
    ----------
    scores : array-like of shape (n_splits,)
        The score, or the difference of two scores, in each split.
    test_to_train : float
        Rows tested on for each row trained on in a split.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    mean, low, high : float
        The mean and the bounds of its interval; the bounds are NaN for less than
        two splits, and where all scores are equal.

    References
    ----------
    C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine
    Learning 52, 2003.
    """
    mean, error = _mean_and_error(scores, test_to_train)
    half = error * stats.t.ppf((1 + confidence) / 2, max(len(scores) - 1, 1))
    return float(mean), float(mean - half), float(mean + half)


def _mean_and_error(scores, test_to_train):
    """Return a mean and its corrected standard error; NaN without any variance."""
    scores = np.asarray(scores, dtype=float)
    if len(scores) < 2 or np.ptp(scores) <= _ROUNDING:
        return scores.mean(), np.nan
    variance = (1 / len(scores) + test_to_train) * scores.var(ddof=1)
    return scores.mean(), np.sqrt(variance)


def holm(p_values):
    """Correct p-values for the number of tests, by Holm's step-down method.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        The p-values of one family of tests. NaN where there is no test.

    Returns
    -------
    corrected : ndarray of shape (n_tests,)
        The corrected p-values, at most 1, in the order given; NaN stays NaN.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure",
    Scandinavian Journal of Statistics 6, 1979.
    """
    # Not np.array(), which does not copy a column of pandas 2.2.
    corrected = np.asarray(p_values, dtype=float).copy()
    order = [i for i in np.argsort(corrected) if not np.isnan(corrected[i])]
    factors = np.arange(len(order), 0, -1)
    steps = np.maximum.accumulate(corrected[order] * factors)
    corrected[order] = np.minimum(steps, 1)
    return corrected
