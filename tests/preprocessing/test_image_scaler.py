"""What `ImageScaler` and the reading of image shapes promise."""

import io
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.callback import ProgressBar
from sklearn.datasets import load_digits
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline

from skmnist._utils import as_rows, resolve_image_shape
from skmnist.preprocessing._image_scaler import ImageScaler
from skmnist.preprocessing._mnist_normalizer import MnistNormalizer

DIGITS = load_digits().data.astype(np.uint8)[:200]
PIXELS = np.arange(256, dtype=np.uint8).reshape(1, 256)


def forms(rows, shape):
    """Every form in which the same images may come."""
    stack = rows.reshape(-1, *shape)
    return {
        "rows": rows,
        "fortran": np.asfortranarray(rows),
        "list": rows.tolist(),
        "frame": pd.DataFrame(rows, columns=[f"p{i}" for i in range(rows.shape[1])]),
        "stack": stack,
        "fortran stack": np.asfortranarray(stack),
        "list of stacks": stack.tolist(),
        "images": stack[..., np.newaxis],
        "strided images": np.repeat(stack, 2, axis=0)[::2, ..., np.newaxis],
    }


# Reading shapes


@pytest.mark.parametrize("form", forms(DIGITS, (8, 8)))
def test_as_rows_input_forms(form):
    rows, seen = as_rows(forms(DIGITS, (8, 8))[form])
    assert_array_equal(np.asarray(rows), DIGITS)
    has_axes = "stack" in form or "images" in form
    assert seen == ((8, 8) if has_axes else None)


def test_as_rows_shares_memory():
    stack = DIGITS.reshape(-1, 8, 8)
    assert np.shares_memory(as_rows(stack)[0], stack)
    assert np.shares_memory(as_rows(stack[..., None])[0], stack)
    frame = pd.DataFrame(DIGITS)
    assert as_rows(frame)[0] is frame


@pytest.mark.parametrize("shape", [(5, 8, 8, 3), (5, 1, 8, 8), (5, 8, 8, 0)])
def test_as_rows_several_channels(shape):
    with pytest.raises(ValueError, match="one channel") as error:
        as_rows(np.zeros(shape))
    assert str(shape) in str(error.value)


def test_as_rows_five_axes():
    with pytest.raises(ValueError, match=r"stack.*\(2, 3, 4, 5, 1\)"):
        as_rows(np.zeros((2, 3, 4, 5, 1)))


@given(height=st.integers(1, 60), width=st.integers(1, 60), form=st.integers(0, 3))
def test_resolve_image_shape_given_or_seen(height, width, form):
    given_, seen = [
        ((height, width), None),
        ((-1, width), None),
        ((height, -1), (height, width)),
        (None, (height, width)),
    ][form]
    assert resolve_image_shape(height * width, given_, seen) == (height, width)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint32, np.int64])
def test_resolve_image_shape_numpy_integers(kind):
    for given_ in ((kind(28), kind(28)), (kind(28), -1)):
        found = resolve_image_shape(784, given_)
        assert found == (28, 28)
        assert {type(side) for side in found} == {int}


def test_resolve_image_shape_square():
    assert resolve_image_shape(784) == (28, 28)
    assert resolve_image_shape(1) == (1, 1)


@pytest.mark.parametrize("image_shape", [None, (28, 28), (28, -1), (-1, 28)])
def test_resolve_image_shape_one_column_too_many(image_shape):
    with pytest.raises(ValueError, match="785 columns.*is the label column still in X"):
        resolve_image_shape(785, image_shape)


def test_resolve_image_shape_not_square():
    with pytest.raises(ValueError, match=r"X_val has 60 columns.*set image_shape="):
        resolve_image_shape(60, what="X_val")


@pytest.mark.parametrize(
    "image_shape",
    [
        (8,),
        (8, 8, 1),
        (-1, -1),
        (0, 64),
        (-2, -32),
        (8.0, 8),
        ("8", "8"),
        (),
        (True, -1),
    ],
)
def test_resolve_image_shape_invalid(image_shape):
    with pytest.raises(ValueError, match="image_shape must be") as error:
        resolve_image_shape(64, image_shape)
    assert repr(image_shape) in str(error.value)


