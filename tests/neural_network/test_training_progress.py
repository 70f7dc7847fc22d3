"""The remaining time of training, from reports of any process."""

import io
import re
import time
from html import unescape
from textwrap import dedent

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from rich.console import Console
from sklearn.dummy import DummyClassifier

from skmnist import MnistCNN, make_mnist_pipeline
from skmnist.model_selection._splits import Split
from skmnist.model_selection._variant_fits import VariantFits
from skmnist.model_selection._variants import variant_pipeline
from skmnist.neural_network._progress import TrainingProgress, say_duration
from skmnist.neural_network._time_left import (
    Report,
    TimeLeft,
    Work,
    fit_cost,
    scoring_cost,
)


def networks(names, training=1, scoring=0):
    return {name: Work(training, scoring) for name in names}


def test_time_left_unknown_before_second_report():
    left = TimeLeft(networks(["one"]))
    assert left.seconds(0) is None
    left.add(Report("one", 10, 0.01))
    assert left.seconds(10) is None
    left.add(Report("one", 11, 0.02))
    assert left.seconds(11) == pytest.approx(98)
    assert left.seconds(15) == pytest.approx(94)


def test_time_left_fits_of_different_length():
    left = TimeLeft({"short": Work(1), "long": Work(3)})
    left.add(Report("short", 0, 0))
    left.add(Report("short", 10, 1, is_over=True))
    assert left.fraction == 0.25
    assert left.seconds(10) == pytest.approx(30)
    assert (left.n_over, left.running) == (1, [])


def test_time_left_with_early_stopping_of_variants():
    names = [f"{variant}, repeat {i}" for i in (1, 2, 3) for variant in "ab"]
    left = TimeLeft({name: Work(1, network=name[0]) for name in names})
    for name, begin, end, fraction in [
        *(("a, repeat 1", 0, 10, 0.2), ("b, repeat 1", 10, 40, 0.6)),
        ("a, repeat 2", 40, 50, 0.2),
    ]:
        left.add(Report(name, begin, 0))
        left.add(Report(name, end, fraction, is_over=True))
        if name == "a, repeat 1":  # nothing is known of b yet
            assert left.seconds(10) == pytest.approx(5 * 10)
    # Still b, a, b.
    assert left.seconds(50) == pytest.approx(30 + 10 + 30)
    assert left.fraction == pytest.approx((0.2 + 0.6 + 0.2) / (3 * 0.2 + 3 * 0.6))


def test_time_left_with_early_stopping():
    left = TimeLeft(networks("abc"))
    left.add(Report("a", 0, 0))
    left.add(Report("a", 10, 0.2))
    assert left.seconds(10) == pytest.approx(40 + 50 + 50)
    left.add(Report("a", 20, 0.4, is_over=True))
    assert left.seconds(20) == pytest.approx(20 + 20)
    left.add(Report("b", 20, 0))
    left.add(Report("b", 30, 0.2))
    assert left.seconds(30) == pytest.approx(10 + 20)
    left.add(Report("b", 45, 0.5))  # longer than a
    assert left.seconds(45) == pytest.approx(2.5 + 20)
    left.add(Report("b", 50, 0.6, is_over=True))
    assert left.seconds(50) == pytest.approx(25)


def test_time_left_parallel_fits():
    left = TimeLeft(networks("abcd"))
    for second in range(6):
        for name in "ab":
            left.add(Report(name, second, second / 10))
    assert [report.name for report in left.running] == ["a", "b"]
    assert left.seconds(5) == pytest.approx(15)


def test_time_left_last_fit_runs_alone():
    left = TimeLeft(networks("abc"))
    for name in "ab":
        left.add(Report(name, 0, 0))
        left.add(Report(name, 5, 0.5))
    assert left.seconds(5) == pytest.approx(15)
    for name in "ab":
        left.add(Report(name, 10, 1, is_over=True))
    left.add(Report("c", 10, 0))
    left.add(Report("c", 15, 0.5))
    assert left.seconds(15) == pytest.approx(5)


