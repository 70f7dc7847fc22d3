"""Ctrl-C, SIGTERM and closed pipes end the command without a traceback."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skmnist.cli._main import main


@pytest.fixture
def long_fit(tiny):
    """Return options of a training that is stopped before its end."""
    return [*tiny, "--epochs", "10000"]


def wait_until(condition):
    deadline = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def stop_when(process, condition, signum):
    """Send a signal to the process and its children once the condition holds."""
    wait_until(lambda: process.poll() is not None or condition())
    os.killpg(process.pid, signum)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def start(*args, **settings):
    return subprocess.Popen(
        [*map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **settings,
    )


@pytest.mark.parametrize(
    ("signum", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_train_interrupted(program, tmp_path, long_fit, signum, status, word):
    model, points = tmp_path / "model.safetensors", tmp_path / "points"
    args = ["train", *long_fit, "--output", model, "--checkpoint", points]
    process = start(program, *args)
    found = stop_when(process, lambda: list(points.glob("*.safetensors")), signum)
    assert found == (
        status,
        "",
        f"skmnist: {word}; the same command resumes after the last finished epoch, "
        f"from {points}\n",
    )
    assert not model.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_compare_interrupted_with_workers(program, tmp_path, long_fit, signum, status):
    results = tmp_path / "new" / "results"
    args = ["compare", *long_fit, "--n-jobs", "2", "--output", results]
    process = start(program, *args, env=os.environ | {"TMPDIR": str(tmp_path)})
    started = time.monotonic()
    found = stop_when(process, lambda: time.monotonic() > started + 15, signum)
    assert found[:2] == (status, "")
    assert re.fullmatch(
        r"skmnist: .*; nothing was saved\. .*--checkpoint.*\n", found[2]
    )
    assert not results.parent.exists()


@pytest.mark.slow
def test_workers_of_a_killed_compare_end(program, tmp_path, long_fit):
    points = tmp_path / "points"
    args = ["compare", *long_fit, "--n-jobs", "2", "--checkpoint", points]
    process = start(program, *args)
    wait_until(lambda: len(list(points.glob("*.safetensors"))) == 2)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    process.kill()
    process.communicate()
    assert len(children.split()) >= 2
    wait_until(lambda: not any(Path("/proc", pid).exists() for pid in children.split()))


@pytest.mark.parametrize("library", ["numpy", "scipy", "tensorflow"])
def test_ctrl_c_during_import(program, library):
    process = start(program, "compare", "--cv", "holdout")
    maps = Path(f"/proc/{process.pid}/maps")
    found = stop_when(process, lambda: library in maps.read_text(), signal.SIGINT)
    assert found[:2] == (130, "")
    assert re.fullmatch("skmnist: interrupted.*\n", found[2])


def test_closed_pipe(program, tiny):
    for args in (["compare", "--help"], ["compare", *tiny, "--cv", "holdout"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [program, *args], stdout=writing, stderr=subprocess.PIPE, timeout=300
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, b"")


def test_closed_pipe_unbuffered():
    reading, writing = os.pipe()
    os.close(reading)
    script = "from skmnist.cli._console import say; say('one'); say('two')"
    done = subprocess.run(
        [sys.executable, "-u", "-c", script], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
def test_figures_mplbackend(run, tmp_path, tiny):
    env = os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    for args in (
        ["show", "--augment", "--output", tmp_path / "sheet.png"],
        ["compare", *tiny, "--cv", "holdout", "--output", tmp_path / "results"],
        ["train", *tiny, "--output", tmp_path / "model.safetensors"],
    ):
        status, _, err = run(*args, env=env)
        assert (status, err) == (0, "")
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    assert (tmp_path / "results" / "figures" / "accuracy.png").exists()


# ------------------------------------------------- what an interruption leaves behind


def interrupt(*args, **kwargs):
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def ctrl_c_works_afterwards():
    """An interrupted command ignores Ctrl-C until its process has ended."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def quick(tiny):
    return [*tiny, "--variants", "plain", "annealed", "--cv", "holdout"]


def test_compare_interrupted_while_results_are_written(
    quick, tmp_path, monkeypatch, capsys
):
    from skmnist.cli import _report

    monkeypatch.setattr(_report, "write_models", interrupt)
    results, points = tmp_path / "results", tmp_path / "points"
    options = ["--checkpoint", str(points), "--output", str(results)]
    assert main(["compare", *quick, *options]) == 130
    said = capsys.readouterr()
    assert said.out == ""
    words = f"interrupted; the results are only in part in {results}; the same command "
    words += f"resumes after the last finished epoch, from {points}\n"
    assert said.err.endswith(words)
    assert (results / "report.html").exists()
    assert not (results / "figures").exists()


def test_train_interrupted_after_the_model_is_saved(
    tiny, tmp_path, monkeypatch, capsys
):
    from skmnist.cli import _commands

    monkeypatch.setattr(_commands, "_say_how_it_trained", interrupt)
    path = tmp_path / "model.safetensors"
    assert main(["train", *tiny, "--output", str(path)]) == 130
    assert capsys.readouterr().err.endswith(f"interrupted; the model is in {path}\n")
    assert path.exists()


def test_compare_interrupted_before_an_epoch(quick, tmp_path, monkeypatch, capsys):
    from skmnist.cli import _commands

    monkeypatch.setattr(_commands, "_load_labelled", interrupt)
    points = tmp_path / "points"
    assert main(["compare", *quick, "--checkpoint", str(points)]) == 130
    words = f"no epoch was finished, and nothing was saved in {points}\n"
    assert capsys.readouterr().err.endswith(words)
    assert not points.exists()
    # With a fit of another run there, too, nothing of this one can be resumed.
    points.mkdir()
    (points / "other.joblib").write_bytes(b"")
    assert main(["compare", *quick, "--checkpoint", str(points)]) == 130
    words = f"no further epoch was finished, and nothing was added to {points}\n"
    assert capsys.readouterr().err.endswith(words)