def test_resolve_image_shape_contradicts_data():
    with pytest.raises(ValueError, match=r"64 columns.*image_shape=\(8, 9\)"):
        resolve_image_shape(64, (8, 9))
    with pytest.raises(ValueError, match=r"64 columns.*image_shape=\(-1, 9\)"):
        resolve_image_shape(64, (-1, 9))
    with pytest.raises(ValueError, match=r"shape \(4, 16\).*image_shape=\(8, 8\)"):
        resolve_image_shape(64, (8, 8), seen=(4, 16))


# Scaling


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize("asked", forms(DIGITS, (8, 8)))
@pytest.mark.parametrize("fitted", ["rows", "stack", "images"])
def test_transform_input_forms_and_dtypes(fitted, asked, dtype):
    known = forms(DIGITS, (8, 8))
    scaler = ImageScaler(max_value=16).fit(known[fitted])
    X = forms(DIGITS.astype(dtype), (8, 8))[asked]
    if asked == "frame":
        scaler = ImageScaler(max_value=16).fit(known["frame"])
    images = scaler.transform(X)
    assert images.dtype == np.float32
    assert images.flags.c_contiguous
    assert_array_equal(images, (DIGITS / 16).reshape(-1, 8, 8, 1))
    assert scaler.n_features_in_ == 64
    assert scaler.image_shape_ == (8, 8)


@pytest.mark.parametrize("shape", [(1, 256), (256, 1), (4, 64), (4, -1), (16, 16)])
def test_transform_image_shape(shape):
    images = ImageScaler(image_shape=shape).fit_transform(PIXELS)
    assert_array_equal(images, (PIXELS.reshape(1, *shape, 1) / np.float32(255)))


@pytest.mark.parametrize("max_value", [1, 16, 22, 100, 255, 1023, 65535])
def test_inverse_transform_whole_pixels_exact(max_value):
    pixels = np.arange(max_value + 1).reshape(1, -1)
    scaler = ImageScaler(image_shape=(1, -1), max_value=max_value).fit(pixels)
    images = scaler.transform(pixels)
    assert images.min() == 0 and images.max() == 1
    assert_array_equal(scaler.inverse_transform(images).astype(int), pixels)


def test_inverse_transform_fractions_and_input_forms():
    scaler = ImageScaler().fit(PIXELS)
    images = np.full((2, 16, 16, 1), 0.3, dtype=np.float32)
    for X in (images, images[..., 0], images.reshape(2, 256), images.tolist()):
        rows = scaler.inverse_transform(X)
        assert rows.shape == (2, 256)
        np.testing.assert_allclose(rows, 76.5, rtol=1e-6)


def test_inverse_transform_wrong_shape():
    scaler = ImageScaler().fit(PIXELS)
    with pytest.raises(ValueError, match=r"\(8, 32\), but ImageScaler.*\(16, 16\)"):
        scaler.inverse_transform(np.zeros((1, 8, 32, 1)))


def test_transform_copies_its_input():
    X = np.random.default_rng(0).random((5, 8, 8, 1)).astype(np.float32)
    before = X.copy()
    scaler = ImageScaler(max_value=1).fit(X)
    images = scaler.transform(X)
    rows = scaler.inverse_transform(images)
    assert not np.shares_memory(X, images) and not np.shares_memory(images, rows)
    images += 1
    assert_array_equal(X, before)


# What is refused and what is warned of


def test_fit_label_column_in_frame():
    frame = pd.DataFrame(DIGITS).assign(label=0)
    frame.columns = frame.columns.astype(str)
    with pytest.raises(ValueError, match="65 columns.*label column still in X"):
        ImageScaler(max_value=16).fit(frame)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["fit", "transform", "inverse_transform"])
def test_pixels_not_finite(method, bad):
    X = DIGITS.astype(float)
    scaler = ImageScaler(max_value=16).fit(X)
    X[3, 5] = bad
    with pytest.raises(ValueError, match="NaN|infinity"):
        getattr(scaler, method)(X.reshape(-1, 8, 8))


def test_fit_text():
    with pytest.raises(ValueError, match="(?i)convert"):
        ImageScaler(max_value=16).fit([["a"] * 64])


