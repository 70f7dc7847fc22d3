"""Intervals of accuracies, and tests of differences between classifiers."""

import numpy as np
from scipy import stats

# Smaller differences are due to rounding.
_ROUNDING = 1e-12


def mcnemar(right, baseline_right):
    """Test whether two classifiers err equally often on the same samples.

    If so, each of the samples that exactly one of them gets right falls to either side
    like a fair coin (McNemar, 1947). `right` and `baseline_right` are arrays of bool.
    Returns the numbers of samples that only the first and only the second gets right,
    and the exact two-sided p-value.
    """
    gained = int(np.sum(right & ~baseline_right))
    lost = int(np.sum(baseline_right & ~right))
    if gained + lost == 0:
        return 0, 0, 1.0
    return gained, lost, float(stats.binomtest(gained, gained + lost).pvalue)


def paired_interval(gained, lost, n_samples):
    """Return the 95% interval of the difference of two accuracies on the same samples.

    The adjusted Wald interval of Bonett and Price (2012): both counts and the sample
    size are raised by 1, 1 and 2. It may exclude zero where :func:`mcnemar`, which is
    conservative, does not reject.
    """
    n = n_samples + 2
    center = (gained - lost) / n
    variance = ((gained + lost + 2) / n - center**2) / n
    reach = float(stats.norm.ppf(0.975) * np.sqrt(variance))
    return max(center - reach, -1.0), min(center + reach, 1.0)


def corrected_t_test(differences, test_to_train):
    """Test whether a mean difference over folds or repeated splits is zero.

    The splits share training rows, so that an ordinary t-test takes their scores for
    more independent than they are. The correction enlarges the variance of the mean
    from 1/J to 1/J + n_test/n_train times the variance over the J splits (Nadeau and
    Bengio, 2003; Bouckaert and Frank, 2004). `test_to_train` is n_test/n_train, which
    is 1/(k - 1) for k folds. Returns the two-sided p-value; NaN for less than two
    splits, and where all splits differ by the same amount other than 0.
    """
    mean, error = _mean_and_error(differences, test_to_train)
    if np.isnan(error):
        agree = len(differences) > 1 and abs(mean) <= _ROUNDING
        return 1.0 if agree else np.nan
    return float(2 * stats.t.sf(abs(mean / error), len(differences) - 1))


def corrected_interval(scores, test_to_train, confidence=0.95):
    """Return a mean over repeated splits, and the interval of the corrected t-test.

    Returns the mean and the bounds, which are NaN for less than two splits, and where
    all scores are equal.
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
    """Correct p-values for the number of tests, by Holm's step-down method (1979).

    NaN, of a pair without a test, stays NaN.
    """
    # Not np.array(), which does not copy a column of pandas 2.2.
    corrected = np.asarray(p_values, dtype=float).copy()
    order = [i for i in np.argsort(corrected) if not np.isnan(corrected[i])]
    factors = np.arange(len(order), 0, -1)
    steps = np.maximum.accumulate(corrected[order] * factors)
    corrected[order] = np.minimum(steps, 1)
    return corrected