def test_time_left_workers_start_one_after_the_other():
    left = TimeLeft(networks("ab"))
    left.add(Report("a", 0, 0))
    left.add(Report("b", 9, 0))
    left.add(Report("a", 10, 0.5))
    left.add(Report("b", 11, 0.1))
    assert left.seconds(11) == pytest.approx(18)  # b, at 12 seconds for 0.6


def test_time_left_kinds_of_another_pace_than_their_lengths():
    work = {"small": Work(1), "large": Work(4)}
    left = TimeLeft({f"{name}, {i}": work[name] for i in (1, 2) for name in work})
    left.add(Report("small, 1", 0, 0))
    left.add(Report("small, 1", 10, 1, is_over=True))
    assert left.seconds(10) == pytest.approx(90)
    left.add(Report("large, 1", 10, 0))
    left.add(Report("large, 1", 30, 1, is_over=True))
    assert left.seconds(30) == pytest.approx(10 + 20, rel=0.05)


def test_time_left_counts_scoring():
    left = TimeLeft(networks("abc", scoring=0.2))
    for name, start in [("a", 0), ("b", 13)]:
        left.add(Report(name, start, 0))
        left.add(Report(name, start + 10, 1, is_trained=True))
        if name == "a":
            # Until one has been scored, as long as its predictions cost.
            assert left.seconds(11) == pytest.approx(1 + 2 * (10 + 2))
            left.add(Report("a", 13, 1, is_over=True))
    assert left.seconds(23) == pytest.approx(3 + 10 + 3)
    assert left.seconds(25) == pytest.approx(1 + 10 + 3)
    left.add(Report("b", 26, 1, is_over=True))
    left.add(Report("c", 26, 0))
    left.add(Report("c", 31, 0.5))
    assert left.seconds(31) == pytest.approx(5 + 3)  # the last is scored, too


def test_time_left_of_long_scoring():
    """Fits outside folds predict more rows."""
    left = TimeLeft({"fold": Work(1, 0.1), "whole": Work(1.5, 0.4)})
    left.add(Report("fold", 0, 0))
    left.add(Report("fold", 10, 1, is_trained=True))
    left.add(Report("fold", 12, 1, is_over=True))
    assert left.seconds(12) == pytest.approx(15 + 8)


def test_time_left_counts_building_of_networks():
    """From the beginning of a fit to its first batch, for fits that are still there."""
    left = TimeLeft(networks("abc", scoring=0.05))
    left.add(Report("a", 0, 0))
    assert left.seconds(0) is None
    left.add(Report("a", 4, 0.01, epoch=1))
    left.add(Report("a", 14, 0.51, epoch=6))
    # The next ones may train the same network, which is not built again.
    assert left.seconds(14) == pytest.approx(9.8 + 2 * 20 + 3)
    left.add(Report("a", 23.8, 1, is_trained=True))
    left.add(Report("a", 24.8, 1, is_over=True))
    left.add(Report("b", 24.8, 0))
    assert left.seconds(26.8) == pytest.approx(2 * (20 + 1) - 2)
    left.add(Report("b", 26.8, 0.01, epoch=1))
    # Now one after the first of the process says how long others may take.
    assert left.seconds(26.8) == pytest.approx(19.8 + 1 + 2 + 20 + 1)


def test_time_left_uses_networks_again():
    """What a variant built in its first fit is not built for its next ones."""
    works = {
        f"{variant}{repeat}": Work(1, network=variant)
        for repeat in (1, 2)
        for variant in "ab"
    }
    left = TimeLeft(works)
    for start, name in (0, "a1"), (15, "b1"):
        left.add(Report(name, start, 0))
        left.add(Report(name, start + 5, 0.001, epoch=1))
        left.add(Report(name, start + 14.99, 1, is_trained=True))
        left.add(Report(name, start + 15, 1, is_over=True))
    assert left.seconds(30) == pytest.approx(2 * 10, rel=0.01)