def test_transform_wrong_shape():
    scaler = ImageScaler(max_value=16).fit(DIGITS)
    with pytest.raises(ValueError, match="63 features.*expecting 64"):
        scaler.transform(DIGITS[:, :63])
    with pytest.raises(ValueError, match=r"\(4, 16\), but ImageScaler.*\(8, 8\)"):
        scaler.transform(DIGITS.reshape(-1, 4, 16))


def test_transform_other_column_names():
    frame = forms(DIGITS, (8, 8))["frame"]
    scaler = ImageScaler(max_value=16).fit(frame)
    assert_array_equal(scaler.feature_names_in_, frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        scaler.transform(frame.rename(columns={"p0": "q0"}))


@pytest.mark.parametrize(
    "wrong",
    [{"max_value": v} for v in (0, "255", 1e60, 1e-60, True)] + [{"image_shape": 28}],
)
def test_fit_invalid_parameter(wrong):
    scaler = ImageScaler(**wrong)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        scaler.fit(PIXELS)


@pytest.mark.parametrize("X", [PIXELS.astype(int) - 1, PIXELS.astype(int) + 1])
def test_pixels_out_of_range_warning(X):
    with pytest.warns(UserWarning, match=r"outside 0 to max_value=255") as seen:
        ImageScaler().fit(X)
    assert seen[0].filename == __file__
    scaler = ImageScaler().fit(PIXELS)
    with pytest.warns(UserWarning, match="outside 0 to max_value=255") as seen:
        scaler.transform(X)
    assert seen[0].filename == __file__


@pytest.mark.parametrize(
    "X", [PIXELS / 255, PIXELS > 99, (PIXELS > 99).astype(np.uint8), PIXELS / 1000]
)
def test_fit_scaled_pixels_warning(X):
    with pytest.warns(UserWarning, match="look already scaled.*max_value=1"):
        ImageScaler().fit(X)


def test_transform_scaled_pixels_warning():
    scaler = ImageScaler().fit(PIXELS)
    with pytest.warns(UserWarning, match="look already scaled"):
        scaler.transform(PIXELS / 255)


@pytest.mark.parametrize(
    "X",
    [np.zeros((1, 256)), np.zeros((1, 256), np.uint8), np.eye(16, dtype=int)[None]],
)
def test_transform_dark_batch_without_warning(X):
    scaler = ImageScaler().fit(PIXELS)
    assert scaler.transform(X).max() <= 1 / 255


def test_fit_black_or_unit_range_without_warning():
    assert ImageScaler().fit_transform(np.zeros((3, 4))).max() == 0
    assert ImageScaler(max_value=1).fit_transform([[0.0, 0.5, 0.9, 1]]).max() == 1


# In scikit-learn's company


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_fit_transform_global_pandas_output(output):
    with sklearn.config_context(transform_output=output):
        images = ImageScaler(max_value=16).fit_transform(DIGITS)
    assert type(images) is np.ndarray and images.shape == (200, 8, 8, 1)


def test_progress_bar_in_pipeline(monkeypatch):
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    pipe = Pipeline([("normalize", MnistNormalizer((8, 8))), ("scale", ImageScaler())])
    pipe.set_callbacks(ProgressBar(max_propagation_depth=2)).fit(DIGITS)
    for name in ("MnistNormalizer", "ImageScaler"):
        assert f"{name} - fit" in printed.getvalue()


def test_callbacks_teardown_after_failed_fit():
    class Recorder:
        calls = []

        def setup(self, estimator, context):
            self.calls.append("setup")

        def on_fit_task_begin(self, estimator, context):
            self.calls.append("begin")

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            self.calls.append(fitted_estimator.transform(DIGITS).shape)

        def teardown(self, estimator, context):
            self.calls.append("teardown")

    scaler = ImageScaler(max_value=16).set_callbacks(Recorder())
    scaler.fit(DIGITS)
    assert Recorder.calls == ["setup", "begin", (200, 8, 8, 1), "teardown"]
    Recorder.calls.clear()
    with pytest.raises(ValueError, match="63 columns"):
        scaler.fit(DIGITS[:, :63])
    assert Recorder.calls == ["setup", "begin", "teardown"]


def test_pipeline_transform_input_validation_set():
    class Last(GaussianNB):
        def fit(self, X, y, X_val=None):
            self.images_, self.validation_ = X, X_val
            return self

    y = np.arange(200) % 10
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = Pipeline(
            [
                ("scale", ImageScaler(max_value=16)),
                ("last", Last().set_fit_request(X_val=True)),
            ],
            transform_input=["X_val"],
        )
        pipe.fit(DIGITS, y, X_val=DIGITS[:7].reshape(-1, 8, 8))
    assert_array_equal(pipe["last"].validation_, pipe["last"].images_[:7])


def test_import_without_keras_and_matplotlib():
    code = (
        "import sys, skmnist; skmnist.ImageScaler;"
        "print({'keras', 'tensorflow', 'matplotlib'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "set()"


def test_transform_peak_memory():
    X = np.zeros((2000, 784), dtype=np.uint8)
    X[0, 0] = 255
    for Z in (X, np.asfortranarray(X), X.astype(float), X.reshape(-1, 28, 28)):
        scaler = ImageScaler().fit(Z)
        tracemalloc.start()
        images = scaler.transform(Z)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1.1 * images.nbytes


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame])
def test_transform_label_column(make):
    scaler = ImageScaler(max_value=16).fit(make(DIGITS))
    labelled = np.column_stack([np.zeros(len(DIGITS), int), DIGITS])
    with pytest.raises(ValueError, match=r"65.*is the label column still in X\?"):
        scaler.transform(make(labelled))


