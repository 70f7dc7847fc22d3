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
from skmnist.neural_network._progress import (
    Report,
    TimeLeft,
    TrainingProgress,
    fit_cost,
    say_duration,
)


def test_time_left_unknown_before_second_report():
    left = TimeLeft({"one": 1})
    assert left.seconds(0) is None
    left.add(Report("one", 10, 0.01))
    assert left.seconds(10) is None
    left.add(Report("one", 11, 0.02))
    assert left.seconds(11) == pytest.approx(98)
    assert left.seconds(15) == pytest.approx(94)


def test_time_left_fits_of_different_length():
    left = TimeLeft({"short": 1, "long": 3})
    left.add(Report("short", 0, 0))
    left.add(Report("short", 10, 1, is_over=True))
    assert left.fraction == 0.25
    assert left.seconds(10) == pytest.approx(30)
    assert (left.n_over, left.running) == (1, [])


def test_time_left_with_early_stopping():
    left = TimeLeft(dict.fromkeys("abc", 1))
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
    left = TimeLeft(dict.fromkeys("abcd", 1))
    for second in range(6):
        for name in "ab":
            left.add(Report(name, second, second / 10))
    assert [report.name for report in left.running] == ["a", "b"]
    assert left.seconds(5) == pytest.approx(15)


def test_time_left_last_fit_runs_alone():
    left = TimeLeft(dict.fromkeys("abc", 1))
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
    left = TimeLeft(dict.fromkeys("ab", 1))
    left.add(Report("a", 0, 0))
    left.add(Report("b", 9, 0))
    left.add(Report("a", 10, 0.5))
    left.add(Report("b", 11, 0.1))
    assert left.seconds(11) == pytest.approx(18)  # b, at 12 seconds for 0.6


def test_time_left_kinds_of_another_pace_than_their_lengths():
    left = TimeLeft({"small, 1": 1, "large, 1": 4, "small, 2": 1, "large, 2": 4})
    left.add(Report("small, 1", 0, 0))
    left.add(Report("small, 1", 10, 1, is_over=True))
    assert left.seconds(10) == pytest.approx(90)
    left.add(Report("large, 1", 10, 0))
    left.add(Report("large, 1", 30, 1, is_over=True))
    assert left.seconds(30) == pytest.approx(10 + 20, rel=0.05)


def test_time_left_counts_gaps_between_fits():
    left = TimeLeft(dict.fromkeys("abc", 1))
    for name, start in [("a", 0), ("b", 13)]:
        left.add(Report(name, start, 0))
        left.add(Report(name, start + 10, 1, is_over=True))
    assert left.seconds(23) == pytest.approx(3 + 10 + 3)
    left.add(Report("c", 26, 0))
    left.add(Report("c", 31, 0.5))
    assert left.seconds(31) == pytest.approx(5 + 3)  # the last is scored, too


def test_time_left_counts_building_of_networks():
    """From the beginning of a fit to its first batch, for fits that are still there."""
    left = TimeLeft(dict.fromkeys("abc", 1))
    left.add(Report("a", 0, 0))
    assert left.seconds(0) is None
    left.add(Report("a", 4, 0.01, epoch=1))
    left.add(Report("a", 14, 0.51, epoch=6))
    assert left.seconds(14) == pytest.approx(9.8 + 2 * (4 + 20))
    left.add(Report("a", 23.8, 1, is_over=True))
    left.add(Report("b", 24.8, 0))
    # One second is for the scoring.
    assert left.seconds(26.8) == pytest.approx(2 * (4 + 20 + 1) - 2)
    left.add(Report("b", 26.8, 0.01, epoch=1))
    # The first of a process takes longer than the next.
    assert left.seconds(26.8) == pytest.approx(19.8 + 1 + 2 + 20 + 1)


def test_time_left_fits_that_were_finished_before():
    """They load their checkpoint, which says nothing about the pace of training."""
    left = TimeLeft(dict.fromkeys("abc", 1))
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
    left = TimeLeft({"one": 1})
    left.add(Report("one", 0, 0))
    left.add(Report("one", 5, 0.8, epoch=8))
    left.add(Report("one", 100, 0))
    assert left.seconds(100) is None
    left.add(Report("one", 102, 0.8, epoch=8))
    left.add(Report("one", 112, 0.9, epoch=9))
    assert left.seconds(112) == pytest.approx(10)


def test_time_left_two_at_once_build_and_score():
    left = TimeLeft(dict.fromkeys("abcd", 1))
    for name in "ab":
        left.add(Report(name, 0, 0))
        left.add(Report(name, 5, 0.01, epoch=1))
        left.add(Report(name, 24.8, 1, is_over=True))
    for name in "cd":
        left.add(Report(name, 25.8, 0))
        # Other networks start faster than the first of a process.
        left.add(Report(name, 26.8, 0.01, epoch=1))
        left.add(Report(name, 36.8, 0.51, epoch=6))
    assert left.seconds(36.8) == pytest.approx(9.8 + 1)
    left.add(Report("c", 46.6, 1, is_over=True))
    left.add(Report("d", 46.6, 1, is_over=True))
    assert left.seconds(46.6) == pytest.approx(1)


def test_time_left_resumed_fit():
    left = TimeLeft({"resumed": 1, "new": 1})
    left.add(Report("resumed", 100, 0.8))
    left.add(Report("resumed", 110, 0.9))
    assert left.seconds(110) == pytest.approx(110)


def test_time_left_stopped_early():
    left = TimeLeft({"stopped": 1, "other": 1})
    left.add(Report("stopped", 0, 0.1))
    left.add(Report("stopped", 5, 0.2, is_over=True))
    assert left.fraction == 0.5
    assert left.seconds(5) == pytest.approx(10)  # the other is expected to stop, too


@pytest.mark.parametrize(
    ("fits", "early_stopping", "words", "at_last"),
    [
        ({"one": 1}, False, "about 1 h 00 min left", ""),
        ({"one": 1}, True, "at most 1 h 00 min left", ""),
        ({"one": 1, "svm": 0}, False, "more than 1 h 00 min left", "unknown time left"),
        ({"one": 1, "svm": 0}, True, "about 1 h 00 min left", "unknown time left"),
    ],
)
def test_training_progress_says_what_it_knows(fits, early_stopping, words, at_last):
    progress = TrainingProgress(fits, early_stopping=early_stopping)
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
    with TrainingProgress(dict.fromkeys(names, 1)) as progress:
        all_fits = VariantFits(n_jobs).set_callbacks(*progress.callbacks(names))
        all_fits.fit(X, y, fits)
        progress.refresh()
    in_order = list if n_jobs is None else sorted
    assert in_order(progress.left.latest) == in_order(names)
    assert progress.left.n_over == 4
    assert progress.left.fraction == 1
    begun = progress.left._begun.values()
    assert all(report.epoch == report.fraction == 0 for report in begun)
    first = progress.left._first
    assert [first[name].epoch for name in names] == [1, 0, 1, 0]


def test_training_progress_of_names_with_brackets():
    progress = TrainingProgress({"net [augmented]": 1, "net [/x]": 1})
    with progress:
        for name in progress.left.fits:
            progress.left.add(Report(name, 0, 0.1, 1, 10, 0.5))
        console = Console(width=80, file=io.StringIO())
        console.print(progress._render())
    shown = console.file.getvalue()
    assert "net [augmented]" in shown and "net [/x]" in shown


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
    with TrainingProgress({"one": 1}, shown=False) as progress:
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