def test_time_left_learns_from_other_classifiers():
    others = {name: Work(60, 40, "svm") for name in ("svm, 1", "svm, 2")}
    left = TimeLeft({"a": Work(1), "b": Work(1)} | others)
    assert left.unknown == ["svm, 1", "svm, 2"]
    left.add(Report("a", 0, 0))
    left.add(Report("a", 10, 1, is_trained=True))
    left.add(Report("a", 10, 1, is_over=True))
    left.add(Report("svm, 1", 10, 0))
    assert left.seconds(20) == pytest.approx(0)  # 10 for b
    assert left.unknown == ["svm, 1", "svm, 2"]
    left.add(Report("svm, 1", 30, 0, is_trained=True))
    left.add(Report("svm, 1", 40, 0, is_over=True))
    assert left.unknown == []
    assert left.seconds(40) == pytest.approx(10 + 30)
    left.add(Report("b", 40, 0))
    left.add(Report("b", 50, 1, is_over=True))
    left.add(Report("svm, 2", 50, 0))
    assert left.seconds(62) == pytest.approx(18)
    left.add(Report("svm, 2", 75, 0, is_trained=True))
    assert left.seconds(76) == pytest.approx(4)
    assert left.seconds(90) == 0


def test_time_left_of_other_classifiers_that_were_finished_before():
    left = TimeLeft({f"svm, {i}": Work(60, 40, "svm") for i in (1, 2)})
    left.add(Report("svm, 1", 10, 0))
    left.add(Report("svm, 1", 10.1, 0, is_over=True))
    assert left.unknown == ["svm, 2"]
    assert left.fraction == 0.5


def test_time_left_fits_that_were_finished_before():
    """They load their checkpoint, which says nothing about the pace of training."""
    left = TimeLeft(networks("abc"))
    for second, name in enumerate("ab"):
        left.add(Report(name, second, 0))
        left.add(Report(name, second + 0.8, 0, is_over=True))
    assert left.seconds(2) is None
    left.add(Report("c", 2, 0))
    left.add(Report("c", 3, 0.01, epoch=1))
    left.add(Report("c", 4, 0.02, epoch=1))
    assert left.seconds(4) == pytest.approx(98, abs=0.5)


def test_time_left_fit_that_begins_again():
    """A worker died, and another takes up its fit at a checkpoint."""
    left = TimeLeft(networks(["one"]))
    left.add(Report("one", 0, 0))
    left.add(Report("one", 5, 0.8, epoch=8))
    left.add(Report("one", 100, 0))
    assert left.seconds(100) is None
    left.add(Report("one", 102, 0.8, epoch=8))
    left.add(Report("one", 112, 0.9, epoch=9))
    assert left.seconds(112) == pytest.approx(10)


def test_time_left_two_at_once_build_and_score():
    left = TimeLeft(networks("abcd", scoring=0.05))
    for name in "ab":
        left.add(Report(name, 0, 0))
        left.add(Report(name, 5, 0.01, epoch=1))
        left.add(Report(name, 24.8, 1, is_trained=True))
        left.add(Report(name, 25.8, 1, is_over=True))
    for name in "cd":
        left.add(Report(name, 25.8, 0))
        # Other networks start faster than the first of a process.
        left.add(Report(name, 26.8, 0.01, epoch=1))
        left.add(Report(name, 36.8, 0.51, epoch=6))
    assert left.seconds(36.8) == pytest.approx(9.8 + 1)
    left.add(Report("c", 46.6, 1, is_trained=True))
    left.add(Report("d", 46.6, 1, is_trained=True))
    assert left.seconds(46.6) == pytest.approx(1)


def test_time_left_resumed_fit():
    left = TimeLeft(networks(["resumed", "new"]))
    left.add(Report("resumed", 100, 0.8))
    left.add(Report("resumed", 110, 0.9))
    assert left.seconds(110) == pytest.approx(110)