# Images that are not what they seem


def test_transform_negative_image_warning():
    scaler = ImageScaler(max_value=16).fit(DIGITS)
    with pytest.warns(UserWarning, match="negative.*dark ink on light.*max_value - X"):
        scaler.transform(16 - DIGITS[:5])
    for one in range(
        len(DIGITS)
    ):  # images alone differ from the mean, and are not negatives
        scaler.transform(DIGITS[one : one + 1])


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)])
def test_transform_one_image_without_batch_axis(shape):
    scaler = ImageScaler(max_value=16).fit(DIGITS)
    with pytest.raises(ValueError, match=r"one image.*X\[None\]"):
        scaler.transform(DIGITS[0].reshape(shape))


@pytest.mark.parametrize("make", [np.asarray, pd.Series, list])
def test_transform_one_row_without_batch_axis(make):
    scaler = ImageScaler(max_value=16).fit(DIGITS)
    with pytest.raises(ValueError, match=r"\(64,\).*one image.*X\[None\]"):
        scaler.transform(make(DIGITS[0]))


@pytest.mark.parametrize("shape", [(8, 8, 3), (40, 30, 3), (8, 8, 4)])
def test_transform_one_picture_in_colour(shape):
    scaler = ImageScaler(max_value=16).fit(DIGITS)
    with pytest.raises(
        ValueError, match=r"one picture in colour.*MnistNormalizer.*\[X"
    ):
        scaler.transform(np.zeros(shape))


def test_transform_name_of_a_file():
    scaler = ImageScaler(max_value=16).fit(DIGITS)
    with pytest.raises(ValueError, match="'photo.jpg': read files with load_images"):
        scaler.transform("photo.jpg")


@pytest.mark.parametrize("paper", [16, 13, 11])
def test_transform_dark_ink_on_grey_paper_warning(paper):
    ink = DIGITS > 8
    scaler = ImageScaler(max_value=16).fit(16 * ink)
    with pytest.warns(UserWarning, match="negative"):
        scaler.transform(np.where(ink, 2, paper)[:50])


INK = np.pad(DIGITS.reshape(-1, 8, 8) > 8, ((0, 0), (2, 2), (2, 2)))


@pytest.mark.parametrize("paper", [16, 13, 11, 8, 5])
def test_transform_dark_ink_amid_grey_paper_warning(paper):
    scaler = ImageScaler(max_value=16).fit(16 * INK)
    with pytest.warns(UserWarning, match="negative.*dark ink on light"):
        scaler.transform(np.where(INK, 2, paper)[:50])


@pytest.mark.parametrize("paper", [0, 3, 5, 8, 11])
def test_transform_light_ink_amid_grey_paper_warning(paper):
    scaler = ImageScaler(max_value=16).fit(16 * ~INK)
    with pytest.warns(UserWarning, match="negative.*light ink on dark"):
        scaler.transform(np.where(INK, 14, paper)[:50])


