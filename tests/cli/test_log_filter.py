"""TensorFlow's noise is held back while it starts, and nothing else is."""

import signal
import subprocess
import sys

import pytest

NOISE = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to "
    "STDERR",
    "I0000 00:00:1764021600.000000    1234 port.cc:153] oneDNN custom operations",
    "W0000 00:00:1764021600.000000    1234 gpu_device.cc:2341] Cannot dlopen",
    "2026-11-24 21:40:23.123456: I tensorflow/core/util/port.cc:153] oneDNN",
    "E0000 00:00:1764021600.000000    1234 cuda_platform.cc:52] failed call to cuInit",
    "2026-11-24 21:40:23.123456: E external/x.cc:1] Unable to register cuFFT factory",
    "To enable the following instructions: AVX2 FMA, rebuild TensorFlow",
]
WORDS = [
    "E0000 00:00:1764021600.000000    1234 gpu.cc:1] out of memory",
    "F0000 00:00:1764021600.000000    1234 cpu.cc:1] compiled to use AVX instructions",
    "Traceback (most recent call last):",
    "W0000 is how this sentence of somebody else begins",
]


def run(body, before="", warnings="error"):
    program = f"""
import os, subprocess, sys
from skmnist.cli._log_filter import without_noise
{before}
with without_noise():
    os.write(2, {"".join(f"{a}{chr(10)}" for a in NOISE + WORDS).encode()!r})
    {body}
print("afterwards", file=sys.stderr)
"""
    return subprocess.run(
        [sys.executable, "-W", warnings, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_noise_is_held_back_and_the_rest_keeps_its_order():
    done = run("print('meanwhile', file=sys.stderr)")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [*WORDS, "meanwhile", "afterwards"]


def test_the_last_words_of_a_process_that_is_ended_are_heard():
    done = run("os.abort()")
    assert done.returncode == -signal.SIGABRT
    assert done.stderr.splitlines() == WORDS


def test_an_exception_passes_through():
    done = run("raise ValueError('a reason')")
    assert done.returncode == 1
    assert done.stderr.splitlines()[: len(WORDS)] == WORDS
    assert done.stderr.endswith("ValueError: a reason\n")


@pytest.mark.parametrize("executable", ["", "/nowhere/python", None])
def test_without_a_filter_everything_is_heard(executable):
    done = run("pass", before=f"sys.executable = {executable!r}")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [*NOISE, *WORDS, "afterwards"]


def test_a_process_that_is_started_meanwhile_is_not_waited_for_long():
    done = run(
        "child = subprocess.Popen([sys.executable, '-c', "
        "'import sys; sys.stdin.read(); print(\"late\", file=sys.stderr)'], "
        "stdin=subprocess.PIPE)",
        before="from skmnist.cli import _log_filter; _log_filter._PATIENCE = 0.2",
        warnings="ignore::ResourceWarning",  # the child's and the filter's
    )
    assert done.returncode == 0
    # The child ends with its parent, and what it says still passes the filter.
    assert done.stderr.splitlines()[-2:] == ["afterwards", "late"]


def test_a_process_without_standard_error_starts_too():
    program = """
import os
os.close(2)
from skmnist.cli._log_filter import without_noise
with without_noise():
    print("inside")
"""
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said == "inside\n"