def test_time_left_stopped_early():
    left = TimeLeft(networks(["stopped", "other"]))
    left.add(Report("stopped", 0, 0.1))
    left.add(Report("stopped", 5, 0.2, is_over=True))
    assert left.fraction == 0.5
    assert left.seconds(5) == pytest.approx(10)  # the other is expected to stop, too


@pytest.mark.parametrize(
    ("fits", "early_stopping", "words", "at_last"),
    [
        (["one"], False, "about 1 h 00 min left", ""),
        (["one"], True, "at most 1 h 00 min left", ""),
        (["one", "svm"], False, "more than 1 h 00 min left", "unknown time left"),
        (["one", "svm"], True, "about 1 h 00 min left", "unknown time left"),
    ],
)
def test_training_progress_says_what_it_knows(fits, early_stopping, words, at_last):
    work = {"one": Work(1), "svm": Work(60, 40, "svm")}
    progress = TrainingProgress(
        {name: work[name] for name in fits}, early_stopping=early_stopping
    )
    now = time.monotonic()
    progress.left.add(Report("one", now - 402, 0, 1, 10, 0.1))
    progress.left.add(Report("one", now, 0.1, 1, 10, 0.5))
    assert progress.say_left() == words
    progress.left.add(Report("one", now, 1))  # it is scored then
    assert progress.say_left() == at_last
    progress.left.add(Report("one", now, 1, is_over=True))
    assert progress.say_left() == at_last
    assert (progress.left.fraction == 1) == (len(fits) == 1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (7260, "2 h 01 min")],
)
def test_say_duration(seconds, words):
    assert say_duration(seconds) == words


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:.* does not support callbacks")
def test_training_progress_of_fits(digits, small, n_jobs):
    X, y, *_ = digits
    X, y, rows = X[:200], y[:200], np.arange(200)
    variants = {"network": {"augment": True}, "other": DummyClassifier()}
    template = make_mnist_pipeline(max_value=1, epochs=2, **small)
    split = Split(0, 1, 0, train=rows, test=rows)
    splits = [split._replace(fold="fold 1 of 1"), split]
    fits = [
        (split, name, variant_pipeline(variant, template, 0))
        for split in splits
        for name, variant in variants.items()
    ]
    names = ["network, fold 1 of 1", "other, fold 1 of 1", "network", "other"]
    work = {name: Work(1, 0, "other" * name.startswith("other")) for name in names}
    with TrainingProgress(work) as progress:
        all_fits = VariantFits(n_jobs).set_callbacks(*progress.callbacks(names))
        all_fits.fit(X, y, fits)
        progress.refresh()
    in_order = list if n_jobs is None else sorted
    assert in_order(progress.left.latest) == in_order(names)
    assert progress.left.n_over == 4
    assert progress.left.fraction == 1
    assert in_order(progress.left._trained) == in_order(names)
    assert not progress.left.unknown
    begun = progress.left._begun.values()
    assert all(report.epoch == report.fraction == 0 for report in begun)
    first = progress.left._first
    assert [first[name].epoch for name in names] == [1, 0, 1, 0]


@pytest.mark.filterwarnings("ignore:.* does not support callbacks")
def test_training_progress_of_fits_from_checkpoints(digits, small, tmp_path):
    X, y, *_ = digits
    X, y, rows = X[:200], y[:200], np.arange(200)
    template = make_mnist_pipeline(max_value=1, checkpoint_dir=tmp_path, **small)
    variants = {"network": {"epochs": 1}, "other": DummyClassifier()}
    split = Split(0, 1, 0, train=rows, test=rows)
    fits = [
        (split, name, variant_pipeline(variant, template, 0))
        for name, variant in variants.items()
    ]
    work = {"network": Work(1), "other": Work(200, 400, "other")}
    for trained in (["network", "other"], ["network"]):
        with TrainingProgress(work) as progress:
            all_fits = VariantFits(checkpoint_dir=tmp_path)
            all_fits.set_callbacks(*progress.callbacks(list(work))).fit(X, y, fits)
            progress.refresh()
        assert list(progress.left._trained) == trained
        assert (progress.left.n_over, progress.left.fraction) == (2, 1)


