"""The sentences of a comparison, for made-up fits."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from skmnist import MnistCNN, VariantComparison
from skmnist.model_selection._sentences import say_pair

SEEDS = "Other seeds were not tried: repeats=5 tells whether the differences last."


def compare(*repeats, validation=None, networks=None, rates=None, n_samples=1000):
    """Return the comparison of variants that are wrong on their first images.

    Each repeat gives the number of wrong images for each variant.
    """
    fits = []
    for repeat, n_wrong in enumerate(repeats):
        for i, (name, wrong) in enumerate(n_wrong.items()):
            predictions = (np.arange(n_samples) < wrong).astype(int)
            network = (networks or {}).get(name)
            step = ("other", DummyClassifier()) if network is None else ("cnn", network)
            fits.append(
                {
                    "repeat": repeat,
                    "model": name,
                    "seed": repeat,
                    "training": 1.0,
                    "n_training": 3 * n_samples,
                    "validation": validation[i] if validation else 1 - wrong / 1000,
                    "n_validation": n_samples,
                    "test": 1 - wrong / n_samples,
                    "n_test": n_samples,
                    "predictions": predictions,
                    "right": predictions == 0,
                    "seconds": 1.0,
                    # Other networks have other losses.
                    "history": {
                        "learning_rate": (rates or {}).get(name, [1.0, 0.3]),
                        "loss": getattr(network, "dense_units", 0),
                    },
                    "pipeline": Pipeline([step]) if repeat == 0 else None,
                }
            )
    return VariantComparison(fits, None, np.zeros(n_samples, int))


def test_verdict_gain_loss_and_chance():
    assert compare({"a": 20, "b": 14, "c": 30}).sentences == [
        "b is best in validation; it reaches 98.60% on the test set (95% interval "
        "97.66% to 99.16%).",
        "b gains 0.60 points over a; this is unlikely to be chance (p = 0.031).",
        "c loses 1.60 points to b; this is unlikely to be chance (p < 0.001).",
        "c loses 1.00 points to a; this is unlikely to be chance (p = 0.0039).",
        SEEDS,
    ]


def test_verdict_best_not_significant():
    best, pair, _ = compare({"a": 20, "b": 17}).sentences
    assert best.startswith(
        "b is ahead in validation, but it is not shown to be better than a; it reaches"
    )
    assert pair == "b gains 0.30 points over a; this could be chance (p = 0.25)."


def test_verdict_best_in_validation_only():
    best, *_ = compare({"a": 1, "b": 500, "c": 1}, validation=(0.5, 0.9, 0.8)).sentences
    assert best.startswith(
        "b is ahead in validation, but it is not shown to be better than a and c; it"
    )


def test_verdict_tie():
    found = compare(
        {"x": 9, "annealed_augmented": 5, "c": 5}, validation=(0.9, 0.95, 0.95)
    )
    assert found.tied_variants_ == ["annealed_augmented", "c"]
    assert found.best_variant_ == "annealed_augmented"
    assert found.sentences[0].startswith(
        '"annealed, augmented" and c are equal in validation (95.00%), and annealed, '
        "augmented is kept as the first of them, but it is not shown to be better than "
        "x; it reaches 99.50%"
    )
    assert "c and annealed, augmented are right equally often." in found.sentences


def test_verdict_by_holm_corrected_p_value():
    pair = compare({"a": 20, "b": 14}).significance_.iloc[0]
    assert pair.mcnemar_p == pair.mcnemar_p_holm == pytest.approx(2 / 2**6)
    found = compare({"a": 20, "b": 14, "c": 20})
    pair = found.significance_.iloc[0]
    assert pair.mcnemar_p < 0.05 < pair.mcnemar_p_holm
    assert "b gains 0.60 points over a; this could be chance" in found.sentences[1]


def test_verdict_one_variant():
    said = compare({"annealed_augmented": 20}).sentences
    assert said[0].startswith("annealed, augmented reaches 98.00% on the test set")
    assert said[1:] == [SEEDS]


def test_verdict_repeats_agree():
    wrong = [{"a": 30, "b": 20}, {"a": 29, "b": 20}, {"a": 31, "b": 20}]
    best, pair = compare(*wrong).sentences
    assert best == (
        "b is best in validation; it reaches 98.00% on the test set on average over 3 "
        "repeats."
    )
    # mean 1, variance 0.01: t = 10 / sqrt(1/3 + 1/3) on 2 degrees of freedom.
    assert pair == (
        "On average over 3 repeats, b gains 1.00 points over a (95% interval 0.65 to "
        "1.35); this is unlikely to be chance (p = 0.0066)."
    )


def test_verdict_repeats_order():
    wrong = [{"a": 20, "b": 24}, {"a": 22, "b": 20}, {"a": 20, "b": 26}]
    best, pair = compare(*wrong).sentences
    assert best.startswith(
        "a is ahead in validation, but it is not shown to be better than b; it reaches "
        "97.93% on the test set on average over 3 repeats (95% interval "
    )
    # mean 0.2667, variance 0.1733: t = 0.784, and 4.303 errors to either side.
    assert pair == (
        "On average over 3 repeats, a gains 0.27 points over b (95% interval -1.20 to "
        "1.73); this could be chance (p = 0.51)."
    )


def test_verdict_interval_without_zero_that_holm_corrects():
    a, b, c = [30, 31, 32], [25, 25, 25], [29, 33, 31]
    wrong = [dict(zip("abc", each, strict=True)) for each in zip(a, b, c, strict=True)]
    found = compare(*wrong)
    pair = found.significance_.iloc[0]
    assert pair.repeats_p < 0.05 < pair.repeats_p_holm and pair.mean_low > 0
    assert "; with several pairs compared, this could be chance" in pair.sentence
    alone = compare(*[{"a": each["a"], "b": each["b"]} for each in wrong])
    assert "; this is unlikely to be chance" in alone.sentences[1]


def test_verdict_repeats_equal_differences():
    _, equal = compare({"a": 2, "b": 2}, {"a": 5, "b": 5}).sentences
    assert equal == "b and a are right equally often in each repeat."
    best, same = compare({"a": 5, "b": 2}, {"a": 6, "b": 3}).sentences
    assert "not shown to be better than a" in best
    assert same == (
        "b gains 0.30 points over a in each repeat, so that chance cannot be judged."
    )


def test_verdict_annealing_without_effect():
    networks = {
        "plain": MnistCNN(),
        "annealed": MnistCNN(anneal=True),
        "wide": MnistCNN(anneal=True, dense_units=500),
    }
    rates = {"plain": [1.0, 1.0], "annealed": [1.0, 1.0], "wide": [1.0, 1.0]}
    wrong = {"plain": 5, "annealed": 5, "wide": 5}
    said = compare(wrong, networks=networks, rates=rates).sentences
    assert said[-3:-1] == [
        "annealed never lowered the learning rate: the training is that of plain.",
        "wide never lowered the learning rate: annealing had no effect.",
    ]
    networks["other"] = MnistCNN(anneal="plateau", anneal_patience=9)
    said = compare(
        wrong | {"other": 5}, networks=networks, rates=rates | {"other": [1.0, 1.0]}
    ).sentences
    assert said[-3] == (
        "annealed and other never lowered the learning rate: the training is that of "
        "plain."
    )
    rates["annealed"] = [1.0, 0.3]
    said = compare(wrong, networks=networks, rates=rates).sentences
    assert not any(line.startswith("annealed never") for line in said)


def test_one_cycle_of_one_epoch_has_one_rate_in_the_history():
    networks = {"plain": MnistCNN(epochs=1), "cycle": MnistCNN(anneal="one_cycle")}
    rates = {"plain": [0.1], "cycle": [0.1]}
    said = compare({"plain": 5, "cycle": 4}, networks=networks, rates=rates).sentences
    assert not any("never lowered" in line for line in said)


def test_numbers_near_a_bound_are_not_rounded_to_it():
    (pair,) = compare({"a": 20, "b": 17}).significance_.itertuples()
    for p, words in [
        (0.0496, "is unlikely to be chance (p = 0.0496)"),
        (0.0504, "could be chance (p = 0.0504)"),
        (0.012, "is unlikely to be chance (p = 0.012)"),
    ]:
        assert words in say_pair(pair._replace(mcnemar_p_holm=p), 1)
    (pair,) = compare({"a": 20, "b": 17}, {"a": 20, "b": 16}).significance_.itertuples()
    pair = pair._replace(mean_low=-0.001, mean_high=0.7)
    assert "(95% interval 0.00 to 0.70)" in say_pair(pair, 2)


def test_repeats_that_cancel_out():
    _, pair = compare({"a": 4, "b": 2}, {"a": 2, "b": 4}).sentences
    assert pair.startswith(
        "On average over 2 repeats, b and a differ by less than 0.01 points (95%"
    )
    assert pair.endswith("; this could be chance (p = 1).")


def test_best_of_many_that_could_be_chance():
    best, *_ = compare({"a": 20, "b": 19, "c": 18, "d": 17}).sentences
    assert best.startswith(
        "d is ahead in validation, but it is not shown to be better than any of the "
        "others; it reaches"
    )


def test_many_pairs_in_a_notebook():
    """The pairs of the best variant come first, and more than ten are folded away."""
    found = compare({name: 20 + i for i, name in enumerate("bcadef")})
    assert found.best_variant_ == "b"
    _, *pairs, _ = found.sentences
    assert all(" b" in sentence for sentence in pairs[:5])
    assert sorted(pairs) == sorted(found.significance_["sentence"])
    screen = found._repr_html_()
    shown, folded = screen.split("<details><summary>The other 5 pairs")
    assert all(sentence in shown for sentence in [*pairs[:10], SEEDS])
    assert all(sentence in folded for sentence in pairs[10:])
    assert "<details>" not in compare({"a": 20, "b": 17})._repr_html_()
