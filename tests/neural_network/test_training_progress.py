"""The remaining time of training, from reports of any process."""

import pytest
from sklearn.model_selection import GridSearchCV

from skmnist import MnistCNN, make_mnist_pipeline
from skmnist.neural_network._progress import (
    Report,
    TimeLeft,
    TrainingProgress,
    row_cost,
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
    left.add(Report("short", 10, 1))
    assert left.fraction == 0.25
    assert left.seconds(10) == pytest.approx(30)
    assert (left.n_over, left.running) == (1, [])


def test_time_left_parallel_fits():
    left = TimeLeft(dict.fromkeys("abcd", 1))
    for second in range(6):
        for name in "ab":
            left.add(Report(name, second, second / 10))
    assert [report.name for report in left.running] == ["a", "b"]
    assert left.seconds(5) == pytest.approx(15)


def test_time_left_resumed_fit():
    left = TimeLeft({"resumed": 1, "new": 1})
    left.add(Report("resumed", 100, 0.8))
    left.add(Report("resumed", 110, 0.9))
    assert left.seconds(110) == pytest.approx(110)


def test_time_left_stopped_early():
    left = TimeLeft({"stopped": 1, "other": 1})
    left.add(Report("stopped", 0, 0.1))
    left.add(Report("stopped", 5, 1))
    assert left.fraction == 0.5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (7260, "2 h 01 min")],
)
def test_say_duration(seconds, words):
    assert say_duration(seconds) == words


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_training_progress_of_search(digits, small, n_jobs):
    X, y, *_ = digits
    pipeline = make_mnist_pipeline(max_value=1, epochs=2, random_state=0, **small)
    search = GridSearchCV(pipeline, {"cnn__augment": [False, True]}, cv=2, refit=False)
    names = ["plain 1", "plain 2", "augmented 1", "augmented 2"]
    with TrainingProgress(dict.fromkeys(names, 1)) as progress:
        search.set_params(n_jobs=n_jobs).set_callbacks(*progress.callbacks(names))
        search.fit(X[:200], y[:200])
        progress.refresh()
    assert sorted(progress.left.latest) == sorted(names)
    assert progress.left.n_over == 4
    assert progress.left.fraction == 1


def test_training_progress_not_shown(capfd):
    with TrainingProgress({"one": 1}, shown=False) as progress:
        assert progress.callbacks(["one"]) == []
    assert capfd.readouterr() == ("", "")


def test_row_cost_counts_multiplications():
    network = {"filters": (2, 3), "kernel_sizes": (3, 1), "dense_units": 5}
    # On 4 x 6 pixels 9 * (2 + 4), on half as many each way (6 + 9), then 1 x 2 x 3 x 5.
    expected = 240_000 + 24 * 54 + 6 * 15 + 30
    assert row_cost(MnistCNN(**network), (4, 6)) == expected
    normalized = row_cost(MnistCNN(**network, batch_norm=True), (4, 6))
    assert normalized == pytest.approx(1.4 * expected)