@pytest.mark.parametrize(
    ("paper", "ink"), [(0, INK), (3, INK), (5, INK), (0, DIGITS > 8), (3, DIGITS > 8)]
)
def test_transform_light_ink_on_grey_paper_as_in_fit(paper, ink):
    scaler = ImageScaler(max_value=16).fit(16 * ink)
    for one in range(50):
        scaler.transform(np.where(ink, 14, paper)[one : one + 1])


@pytest.mark.parametrize("ink", [0.2, 0.5])
@pytest.mark.parametrize(("dark", "bright"), [(7, 14), (5, 11), (4, 10), (9, 16)])
@pytest.mark.parametrize("axis", [0, 1])
def test_transform_dark_ink_in_uneven_light_warning(axis, dark, bright, ink):
    scaler = ImageScaler(max_value=16).fit(16 * INK)
    light = np.linspace(dark, bright, 12)
    paper = light[:, np.newaxis] if axis else light
    with pytest.warns(UserWarning, match="negative.*dark ink on light"):
        scaler.transform((paper * np.where(INK, ink, 1))[:50])
    # Light ink on such paper is as in `fit`.
    scaler.transform(np.where(INK, 14, np.minimum(paper, 5))[:50])


def test_transform_warns_once_of_another_scale():
    scaler = ImageScaler().fit(255 * INK)
    with pytest.warns(UserWarning, match="set max_value") as caught:
        scaler.transform(65_535 * INK)
    assert len(caught) == 1


@pytest.mark.parametrize("side", [16, 20, 24, 26])
def test_transform_batch_of_large_bright_shapes(side):
    """A class of clothes may be bright on the whole; it is not a negative."""

    def shapes(n, side):
        images = np.zeros((n, 28, 28), dtype=np.uint8)
        start = (28 - side) // 2
        images[:, start : start + side, start : start + side] = 220
        return images

    train = np.concatenate([shapes(50, side) for side in (8, 12, 16, 24)])
    scaler = ImageScaler().fit(train)
    scaler.transform(shapes(9, side))
    with pytest.warns(UserWarning, match="negative"):
        scaler.transform(255 - shapes(9, 12))


def test_transform_wrong_size_message():
    scaler = ImageScaler(max_value=16).fit(DIGITS)
    with pytest.raises(ValueError, match=r"\(9, 9\).*MnistNormalizer") as error:
        scaler.transform(np.zeros((3, 9, 9)))
    assert "set image_shape" not in str(error.value)
    with pytest.raises(ValueError, match="each pixel of a 8x8 image.*MnistNormal"):
        scaler.transform(np.zeros((3, 81)))


def test_fit_rows_with_third_axis_warning():
    with pytest.warns(UserWarning, match=r"64x1 pixels.*rows of 8x8.*X.reshape"):
        ImageScaler(max_value=16).fit(DIGITS.reshape(-1, 64, 1))
    ImageScaler(max_value=16, image_shape=(64, 1)).fit(DIGITS.reshape(-1, 64, 1))


def test_fit_channels_first_or_colour():
    images = DIGITS[:5].reshape(-1, 1, 8, 8)
    with pytest.raises(ValueError, match=r"channels first.*np.moveaxis\(X, 1, -1\)"):
        ImageScaler().fit(images)
    with pytest.raises(ValueError, match="MnistNormalizer"):
        ImageScaler().fit(np.zeros((5, 8, 8, 3)))


def test_fit_separate_arrays():
    apart = np.empty(3, dtype=object)
    apart[:] = [np.zeros((8, 8))] * 3
    rows = pd.Series([np.zeros(64)] * 3)
    for X in (apart, pd.Series(apart), rows, rows.array, apart.tolist() + [[0]]):
        with pytest.raises(ValueError, match="separate arrays.*np.stack.*Mnist"):
            ImageScaler().fit(X)
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        ImageScaler().fit([])


def test_set_output():
    scaler = ImageScaler(max_value=16)
    pipeline = make_pipeline(scaler).set_output(transform="default")
    assert pipeline.fit_transform(DIGITS).shape == (200, 8, 8, 1)
    with pytest.raises(ValueError, match="'pandas' selects a table.*'default'"):
        make_pipeline(scaler).set_output(transform="pandas")
