"""An interrupted comparison resumes, with the same result."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from skmnist.io._tensor_file import TensorFile
from skmnist.neural_network._state_file import unpack_state

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

# Nine fits of six epochs each. With one thread per fit, two fits at a time must give
# the same bits as one at a time.
N_FITS, N_EPOCHS = 9, 6
COMMAND = (
    *(sys.executable, "-m", "skmnist", "compare", "--cv", "2"),
    *("--epochs", str(N_EPOCHS), "--anneal-patience", "1", "--learning-rate", "0.003"),
    *("--filters", "4", "8", "--kernel-sizes", "3", "3", "--dense-units", "16"),
)
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


class Compare:
    """A running `skmnist compare`, in a new session as in a terminal."""

    def __init__(self, checkpoint, output, *options):
        self.checkpoint, self.output = checkpoint, output
        arguments = ["--checkpoint", str(checkpoint), "--output", str(output)]
        self.process = subprocess.Popen(
            [*COMMAND, *arguments, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | ONE_THREAD,
            start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # its workers, too
        self.process.communicate()

    def wait_until(self, has_come):
        """Wait for a condition, but not beyond the end of the process."""
        while not has_come():
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.005)

    def finish(self):
        out, err = self.process.communicate()
        assert (self.process.returncode, err) == (0, "")
        return out


@pytest.fixture(autouse=True)
def ctrl_c():
    """Let Ctrl-C reach the processes, even if a background shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def epochs_in(checkpoint):
    """Return the number of epochs in each checkpoint; all must be valid."""
    epochs = {}
    for file in checkpoint.glob("*.safetensors"):
        _, state, _ = unpack_state(TensorFile(file))
        epochs[file] = len(state["history"]["loss"])
    return epochs


def results_in(folder):
    """Return the results of a comparison without the seconds."""
    table = pd.read_csv(folder / "comparison.csv", dtype=str).drop(columns="seconds")
    whole = ["significance.csv", "reports.txt", "history.csv", "model.safetensors"]
    # A process that was killed while it wrote a model leaves a temporary file.
    models = sorted(path.name for path in (folder / "models").glob("[!.]*"))
    whole += [f"models/{name}" for name in models]
    assert len(models) == 3
    return {"comparison.csv": table.to_csv()} | {
        name: (folder / name).read_bytes() for name in whole
    }


def assert_same_results(folder, expected):
    found = results_in(folder)
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == []


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Return the results of a run without interruption and without checkpoints."""
    output = tmp_path_factory.mktemp("uninterrupted")
    subprocess.run(
        [*COMMAND, "--output", str(output)], env=os.environ | ONE_THREAD, check=True
    )
    return results_in(output)


def test_compare_killed_at_ten_moments(tmp_path, uninterrupted):
    checkpoint, output = tmp_path / "points", tmp_path / "results"
    start = 0.0

    def seconds(n):
        return lambda: time.monotonic() - start > n

    def written(epochs):
        return lambda: sum(epochs_in(checkpoint).values()) >= epochs

    def writing():
        return any(checkpoint.glob(".skmnist-*.tmp"))

    def there(name):
        return (output / name).exists

    moments = [
        *(seconds(0.2), seconds(3)),  # while Python or TensorFlow starts
        *(written(1), written(7), written(15), writing, written(30), written(48)),
        *(there("comparison.csv"), there("model.safetensors")),
    ]
    before, finished = {}, {}
    for moment in moments:
        for temporary in checkpoint.glob(".skmnist-*.tmp"):
            temporary.unlink()  # of the process that was killed before
        with Compare(checkpoint, output) as compare:
            start = time.monotonic()
            compare.wait_until(moment)
            compare.process.send_signal(signal.SIGKILL)
            assert compare.process.wait() == -signal.SIGKILL
        after = epochs_in(checkpoint)
        # No written epoch is lost, and no finished fit is run again.
        assert all(after[file] >= before[file] for file in before)
        assert all(file.stat().st_mtime_ns == at for file, at in finished.items())
        before = after
        finished = {
            file: file.stat().st_mtime_ns
            for file, epochs in after.items()
            if epochs == N_EPOCHS
        }
    assert len(finished) == N_FITS
    with Compare(checkpoint, output) as compare:
        compare.finish()
    assert all(file.stat().st_mtime_ns == at for file, at in finished.items())
    assert_same_results(output, uninterrupted)


def test_compare_killed_with_two_workers(tmp_path, uninterrupted):
    checkpoint, output = tmp_path / "points", tmp_path / "results"
    with Compare(checkpoint, output, "--n-jobs", "2") as compare:
        compare.wait_until(lambda: sum(epochs_in(checkpoint).values()) >= 20)
        compare.process.send_signal(signal.SIGKILL)
        compare.process.wait()
        # The workers of the killed process may still be running.
        with Compare(checkpoint, output, "--n-jobs", "2") as again:
            again.finish()
    assert len(epochs_in(checkpoint)) == N_FITS
    assert_same_results(output, uninterrupted)


@pytest.mark.parametrize("options", [(), ("--n-jobs", "2")])
def test_compare_after_ctrl_c(options, tmp_path, uninterrupted):
    checkpoint, output = tmp_path / "points", tmp_path / "results"
    with Compare(checkpoint, output, *options) as compare:
        compare.wait_until(lambda: sum(epochs_in(checkpoint).values()) >= 8)
        os.killpg(compare.process.pid, signal.SIGINT)  # as a terminal does
        out, err = compare.process.communicate()
    assert (compare.process.returncode, out) == (130, "")
    assert re.fullmatch("skmnist: interrupted.*\n", err)
    assert not list(output.rglob("*.*"))
    with Compare(checkpoint, output) as compare:
        compare.finish()
    assert_same_results(output, uninterrupted)


def test_compare_two_processes_one_checkpoint_folder(tmp_path, uninterrupted):
    checkpoint = tmp_path / "points"
    outputs = [tmp_path / name for name in ("one", "two", "killed")]
    with (
        Compare(checkpoint, outputs[0]) as one,
        Compare(checkpoint, outputs[1]) as two,
        Compare(checkpoint, outputs[2]) as killed,
    ):
        killed.wait_until(lambda: sum(epochs_in(checkpoint).values()) >= 10)
        killed.process.send_signal(signal.SIGKILL)
        one.finish()
        two.finish()
    assert len(epochs_in(checkpoint)) == N_FITS
    for output in outputs[:2]:
        assert_same_results(output, uninterrupted)


def test_compare_checkpoints_damaged_or_of_other_version(tmp_path, uninterrupted):
    checkpoint, output = tmp_path / "points", tmp_path / "results"
    with Compare(checkpoint, output) as compare:
        compare.finish()
    files = sorted(checkpoint.iterdir())
    assert {file.suffix for file in files} == {".safetensors"}
    assert all(str(tmp_path).encode() not in file.read_bytes() for file in files)
    first, second, third, *_ = files
    content = first.read_bytes()
    first.write_bytes(content[: len(content) // 2])
    second.write_bytes(b"")
    third.write_bytes(
        third.read_bytes().replace(b'keras\\": \\"3.', b'keras\\": \\"2.')
    )
    with Compare(checkpoint, output) as compare:
        _, err = compare.process.communicate()
    assert compare.process.returncode == 0
    assert err.count("skmnist: warning: The checkpoint ") == 3
    assert err.count("is ignored, and the fit starts from the beginning") == 3
    assert err.count("\n") == 3
    assert_same_results(output, uninterrupted)
