"""The command reads what is drawn on a page in the browser."""

import base64
import io
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from sklearn.datasets import load_digits

from skmnist import MnistCNN, make_mnist_pipeline, save_model
from skmnist.cli._draw import open_for_drawings, read

DIGITS, LABELS = load_digits(return_X_y=True)


def test_draw_without_gradio():
    code = (
        "import sys\n"
        "sys.modules['gradio'] = None\n"  # as if it were not installed
        "from skmnist.cli._main import main\n"
        "sys.exit(main(['draw']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    said = 'skmnist: error: draw needs Gradio: pip install "skmnist[app]"\n'
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_draw_port_in_use(refused):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused("draw", "--port", port)
    assert said == (
        f"skmnist: error: port {port} cannot be used (address already in use): name "
        "another with --port\n"
    )


def test_draw_model_does_not_exist(refused, tmp_path):
    assert "no file" in refused("draw", "--model", tmp_path / "m.safetensors")


def drawing(row):
    """Return a digit as the page sends it: black ink of an opacity."""
    opacity = np.kron(row.reshape(8, 8), np.ones((30, 30))) * (255 / 16)
    pixels = np.zeros((300, 300, 4), dtype=np.uint8)
    pixels[30:270, 30:270, 3] = opacity
    return Image.fromarray(pixels)


def share_read(model, path, labels):
    """Return how many of 50 digits a saved model reads, and the last image it saw."""
    save_model(model, path)
    reader = open_for_drawings(path)
    images = reader.normalizer.transform([drawing(row) for row in DIGITS[:50]])
    images, found = zip(*[read(reader, image) for image in images], strict=True)
    best = np.array([max(proba, key=proba.get) for proba in found])
    assert all(abs(sum(proba.values()) - 1) < 1e-5 for proba in found)
    assert set(found[0]) == set(map(str, labels))
    return np.mean(best == labels[:50].astype(str)), images[-1]


@pytest.fixture(scope="module")
def settings(small):
    return small | {"epochs": 6, "random_state": 0}


def test_reader_of_named_columns_and_labels(settings, tmp_path):
    names = [f"pixel{i}" for i in range(64)]
    frame = pd.DataFrame(DIGITS, columns=names)[sorted(names)]
    words = np.array(["even", "odd"])[LABELS % 2]
    model = make_mnist_pipeline(max_value=16, **settings).fit(frame, words)
    assert share_read(model, tmp_path / "m.safetensors", words)[0] > 0.8


def test_reader_of_columns_without_numbers(settings, tmp_path):
    frame = pd.DataFrame(DIGITS[:50], columns=[chr(65 + i) for i in range(64)])
    model = make_mnist_pipeline(max_value=16, **settings | {"epochs": 1})
    save_model(model.fit(frame, LABELS[:50] % 2), tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="do not number the pixels, such as 'A'"):
        open_for_drawings(tmp_path / "m.safetensors")


def test_reader_of_dark_ink(settings, tmp_path):
    model = make_mnist_pipeline(**settings).fit(255 - DIGITS * (255 / 16), LABELS)
    share, image = share_read(model, tmp_path / "m.safetensors", LABELS)
    assert share > 0.8 and image.shape == (8, 8) and image.mean() > 127


def test_reader_of_network_alone(settings, tmp_path):
    model = MnistCNN(**settings).fit(DIGITS / 16, LABELS)
    assert share_read(model, tmp_path / "m.safetensors", LABELS)[0] > 0.8


def test_reader_of_normalizer(settings, tmp_path):
    settings = settings | {"epochs": 12}  # ten classes in two need them
    model = make_mnist_pipeline(image_shape=(12, 10), normalize=True, **settings)
    model.set_params(normalize__ink="light")
    pictures = np.kron(DIGITS[:400].reshape(-1, 8, 8), np.ones((4, 4)))
    model.fit(pictures, LABELS[:400] == 0)
    share, image = share_read(model, tmp_path / "m.safetensors", LABELS == 0)
    assert share > 0.9 and image.shape == (12, 10)


# Runs the command, and says which other machine it speaks to or listens for.
WATCHED = """
import os, sys

def watch(event, args):
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event in ("socket.connect", "socket.bind") and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    if host not in ("127.0.0.1", "::1"):
        os.write(2, f"{event} {host}\\n".encode())

sys.addaudithook(watch)
from skmnist.cli._main import main
sys.exit(main())
"""


@pytest.fixture
def command():
    """Start the command; return its process and the address of its page."""
    process = subprocess.Popen(
        [sys.executable, "-c", WATCHED, "draw", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process, process.stdout.readline().split()[2]
        process.kill()


@pytest.fixture
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "This test needs Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )


class Page:
    """The page, and a hand on the mouse."""

    def __init__(self, browser, address, width):
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.requests = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.label = self.page.get_by_test_id("label-output-value")
        self.bars = self.page.locator("meter")
        self.image = self.page.get_by_alt_text("As the network sees it")
        expect(self.label).to_have_text("Draw a digit", timeout=60_000)

    def press(self, *points):
        """Draw a line between points of the canvas, from 0 to 1, and keep hold."""
        box = self.page.locator("canvas").bounding_box()
        for i, (x, y) in enumerate(points):
            self.page.mouse.move(
                box["x"] + x * box["width"], box["y"] + y * box["height"], steps=10
            )
            if i == 0:
                self.page.mouse.down()

    def stroke(self, *points):
        self.press(*points)
        self.page.mouse.up()

    def seen(self):
        """Return the image that the network sees."""
        data = self.image.get_attribute("src").partition("base64,")[2]
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def read_two_digits(page):
    page.press((0.5, 0.2), (0.5, 0.8))
    page.page.wait_for_timeout(1000)
    expect(page.label).to_have_text("Draw a digit")  # until the stroke ends
    page.page.mouse.up()
    expect(page.label).to_have_text("1", timeout=60_000)
    one = page.seen()
    assert one.shape == (28, 28) and one[4:24, 14].min() > 128

    page.page.get_by_text("Clear").click()
    expect(page.label).to_have_text("Draw a digit", timeout=60_000)
    expect(page.image).to_have_count(0)

    page.stroke((0.3, 0.3), (0.3, 0.55), (0.7, 0.55))
    page.stroke((0.6, 0.25), (0.6, 0.85))  # at once, while the first is predicted
    expect(page.label).to_have_text("4", timeout=60_000)
    shares = [float(bar.get_attribute("value")) for bar in page.bars.all()]
    assert len(shares) == 10 and abs(sum(shares) - 1) < 0.01
    assert shares == sorted(shares, reverse=True)


@pytest.mark.slow
def test_draw_with_the_mouse(command, browser):
    process, address = command
    for width in (400, 1280):
        page = Page(browser, address, width)
        read_two_digits(page)
        assert page.page.evaluate("document.documentElement.scrollWidth") <= width
        assert len(page.requests) > 10
        assert all(url.startswith((address, "data:")) for url in page.requests)

    process.send_signal(signal.SIGINT)  # while the pages are open
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "skmnist: interrupted\n")