def test_training_progress_of_names_with_brackets():
    progress = TrainingProgress(networks(["net [augmented]", "net [/x]"]))
    with progress:
        for name in progress.left.fits:
            progress.left.add(Report(name, 0, 0.1, 1, 10, 0.5))
        progress.left.add(Report("net [/x]", 1, 1, is_trained=True))
        console = Console(width=80, file=io.StringIO())
        console.print(progress._render())
    first, second = console.file.getvalue().splitlines()[1:]
    assert first.split() == "net [augmented] epoch 1 of 10, accuracy 50.0%".split()
    assert second.split() == "net [/x] trained, predicting".split()


def test_training_progress_in_notebook():
    """A cell shows the progress in its output, without ipywidgets, and clears it."""
    manager, client = start_new_kernel(kernel_name="python3")
    code = """
        import warnings
        warnings.simplefilter("error")
        from skmnist import compare_variants, load_images
        digits = load_images("digits")
        compare_variants(
            digits.data[:300], digits.target[:300], max_value=16, cv="holdout",
            filters=(4, 8), dense_units=16, epochs=30, random_state=0, progress=True)
    """
    messages = []
    try:
        reply = client.execute_interactive(
            dedent(code), timeout=300, output_hook=messages.append
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok"
    shown = [
        unescape(re.sub("<[^>]*>", "", message["content"]["data"]["text/html"]))
        for message in messages
        if message["msg_type"] in ("display_data", "update_display_data")
    ]
    assert shown[0].split()[-1] == "starting"
    assert any("epoch" in text and "about" in text for text in shown)
    assert any("annealed, augmented " in text for text in shown)
    assert shown[-1] == ""
    said = [m["content"].get("text", "") for m in messages]
    assert not any("0 of 3 fits" in text or "ipywidgets" in text for text in said)


def test_training_progress_not_shown(capfd):
    with TrainingProgress(networks(["one"]), shown=False) as progress:
        assert progress.callbacks(["one"]) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("side", "params", "milliseconds"),
    # Measured on one core of an Intel Xeon, for each step of training.
    [
        (8, {"filters": (8, 8), "batch_size": 8}, 4.3),
        (8, {"filters": (8, 8)}, 5.2),
        (8, {"batch_size": 8}, 6.0),
        (8, {}, 10.9),
        (8, {"filters": (64, 96)}, 22.2),
        (28, {"filters": (8, 8)}, 14.8),
        (28, {"batch_size": 8}, 25.9),
        (28, {}, 73.8),
        (28, {"batch_norm": True}, 85.0),
    ],
)
def test_fit_cost_is_proportional_to_measured_time(side, params, milliseconds):
    cnn = MnistCNN(epochs=3, **params)
    expected = fit_cost(cnn, 5 * cnn.batch_size, (side, side)) / 15
    usual = fit_cost(MnistCNN(epochs=1), 42, (28, 28)) / 73.8
    assert expected / usual == pytest.approx(milliseconds, rel=1 / 3)


@pytest.mark.parametrize(
    ("side", "params", "milliseconds"),
    # Measured on the same core, for 1,000 images.
    [
        (8, {}, 30),
        (8, {"filters": (64, 96)}, 100),
        (8, {"tta_copies": 8}, 305),
        (28, {"filters": (8, 8)}, 64),
        (28, {}, 408),
        (28, {"batch_norm": True}, 420),
        (28, {"tta_copies": 4}, 2120),
    ],
)
def test_scoring_cost_is_proportional_to_measured_time(side, params, milliseconds):
    expected = scoring_cost(MnistCNN(**params), 1000, (side, side))
    usual = fit_cost(MnistCNN(epochs=1), 42, (28, 28)) / 73.8
    assert expected / usual == pytest.approx(milliseconds, rel=1 / 3)
