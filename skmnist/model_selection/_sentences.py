"""The results of a comparison, in sentences."""

import numpy as np

from skmnist._utils import display_name

# A p-value below this is called unlikely to be chance.
_LEVEL = 0.05
_ALMOST_EQUAL = "{} and {} differ by less than 0.01 points"
_MOST_NAMES = 5  # in a sentence


def findings(comparison):
    """Return sentences on the best variant, each pair, and what was not tried."""
    sentences = [_say_best(comparison), *_pairs_of_best_first(comparison)]
    sentences += _say_constant_rates(comparison)
    if comparison.n_repeats_ == 1:
        sentences.append(
            "Other seeds were not tried: repeats=5 tells whether the differences last."
        )
    return sentences


def _pairs_of_best_first(comparison):
    pairs = comparison.significance_
    of_best = (pairs[["variant", "baseline"]] == comparison.best_variant_).any(axis=1)
    return [*pairs[of_best].sentence, *pairs[~of_best].sentence]


def _say_best(comparison):
    best = comparison.best_variant_
    row = comparison.table_.set_index("model").loc[best]
    by = "cross-validation" if comparison.searches_ else "validation"
    reached = f"reaches {row.test_accuracy:.2f}% on the test set"
    if comparison.n_repeats_ > 1:
        reached += f" on average over {comparison.n_repeats_} repeats"
    if not np.isnan(row.test_low):
        reached += f" (95% interval {row.test_low:.2f}% to {row.test_high:.2f}%)"
    if len(comparison.table_) == 1:
        return f"{display_name(best)} {reached}."
    tied = comparison.tied_variants_
    open_ = [each for each in _not_shown_worse(comparison, best) if each not in tied]
    if len(tied) > 1:
        score = f"{comparison.chosen_by_[best]:.2f}%"
        said = (
            f"{_list(tied)} are equal in {by} ({score}), and {display_name(best)} is "
            "kept as the first of them"
        )
    else:
        said = f"{display_name(best)} is {'ahead' if open_ else 'best'} in {by}"
    if open_:
        every = len(open_) == len(comparison.table_) - len(tied) > 2
        others = "any of the others" if every else _list(open_)
        said += f", but it is not shown to be better than {others}"
    return f"{said}; it {reached}."


def _not_shown_worse(comparison, best):
    """Return the variants that the tests do not show to be worse than the best."""
    p_name, difference = (
        ("mcnemar_p_holm", "difference")
        if comparison.n_repeats_ == 1
        else ("repeats_p_holm", "mean_difference")
    )
    remaining = []
    for pair in comparison.significance_.to_dict("records"):
        if best not in (pair["variant"], pair["baseline"]):
            continue
        lead = pair[difference] if pair["variant"] == best else -pair[difference]
        if not (lead > 0 and pair[p_name] < _LEVEL):
            remaining.append(
                pair["baseline"] if pair["variant"] == best else pair["variant"]
            )
    return remaining


def say_pair(pair, n_repeats):
    """Return a sentence on the difference of a pair, and whether it could be chance.

    Judged by McNemar's test for one repeat, otherwise by the corrected t-test over
    the repeats, after Holm's correction.
    """
    variant, baseline = display_name(pair.variant), display_name(pair.baseline)
    if n_repeats > 1:
        return _say_repeated(pair, variant, baseline, n_repeats)
    if pair.gained == pair.lost:
        return f"{variant} and {baseline} are right equally often."
    points = f"{abs(pair.difference):.2f} points"
    if points == "0.00 points":
        finding = _ALMOST_EQUAL.format(variant, baseline)
    elif pair.gained > pair.lost:
        finding = f"{variant} gains {points} over {baseline}"
    else:
        finding = f"{variant} loses {points} to {baseline}"
    return f"{finding}; this {_judge(pair.mcnemar_p_holm)}."


def _say_repeated(pair, variant, baseline, n_repeats):
    constant = np.isnan(pair.mean_low)  # the same difference in each repeat
    if constant and pair.repeats_p == 1:
        return f"{variant} and {baseline} are right equally often in each repeat."
    bounds = pair.mean_low, pair.mean_high
    if pair.mean_difference < 0:
        variant, baseline = baseline, variant
        bounds = -bounds[1], -bounds[0]
    gain = f"{variant} gains {abs(pair.mean_difference):.2f} points over {baseline}"
    if abs(pair.mean_difference) < 0.005:
        gain = _ALMOST_EQUAL.format(variant, baseline)
    if constant:
        return f"{gain} in each repeat, so that chance cannot be judged."
    low, high = (f"{round(bound, 2) + 0.0:.2f}" for bound in bounds)  # no "-0.00"
    # The interval is that of one pair alone, and the correction is for all of them.
    overruled = pair.repeats_p < _LEVEL <= pair.repeats_p_holm
    among = "with several pairs compared, " if overruled else ""
    return (
        f"On average over {n_repeats} repeats, {gain} (95% interval {low} to {high}); "
        f"{among}this {_judge(pair.repeats_p_holm)}."
    )


def _judge(p):
    verdict = "is unlikely to be chance" if p < _LEVEL else "could be chance"
    # Rounded to the level, it would seem to contradict the verdict.
    shown = f"{p:.2g}" if f"{p:.2g}" != f"{_LEVEL:.2g}" else f"{p:.3g}"
    value = "p < 0.001" if p < 0.001 else f"p = {shown}"
    return f"{verdict} ({value})"


def _say_constant_rates(comparison):
    """Say which variants with the plateau rule never lowered their learning rate."""
    networks = {
        name: pipeline["cnn"].get_params(deep=False)
        for name, pipeline in comparison.estimators_.items()
        if "cnn" in pipeline.named_steps
    }
    constant = {}
    for name, params in networks.items():
        rates = [history["learning_rate"] for history in comparison.histories_[name]]
        # One cycle moves within an epoch, too.
        lowered = any(len(set(of_fit)) > 1 for of_fit in rates)
        if lowered or params["anneal"] in (False, "one_cycle"):
            continue
        same = [
            other
            for other, of_other in networks.items()
            if not of_other["anneal"]
            and comparison.histories_[other] == comparison.histories_[name]
        ]
        constant.setdefault((*same[:1],), []).append(name)
    # The histories are those of the fits that are tested, not of the folds.
    fits, that = "", "the"
    if comparison.searches_:
        fits, that = " in the fits that are tested", "that"
    return [
        f"{_list(names)} never lowered the learning rate{fits}: "
        + (
            f"{that} training is that of {_list(same)}."
            if same
            else "annealing had no effect."
        )
        for same, names in constant.items()
    ]


def _list(names):
    """Write names as a list, in which one with a comma has quotation marks."""
    shown = [display_name(name) for name in names]
    if len(shown) > 1:
        shown = [f'"{name}"' if "," in name else name for name in shown]
    if len(shown) > _MOST_NAMES:
        shown[_MOST_NAMES - 1 :] = [f"{len(shown) - _MOST_NAMES + 1} others"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)
