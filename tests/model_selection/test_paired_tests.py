"""The paired tests, against published figures and brute force."""

from itertools import combinations
from math import comb, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from skmnist.model_selection._paired_tests import (
    corrected_interval,
    corrected_t_test,
    holm,
    mcnemar,
    paired_interval,
)


def rights(both, gained, lost, neither):
    first = [True] * (both + gained) + [False] * (lost + neither)
    second = [True] * both + [False] * gained + [True] * lost + [False] * neither
    return np.array(first, dtype=bool), np.array(second, dtype=bool)


def test_mcnemar_textbook_example():
    # Agresti, Categorical Data Analysis, approval ratings: z² = 17.36.
    gained, lost, p = mcnemar(*rights(794, 86, 150, 570))
    assert (gained, lost) == (86, 150)
    assert p == pytest.approx(stats.chi2.sf(17.36, 1), rel=0.25)


@given(counts=st.tuples(*[st.integers(0, 25)] * 4))
def test_mcnemar_binomial_tail(counts):
    gained, lost, p = mcnemar(*rights(*counts))
    assert (gained, lost) == counts[1:3]
    n, few = gained + lost, min(gained, lost)
    tail = 2 * sum(comb(n, k) for k in range(few + 1)) / 2**n
    assert p == pytest.approx(min(tail, 1))


def test_mcnemar_without_difference():
    assert mcnemar(*2 * [np.array([True, False])]) == (0, 0, 1.0)


def test_corrected_t_test_by_hand():
    # mean 2, variance 1: t = 2 / sqrt(1/3 + 1/2) on 2 degrees of freedom, whose
    # distribution has the closed form 1/2 + t / (2 sqrt(2 + t²)).
    t = 2 / sqrt(5 / 6)
    by_hand = 2 * (0.5 - t / (2 * sqrt(2 + t * t)))
    assert corrected_t_test([1, 2, 3], 1 / 2) == pytest.approx(by_hand)
    assert corrected_t_test([-1, -2, -3], 1 / 2) == pytest.approx(by_hand)


def test_corrected_t_test_without_correction():
    differences = np.random.default_rng(0).normal(0.3, 1, 10)
    ordinary = stats.ttest_1samp(differences, 0).pvalue
    assert corrected_t_test(differences, 0) == pytest.approx(ordinary)
    assert corrected_t_test(differences, 1 / 9) > ordinary


def test_corrected_t_test_equal_folds():
    assert corrected_t_test([0, 0, 0], 0.5) == 1
    # Three equal folds prove nothing, with rounding or without.
    assert np.isnan(corrected_t_test([1, 1, 1], 0.5))
    assert np.isnan(corrected_t_test([0.9 - 0.8, 0.8 - 0.7, 0.7 - 0.6], 0.5))
    assert np.isnan(corrected_t_test([0.3], 0.5))


def test_holm_worked_example():
    np.testing.assert_allclose(
        holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_closed_bonferroni(p_values):
    # The largest Bonferroni-corrected p-value over all sets that hold the test.
    everything = range(len(p_values))
    for i, corrected in enumerate(holm(p_values)):
        closed = max(
            len(chosen) * min(p_values[k] for k in chosen)
            for size in range(1, len(p_values) + 1)
            for chosen in combinations(everything, size)
            if i in chosen
        )
        assert corrected == pytest.approx(min(closed, 1))


def test_holm_nan():
    np.testing.assert_allclose(holm([np.nan, 0.02, 0.5]), [np.nan, 0.04, 0.5])
    assert np.isnan(holm([np.nan, np.nan])).all()


class UncopiedColumn(pd.Series):
    """A column of pandas 2.2, which NumPy does not copy."""

    def __array__(self, dtype=None, copy=None):
        return super().__array__(dtype)


def test_holm_copies_its_argument():
    column = UncopiedColumn([0.01, 0.04, 0.03, 0.005])
    holm(column)
    assert column.tolist() == [0.01, 0.04, 0.03, 0.005]


def test_corrected_interval_by_hand():
    # mean 2, variance 1; the quantile of Student's t with 2 degrees of freedom has
    # the closed form (2 p - 1) sqrt(2 / (4 p (1 - p))).
    quantile = 0.95 * sqrt(2 / (4 * 0.975 * 0.025))
    half = quantile * sqrt(1 / 3 + 1 / 4)
    expected = (2, 2 - half, 2 + half)
    assert corrected_interval([1, 2, 3], 1 / 4) == pytest.approx(expected)


@given(
    st.lists(st.floats(-1, 1), min_size=2, max_size=8),
    st.floats(0, 1),
    st.floats(0.5, 0.99),
)
def test_corrected_interval_agrees_with_test(values, ratio, level):
    _, low, high = corrected_interval(values, ratio, level)
    p = corrected_t_test(values, ratio)
    if not np.isnan(low) and abs(p - (1 - level)) > 1e-9:
        assert (low <= 0 <= high) == (p > 1 - level)


def test_corrected_interval_without_variance():
    mean, *bounds = corrected_interval([0.5, 0.5], 1 / 3)
    assert mean == 0.5 and np.isnan(bounds).all()
    assert np.isnan(corrected_interval([0.5], 1 / 3)[1:]).all()


def test_corrected_t_test_false_positive_rate():
    """Two classifiers that are equally good, on 10 splits of 90 rows, 400 times.

    Repeated splits share test rows. The ordinary t-test takes them for new ones and
    sees a difference far too often; the corrected one in 5% of the cases.
    """
    rng = np.random.default_rng(0)
    alarms = {0: 0, 1 / 2: 0}
    for _ in range(400):
        # The rows that only one of them gets right.
        rows = rng.choice([-1, 0, 1], 90, p=[0.2, 0.6, 0.2])
        splits = [rng.choice(rows, 30, replace=False) for _ in range(10)]
        differences = np.mean(splits, axis=1)
        for ratio in alarms:
            alarms[ratio] += corrected_t_test(differences, ratio) < 0.05
    assert alarms[0] > 100
    assert alarms[1 / 2] == pytest.approx(20, abs=10)


def test_paired_interval_by_hand():
    # Counts of 6 and 1 among 102: the difference is 5 / 102.
    low, high = paired_interval(5, 0, 100)
    reach = 1.959964 * sqrt((7 / 102 - (5 / 102) ** 2) / 102)
    assert (low, high) == pytest.approx((5 / 102 - reach, 5 / 102 + reach))
    assert paired_interval(0, 5, 100) == pytest.approx((-high, -low))
    low, high = paired_interval(0, 0, 100)
    assert 0 < high == -low < 0.03
    assert paired_interval(1, 0, 1)[1] == 1


@pytest.mark.parametrize(
    ("gains", "losses"), [(0.05, 0.05), (0.1, 0.02), (0.01, 0), (0.3, 0.02)]
)
def test_paired_interval_coverage(gains, losses):
    """Of the intervals of 360 images, 94% or more hold the true difference."""
    counts = np.arange(361)
    p_gained = stats.binom.pmf(counts, 360, gains)
    covered = 0
    for gained in counts[p_gained > 1e-6]:
        n_left = 360 - gained
        lost = np.arange(n_left + 1)
        p_lost = stats.binom.pmf(lost, n_left, losses / (1 - gains))
        for n_lost in lost[p_lost > 1e-6]:
            low, high = paired_interval(gained, n_lost, 360)
            if low <= gains - losses <= high:
                covered += p_gained[gained] * p_lost[n_lost]
    assert covered > 0.94
