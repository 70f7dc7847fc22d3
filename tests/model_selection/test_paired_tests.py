"""The tests of differences, against published figures and brute force."""

from itertools import combinations
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from skmnist.model_selection._paired_tests import (
    corrected_t_test,
    holm,
    mcnemar,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_as_published(k, n, low, high):
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
    assert wilson_interval(k, n) == pytest.approx((low, high), abs=5e-5)


@given(n=st.integers(1, 9999), part=st.floats(0, 1))
def test_wilson_interval_solves_its_equation(n, part):
    k = int(n * part)
    z = stats.norm.ppf(0.975)
    for bound, side in zip(wilson_interval(k, n), (1, -1), strict=True):
        residual = k / n - bound - side * z * sqrt(bound * (1 - bound) / n)
        assert abs(residual) < 1e-9
    low, high = wilson_interval(k, n)
    assert -1e-12 <= low <= k / n <= high <= 1 + 1e-12


def rights(both, gained, lost, neither):
    first = [True] * (both + gained) + [False] * (lost + neither)
    second = [True] * both + [False] * gained + [True] * lost + [False] * neither
    return np.array(first), np.array(second)


def test_mcnemar_of_a_textbook_example():
    # Agresti, Categorical Data Analysis, approval ratings: z² = 17.36.
    gained, lost, p = mcnemar(*rights(794, 86, 150, 570))
    assert (gained, lost) == (86, 150)
    assert p == pytest.approx(stats.chi2.sf(17.36, 1), rel=0.25)


@given(counts=st.tuples(*[st.integers(0, 25)] * 4))
def test_mcnemar_is_the_tail_of_fair_coins(counts):
    gained, lost, p = mcnemar(*rights(*counts))
    assert (gained, lost) == counts[1:3]
    n, few = gained + lost, min(gained, lost)
    tail = 2 * sum(comb(n, k) for k in range(few + 1)) / 2**n
    assert p == pytest.approx(min(tail, 1))


def test_mcnemar_without_a_difference_is_one():
    assert mcnemar([True, False], [True, False]) == (0, 0, 1.0)


def test_corrected_t_test_by_hand():
    # mean 2, variance 1: t = 2 / sqrt(1/3 + 1/2) on 2 degrees of freedom, whose
    # distribution has the closed form 1/2 + t / (2 sqrt(2 + t²)).
    t = 2 / sqrt(5 / 6)
    by_hand = 2 * (0.5 - t / (2 * sqrt(2 + t * t)))
    assert corrected_t_test([1, 2, 3], 1 / 2) == pytest.approx(by_hand)
    assert corrected_t_test([-1, -2, -3], 1 / 2) == pytest.approx(by_hand)


def test_corrected_t_test_without_the_correction_is_the_ordinary_one():
    differences = np.random.default_rng(0).normal(0.3, 1, 10)
    ordinary = stats.ttest_1samp(differences, 0).pvalue
    assert corrected_t_test(differences, 0) == pytest.approx(ordinary)
    assert corrected_t_test(differences, 1 / 9) > ordinary


def test_corrected_t_test_where_the_folds_agree():
    assert corrected_t_test([0, 0, 0], 0.5) == 1
    # Three folds that agree prove nothing, with rounding or without.
    assert np.isnan(corrected_t_test([1, 1, 1], 0.5))
    assert np.isnan(corrected_t_test([0.9 - 0.8, 0.8 - 0.7, 0.7 - 0.6], 0.5))
    assert np.isnan(corrected_t_test([0.3], 0.5))


def test_holm_of_a_worked_example():
    np.testing.assert_allclose(
        holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_bonferroni_test(p_values):
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


def test_holm_leaves_out_what_was_not_tested():
    np.testing.assert_allclose(holm([np.nan, 0.02, 0.5]), [np.nan, 0.04, 0.5])
    assert np.isnan(holm([np.nan, np.nan])).all()
