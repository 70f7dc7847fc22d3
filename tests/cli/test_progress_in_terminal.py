"""Progress on a terminal of 80 x 24: complete lines, and nothing left behind."""

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
import time

import pytest
from PIL import Image

TERMINAL = {"TERM": "xterm", "COLUMNS": "", "LINES": ""}
_CONTROLLED = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
_CODES = re.compile(r"\x1b\[(\??\d*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Screen:
    """A terminal that knows what rich writes: lines, cursor up, erased lines."""

    def __init__(self):
        self.lines, self.row, self.column = [""], 0, 0

    def feed(self, text):
        for number, letter, control, plain in _CODES.findall(text):
            if letter == "A":
                self.row -= int(number or 1)
            elif letter == "K":
                self.lines[self.row] = ""
            elif control == "\r":
                self.column = 0
            elif control == "\n":
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            elif plain:
                if self.column + len(plain) > 80:
                    self.feed("\r\n")
                line = self.lines[self.row].ljust(self.column)
                end = self.column + len(plain)
                self.lines[self.row] = line[: self.column] + plain + line[end:]
                self.column = end


def open_terminal():
    """Return the file descriptors of both ends of a terminal."""
    reading, writing = os.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    return reading, writing


def run_in_terminal(*args):
    """Run a command; return what the screen showed after each write, and its output."""
    reading, writing = open_terminal()
    screen, shown = Screen(), []
    with subprocess.Popen(
        [*map(str, args)],
        stdout=subprocess.PIPE,
        stderr=writing,
        env=os.environ | TERMINAL,
        text=True,
    ) as process:
        os.close(writing)
        while part := _read(reading):
            screen.feed(part.decode(errors="replace"))
            # The terminal writes "^C" behind the last line; it must not make another.
            assert all(len(line) <= 78 for line in screen.lines)
            shown.append((time.monotonic(), [line.rstrip() for line in screen.lines]))
        out = process.stdout.read()
    os.close(reading)
    assert process.returncode == 0
    return shown, out


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says so when the other side is closed
        return b""


def seconds_left(line):
    """Return the seconds that a line says, or None."""
    said = re.search(r"about (?:(\d+) min )?(\d+) s left$", line)
    return said and 60 * int(said[1] or 0) + int(said[2])


def check_lines(shown, longest):
    for _, lines in shown:
        assert all("…" not in line for line in lines)
        assert len(lines) <= longest + 1
    assert not any(shown[-1][1])  # nothing is left on the screen


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_progress_of_compare(program, n_jobs):
    shown, out = run_in_terminal(
        *(program, "compare", "--cv", "2", "--epochs", "4", "--n-jobs", n_jobs),
        *("--filters", "8", "16", "--dense-units", "32"),
    )
    check_lines(shown, longest=1 + n_jobs)
    text = "\n".join("\n".join(lines) for _, lines in shown)
    assert re.search(r"^0 of 9 fits .* about .* left$", text, re.MULTILINE)
    for name in ("plain, fold 1 of 2", "annealed, augmented, fold 2 of 2", "annealed"):
        pattern = rf"^{name} +epoch \d of 4, accuracy \d+\.\d%$"
        assert re.search(pattern, text, re.MULTILINE)
    if n_jobs == 2:
        assert any(sum(" epoch " in line for line in lines) == 2 for _, lines in shown)
    assert out.startswith("model")


@pytest.mark.slow
def test_progress_in_python_with_new_workers():
    code = """
import os
saved = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
import keras
keras.ops.zeros(())  # the messages of this process
os.dup2(saved, 2)
from sklearn.datasets import load_digits
from skmnist import compare_variants
print(compare_variants(*load_digits(return_X_y=True), variants={"a": {}, "b": {}},
    max_value=16, filters=(8, 16), dense_units=32, epochs=4, random_state=0,
    cv="holdout", repeats=2, progress=True, n_jobs=2).sentences[0])
"""
    shown, out = run_in_terminal(sys.executable, "-c", code)
    check_lines(shown, longest=3)
    text = "\n".join("\n".join(lines) for _, lines in shown)
    assert re.search(r"^a, repeat \d +epoch \d of 4, accuracy", text, re.MULTILINE)
    assert "on the test set on average over 2 repeats" in out


def test_ctrl_c_on_the_keyboard(program):
    options = "compare --cv holdout --epochs 400 --filters 4 8 --dense-units 16"
    reading, writing = open_terminal()
    screen, text = Screen(), ""
    with subprocess.Popen(
        # Ctrl-C goes to the processes of the controlling terminal.
        [sys.executable, "-c", _CONTROLLED, program, *options.split()],
        **{"stdin": writing, "stdout": writing, "stderr": writing},
        env=os.environ | TERMINAL,
        start_new_session=True,
    ) as process:
        os.close(writing)
        is_stopped = False
        while part := _read(reading):
            text += part.decode(errors="replace")
            if "epoch" in text and not is_stopped:
                is_stopped = os.write(reading, b"\x03")
    os.close(reading)
    screen.feed(text)
    assert process.returncode == 130
    assert "^C" in text and "resume" in " ".join(screen.lines)
    assert not any("fits" in line or "━" in line for line in screen.lines)


@pytest.mark.slow
def test_progress_of_writing(program, tmp_path):
    shown, out = run_in_terminal(
        *(
            program,
            "compare",
            "--cv",
            "holdout",
            "--epochs",
            "1",
            "--filters",
            "4",
            "8",
        ),
        *("--dense-units", "16", "--output", tmp_path / "results"),
    )
    check_lines(shown, longest=2)
    assert any(lines[0].startswith("Writing") for _, lines in shown)
    assert out.startswith("Tables, models and figures are in")


def test_progress_of_long_variant_name(program):
    name = "a network with a name that is longer than the terminal leaves room for"
    shown, _ = run_in_terminal(
        *(program, "compare", "--cv", "2", "--epochs", "4", "--dense-units", "32"),
        *("--variants", f"{name}:filters=8 16"),
    )
    check_lines(shown, longest=3)
    texts = [" ".join(" ".join(lines[1:]).split()) for _, lines in shown]
    words = name.split()
    assert any(all(word in text for word in words) for text in texts)
    assert any(re.search(r"epoch \d of 4, accuracy \d+\.\d%", text) for text in texts)


def test_progress_of_train(program, tmp_path):
    shown, out = run_in_terminal(
        *(program, "train", "--epochs", "5", "--filters", "16", "32"),
        *("--output", tmp_path / "model.safetensors"),
    )
    check_lines(shown, longest=2)
    first_epoch = [lines for _, lines in shown if "epoch 1 of 5" in "".join(lines)]
    assert any(seconds_left(lines[0]) for lines in first_epoch)
    assert any(lines[0].endswith("starting") for _, lines in shown)
    assert out.startswith("Trained on")


@pytest.mark.slow
def test_no_progress(program, tmp_path):
    shown, _ = run_in_terminal(
        *(program, "train", "--epochs", "1", "--filters", "4", "8", "--no-progress"),
        *("--output", tmp_path / "model.safetensors"),
    )
    assert shown == []


def test_progress_of_reading_pictures(program, tmp_path):
    (tmp_path / "scans").mkdir()
    picture = Image.new("L", (90, 120), 240)
    picture.paste(30, (40, 20, 50, 100))
    for i in range(60):
        picture.save(tmp_path / "scans" / f"{i}.png")
    shown, out = run_in_terminal(program, "predict", tmp_path / "scans")
    assert any("Reading" in "".join(lines) for _, lines in shown)
    assert not any(shown[-1][1])
    assert len(out.splitlines()) == 60


def test_progress_of_predict(program, trained, write_csv, digits8, tmp_path):
    data = write_csv(tmp_path / "test.csv", digits8[0].tolist() * 20)
    shown, _ = run_in_terminal(
        program, "predict", data, "--model", trained[0], "--output", tmp_path / "o.csv"
    )
    assert any("Predicting" in "".join(lines) for _, lines in shown)
    check_lines(shown, longest=1)
