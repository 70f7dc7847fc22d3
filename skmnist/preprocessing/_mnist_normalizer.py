"""Normalization of photographs and drawings of digits to MNIST's format."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils._param_validation import StrOptions

from skmnist._utils import ArrayOutputMixin, ManualLinks, Number

MNIST_SIDE = 28
_MOST_NAMES = 20  # in a message


class NoInkError(ValueError):
    """Ink is not found in the pictures at these positions of `X`."""

    def __init__(self, positions, ink):
        super().__init__(positions, ink)
        self.positions, self.ink = positions, ink

    def __str__(self):
        picture = "Picture " if len(self.positions) == 1 else "Pictures "
        remedy = f", or change ink={self.ink!r}"
        return say_no_ink(picture, self.positions, " of X", remedy)

    def in_rows(self, source, start=0):
        """Return an error that names rows of a source, which are counted from 1."""
        rows = [start + position + 1 for position in self.positions]
        row = "row " if len(rows) == 1 else "rows "
        return ValueError(say_no_ink(f"{source}, {row}", rows, ","))


def say_no_ink(before, names, after="", remedy=""):
    """Say in which pictures ink is not found, and what to do."""
    shown = ", ".join(map(str, names[:_MOST_NAMES]))
    if (more := len(names) - _MOST_NAMES) > 0:
        shown += f" and {more} more"
    return (
        f"{before}{shown}{after} {'does' if len(names) == 1 else 'do'} not show ink: "
        "leave out what is blank; otherwise cut closer to the digit or raise the "
        f"contrast{remedy}."
    )


class MnistNormalizer(
    ArrayOutputMixin, ManualLinks, CallbackSupportMixin, TransformerMixin, BaseEstimator
):
    """Normalize pictures of digits to MNIST's format.

    The ink of each picture is separated from its paper, scaled to fit a box with its
    aspect ratio kept, and moved so that its centre of mass is in the middle, light
    on black, as for MNIST [1]_. The pictures may be photographs, scans or drawings
    of any and of different sizes. Each must show one digit.

    This transformer is stateless: `transform` may be called without `fit`.

    Parameters
    ----------
    image_shape : tuple of (int, int), default=(28, 28)
        Height and width of the images in pixels, 4 at least.
    box_size : float, default=20
        Height and width in pixels of the box that the ink is scaled to fit, in an
        image of 28x28. For another `image_shape` the box is scaled with it. In the
        range (0, 28].
    ink : {"auto", "dark", "light"}, default="auto"
        Whether the ink is darker or lighter than the paper. With "auto", it is what few
        of the pixels near edges have and their surroundings do not; an even border is
        paper.

    See Also
    --------
    ImageScaler : Scale the images to what the network takes.
    load_images : Read pictures from files.

    Notes
    -----
    A frame of one colour around the whole picture is left out, and so is what a sheet
    of paper lies on: a rectangle that differs from its surroundings is cut out and
    turned upright. Colours are reduced to the mixture in which ink and paper differ
    most. The brightness of the paper is estimated for each pixel, so that uneven light
    and the edges of shadows are taken out. Ruled and squared lines are removed, and
    lines of a form near the border that the digit does not touch. Ink is at least 0.35
    of the strongest contrast, with edges on both sides, which shadows do not have; the
    strokes of a digit need not be connected, but specks, a line below the digit, a box
    or circle around it and strokes far from the largest are left out. Light ink is
    found as dark ink is in the negative. A digit may touch the border of its picture.
    Large pictures are reduced; on even paper, as in drawings, thin strokes stay. The
    brightest tenth of the pixels with ink becomes 255.

    Pixels may have any range from 0, since only ratios count. Transparent pixels are
    taken for paper.

    The centre of mass comes to the middle within half a pixel, unless ink would leave
    the image. `inverse_transform` does not exist, since the rest of a picture is
    lost, and neither does `get_feature_names_out`: images are not a table.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning
       applied to document recognition", Proceedings of the IEEE, 86(11):2278-2324,
       1998. https://doi.org/10.1109/5.726791

    Examples
    --------
    >>> import numpy as np
    >>> from skmnist import MnistNormalizer
    >>> paper = np.full((1, 120, 90), 230, dtype=np.uint8)
    >>> paper[0, 10:90, 40:48] = 35  # a 1 in dark ink
    >>> image = MnistNormalizer().fit_transform(paper)[0]
    >>> image.shape, image.dtype, int(image.max())
    ((28, 28), dtype('uint8'), 255)
    >>> rows, columns = np.nonzero(image)
    >>> int(np.ptp(rows)) + 1, float(rows.mean()), float(columns.mean())
    (20, 13.5, 13.5)
    """

    _parameter_constraints = {
        "image_shape": [tuple, list],
        "box_size": [Number(Real, 0, MNIST_SIDE, closed="right")],
        "ink": [StrOptions({"auto", "dark", "light"})],
    }

    def __init__(self, image_shape=(28, 28), box_size=20, ink="auto"):
        self.image_shape = image_shape
        self.box_size = box_size
        self.ink = ink

    @with_callbacks
    def fit(self, X, y=None):
        """Validate the parameters; nothing is learned.

        Parameters
        ----------
        X : array-like or list of array-like and PIL.Image.Image
            Ignored.
        y : None
            Ignored.

        Returns
        -------
        self : MnistNormalizer
            The normalizer itself.

        Raises
        ------
        ValueError
            If a parameter is not of its range.
        """
        self._validate_params()
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        self._validated_shape()
        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes={}
        )
        return self

    def transform(self, X):
        """Normalize pictures of one digit each.

        Parameters
        ----------
        X : array-like or list of array-like and PIL.Image.Image
            Arrays of shape (n_samples, height, width) or (n_samples, height, width, 3
            or 4), rows of pixels of `image_shape`, or a list of `n_samples` arrays of
            shape (height, width) or (height, width, 3 or 4) and Pillow images, which
            may differ in size. Numbers of any type, from 0. The fourth channel is the
            opacity.

        Returns
        -------
        images : ndarray of shape (n_samples, height, width), dtype uint8
            Images of `image_shape`, from 0 for paper to 255 for ink.

        Raises
        ------
        ValueError
            If `X` is not a batch of pictures, the numbers in the names of its columns
            are not in order, a pixel is negative or not finite, or ink is not found in
            a picture. The message names the positions of such pictures, counted from 0.
        """
        # Late, so that importing this package does not import scikit-image.
        from skmnist.preprocessing._pixels import read_pixels
        from skmnist.preprocessing._segmentation import find_ink

        self._validate_params()
        image_shape = self._validated_shape()
        images, blank = [], []
        for position, pixels in enumerate(read_pixels(X, image_shape, self.ink)):
            coverage = find_ink(pixels, self.ink)
            if coverage is None:
                blank.append(position)
            elif not blank:
                images.append(_place(coverage, image_shape, self.box_size))
        if blank:
            raise NoInkError(blank, self.ink)
        return np.array(images)

    def _validated_shape(self):
        shape = tuple(self.image_shape)
        if len(shape) != 2 or not all(isinstance(n, Integral) and n > 3 for n in shape):
            raise ValueError(
                "image_shape must be (height, width), two integers of 4 or more, but "
                f"it is {self.image_shape!r}."
            )
        return shape

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def normalizer_of(normalize):
    """Return the normalizer that an argument `normalize` means, None for none."""
    if isinstance(normalize, MnistNormalizer):
        return clone(normalize)
    if normalize not in (None, True, False):
        raise ValueError(
            f"normalize is None, True, False or a MnistNormalizer, not {normalize!r}."
        )
    return MnistNormalizer() if normalize else None


def _place(coverage, image_shape, box_size):
    """Scale ink to its box, and move its centre of mass to the middle."""
    from PIL import Image

    box = np.multiply(image_shape, box_size / MNIST_SIDE)
    scale = np.min(box / coverage.shape)
    height, width = (max(1, round(scale * length)) for length in coverage.shape)
    # Pillow's filters widen when they reduce, which is the anti-aliasing.
    scaled = Image.fromarray(coverage).resize((width, height), Image.Resampling.BICUBIC)
    ink = np.maximum(scaled, 0)
    full = np.quantile(ink[ink > 0.3 * ink.max()], 0.9)
    ink = np.minimum(ink / full, 1)
    image = np.zeros(image_shape, dtype=np.uint8)
    window = tuple(
        _centred(ink.sum(axis=1 - axis), image_shape[axis]) for axis in (0, 1)
    )
    image[window] = np.rint(255 * ink)
    return image


def _centred(profile, length):
    """Where a profile goes for its centre of mass to be in the middle of a length."""
    centre = profile @ np.arange(len(profile)) / profile.sum()
    start = int(np.clip(round((length - 1) / 2 - centre), 0, length - len(profile)))
    return slice(start, start + len(profile))
