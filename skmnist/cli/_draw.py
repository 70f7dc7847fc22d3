"""``skmnist draw``: a page in the browser, on which the network reads what is drawn."""

import base64
import io
import os
import socket
import tempfile

from skmnist.cli._console import say
from skmnist.cli._log_filter import start_keras
from skmnist.cli._model_input import ModelInput, load

_HINT = "Draw a digit"
# Gradio's own Sketchpad makes people choose the brush before each drawing (6.31).
_CANVAS = """
<p><b>Draw here</b></p>
<canvas width="280" height="280"></canvas>
<button type="button">Clear</button>
"""
_CANVAS_STYLE = """
canvas { display: block; width: 100%; max-width: 400px; touch-action: none;
         background: white; border: 1px solid gray; cursor: crosshair; }
button { margin-top: 8px; padding: 8px 24px; border: 1px solid gray; }
"""
_CANVAS_SCRIPT = """
const canvas = element.querySelector("canvas");
const pen = canvas.getContext("2d");
pen.lineWidth = 20;
pen.lineCap = pen.lineJoin = "round";
const point = (event) => {
    const scale = canvas.width / canvas.clientWidth;
    return [scale * event.offsetX, scale * event.offsetY];
};
const drawTo = (event) => {
    pen.lineTo(...point(event));
    pen.stroke();
};
canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...point(event));
    drawTo(event);
};
canvas.onpointermove = (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) drawTo(event);
};
canvas.onlostpointercapture = () => { props.value = canvas.toDataURL(); };
element.querySelector("button").onclick = () => {
    pen.clearRect(0, 0, canvas.width, canvas.height);
    props.value = "";
};
"""
_SEEN = "<p><b>As the network sees it</b></p>${value}"
_SEEN_STYLE = (
    "img { width: 200px; border: 1px solid gray; image-rendering: pixelated; }"
)


def draw(args):
    """Show a page that reads digits as they are drawn, to this machine only."""
    with _listen(args.port) as listener, tempfile.TemporaryDirectory() as folder:
        start_keras()
        # Otherwise Gradio makes /tmp/gradio, which then is one user's, and keeps all
        # drawings in the browser's storage.
        os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_RUN_HISTORY": "False"}
        page = _make_page(open_for_drawings(args.model))
        host, port = listener.getsockname()
        say(f"Draw at http://{host}:{port} until you press Ctrl-C here.")
        _serve(page, listener)


def _listen(port):
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        reason = os.strerror(error.errno).lower()
        raise OSError(
            f"port {port} cannot be used ({reason}): name another with --port"
        ) from None


def open_for_drawings(path):
    """Open a model to read drawings in dark ink, the pretrained one without a path."""
    model_input = ModelInput(load(path), path)
    model_input.normalizer.set_params(ink="dark")
    return model_input


def read(model_input, image):
    """Return an image as the network sees it, and the probability of each label."""
    model, rows = model_input.of_pictures(image[None])
    proba = model.predict_proba(rows)[0]
    labels = map(str, model.classes_)
    seen = 255 - image if model_input.dark_ink else image
    return seen, dict(zip(labels, proba, strict=True))


def _make_page(model_input):
    import gradio
    from PIL import Image

    def predict(url):
        if not url:
            return "", _HINT
        drawing = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
        try:
            image = model_input.normalizer.transform([drawing])[0]
        except ValueError:  # without ink
            return "", _HINT
        seen, proba = read(model_input, image)
        return _as_html(Image.fromarray(seen)), proba

    with gradio.Blocks(title="skmnist draw", analytics_enabled=False) as page:
        with gradio.Row():
            with gradio.Column(min_width=280):
                canvas = gradio.HTML(
                    html_template=_CANVAS,
                    css_template=_CANVAS_STYLE,
                    js_on_load=_CANVAS_SCRIPT,
                )
            with gradio.Column(min_width=280):
                label = gradio.Label(_HINT, label="Prediction", num_top_classes=10)
            with gradio.Column(min_width=240):
                seen = gradio.HTML(html_template=_SEEN, css_template=_SEEN_STYLE)
        canvas.change(predict, canvas, [seen, label], show_progress="hidden")
    return page


def _as_html(image):
    file = io.BytesIO()
    image.save(file, "png")
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="As the network sees it">'


def _serve(page, listener):
    import fastapi
    import gradio
    import uvicorn

    app = gradio.mount_gradio_app(fastapi.FastAPI(), page, "/", footer_links=[])
    config = uvicorn.Config(
        app, log_level="critical", ws="none", timeout_graceful_shutdown=1
    )
    uvicorn.Server(config).run(sockets=[listener])
