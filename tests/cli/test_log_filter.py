"""The command leaves out TensorFlow's log lines, and nothing else."""

import signal
import subprocess
import sys

NOISE = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to "
    "STDERR",
    "I0000 00:00:1764021600.000000    1234 port.cc:153] oneDNN custom operations",
    "W0000 00:00:1764021600.000000    1234 gpu_device.cc:2341] Cannot dlopen",
    "2026-11-24 21:40:23.123456: I tensorflow/core/util/port.cc:153] oneDNN",
    "E0000 00:00:1764021600.000000    1234 cuda_platform.cc:52] failed call to cuInit",
    "E0000 00:00:1764021600.000000    1234 meta_optimizer.cc:967] layout failed: SIZE",
    "2026-11-24 21:40:23.123456: E external/x.cc:1] Unable to register cuFFT factory",
    "To enable the following instructions: AVX2 FMA, rebuild TensorFlow",
]
WORDS = [
    "E0000 00:00:1764021600.000000    1234 gpu.cc:1] out of memory",
    "F0000 00:00:1764021600.000000    1234 cpu.cc:1] compiled to use AVX instructions",
    "Traceback (most recent call last):",
    "W0000 is how this sentence of another program begins",
]


def run(body):
    program = f"""
import os, sys
from skmnist.cli._log_filter import without_noise
with without_noise():
    os.write(2, {"".join(f"{a}{chr(10)}" for a in NOISE + WORDS).encode()!r})
    {body}
print("afterwards", file=sys.stderr)
"""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_noise_other_lines():
    done = run("print('meanwhile', file=sys.stderr)")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [*WORDS, "meanwhile", "afterwards"]


def test_without_noise_aborted_process():
    done = run("os.abort()")
    assert done.returncode == -signal.SIGABRT
    assert done.stderr.splitlines() == WORDS


def test_without_noise_exception():
    done = run("raise ValueError('a reason')")
    assert done.returncode == 1
    assert done.stderr.splitlines()[: len(WORDS)] == WORDS
    assert done.stderr.endswith("ValueError: a reason\n")


def test_without_noise_closed_standard_error():
    program = """
from skmnist.cli._log_filter import without_noise
with without_noise():
    print("inside")
"""
    shell = '"$0" -c "$1" 2>&-'
    said = subprocess.check_output(["sh", "-c", shell, sys.executable, program])
    assert said == b"inside\n"


def test_start_keras():
    program = "from skmnist.cli._log_filter import start_keras; start_keras()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
