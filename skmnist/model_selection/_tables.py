"""The tables of a comparison."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from skmnist.model_selection._paired_tests import (
    corrected_interval,
    corrected_t_test,
    holm,
    mcnemar,
    paired_interval,
)

# Parts of the data on which each variant is scored.
PARTS = ("training", "validation", "test")


def fold_scores(searches, n_variants):
    """Return the accuracies in folds, of shape (n_repeats, n_variants, n_folds)."""
    if not searches:
        return np.full((1, n_variants, 1), np.nan)
    return np.array(
        [
            [
                search.cv_results_[f"split{i}_test_score"]
                for i in range(search.n_splits_)
            ]
            for search in searches
        ]
    ).swapaxes(1, 2)


def list_repeats(fits, scores):
    """Make `repeats_`."""
    rows = pd.DataFrame(fits, columns=["repeat", "model", "seed"])
    for name in PARTS:
        rows[f"{name}_accuracy"] = [100 * fit[name] for fit in fits]
    folds = scores.reshape(-1, scores.shape[2])
    rows["cv_mean"] = np.resize(100 * folds.mean(axis=1), len(fits))
    rows["cv_std"] = np.resize(100 * folds.std(axis=1), len(fits))
    rows["seconds"] = [fit["seconds"] for fit in fits]
    return rows


def make_table(fits, scores):
    """Make `table_`."""
    rows = []
    for i, name in enumerate(_names(fits)):
        of_variant = [fit for fit in fits if fit["model"] == name]
        row = {"model": name}
        for part in PARTS:
            mean, low, high = _summarize(of_variant, part)
            row |= {f"{part}_accuracy": mean, f"{part}_low": low, f"{part}_high": high}
        row["cv_mean"] = 100 * scores[:, i].mean()
        row["cv_std"] = 100 * scores[:, i].std()
        row["seconds"] = np.mean([fit["seconds"] for fit in of_variant])
        rows.append(row)
    return pd.DataFrame(rows)


def _summarize(fits, part):
    """Return a mean accuracy and its interval in percent; NaN without any."""
    values = np.array([fit[part] for fit in fits])
    if len(fits) > 1:
        held_out = "validation" if part == "validation" else "test"
        interval = corrected_interval(100 * values, _ratio(fits, held_out))
        return np.clip(interval, 0, 100)
    accuracy, n_rows = values[0], fits[0][f"n_{part}"]
    bounds = np.nan, np.nan
    if not np.isnan(accuracy):
        test = stats.binomtest(round(accuracy * n_rows), n_rows)
        bounds = test.proportion_ci(method="wilson")
    return 100 * np.array([accuracy, *bounds])


def mcnemar_in_repeats(fits):
    """Make `mcnemar_`."""
    columns = ["repeat", "variant", "baseline", "difference", "difference_low"]
    columns += ["difference_high", "gained", "lost", "mcnemar_p", "mcnemar_p_holm"]
    parts = []
    for repeat in range(1 + max(fit["repeat"] for fit in fits)):
        rows = []
        of_repeat = [fit for fit in fits if fit["repeat"] == repeat]
        for baseline, variant in combinations(of_repeat, 2):
            gained, lost, p = mcnemar(variant["right"], baseline["right"])
            n_test = variant["n_test"]
            low, high = paired_interval(gained, lost, n_test)
            points = 100 * np.array([(gained - lost) / n_test, low, high])
            names = variant["model"], baseline["model"]
            rows.append((repeat, *names, *points, gained, lost, p, np.nan))
        part = pd.DataFrame(rows, columns=columns)
        part["mcnemar_p_holm"] = holm(part["mcnemar_p"])
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def compare_pairs(in_repeats, fits, scores, test_to_train):
    """Make `significance_` without its sentences, from `mcnemar_` and the fits."""
    pairs = in_repeats.query("repeat == 0").drop(columns="repeat")
    names = _names(fits)
    rows = []
    for baseline, variant in combinations(range(len(names)), 2):
        over_folds = (scores[:, variant] - scores[:, baseline]).ravel()
        row = {
            "cv_difference": 100 * over_folds.mean(),
            "ttest_p": corrected_t_test(over_folds, test_to_train),
        }
        rows.append(row | _compare_repeats(fits, names[variant], names[baseline]))
    columns = ["cv_difference", "ttest_p", "ttest_p_holm", "mean_difference"]
    columns += ["mean_low", "mean_high", "repeats_p", "repeats_p_holm"]
    tested = pd.DataFrame(rows, columns=columns, dtype=float)
    for name in ("ttest_p", "repeats_p"):
        tested[f"{name}_holm"] = holm(tested[name])
    return pd.concat([pairs.reset_index(drop=True), tested], axis=1)


def _compare_repeats(fits, variant, baseline):
    """Test the difference of two variants over several repeats."""
    ours, theirs = (
        np.array([fit["test"] for fit in fits if fit["model"] == name])
        for name in (variant, baseline)
    )
    if len(ours) == 1:
        return {}
    ratio = _ratio(fits, "test")
    mean, low, high = corrected_interval(100 * (ours - theirs), ratio)
    return {
        "mean_difference": mean,
        # Accuracies cannot differ by more.
        "mean_low": np.clip(low, -100, 100),
        "mean_high": np.clip(high, -100, 100),
        "repeats_p": corrected_t_test(ours - theirs, ratio),
    }


def _names(fits):
    return list(dict.fromkeys(fit["model"] for fit in fits))


def _ratio(fits, held_out):
    """Return the ratio of rows held out to rows trained on, in the mean."""
    return np.mean([fit[f"n_{held_out}"] / fit["n_training"] for fit in fits])
