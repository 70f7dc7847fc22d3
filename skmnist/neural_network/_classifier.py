"""The estimator: hyperparameters and public methods."""

from sklearn.callback import with_callbacks

from skmnist.neural_network._fit import BaseNetwork


class MnistCNN(BaseNetwork):
    """Convolutional network for small grey images such as handwritten digits.

    Blocks of two convolutions, a max-pooling and a dropout (two by default), then a
    hidden dense layer and a softmax, trained with Adam on the cross-entropy. Pixels are
    expected between 0 and 1; :class:`ImageScaler` brings them there.

    Parameters
    ----------
    anneal : bool or {"plateau", "one_cycle"}, default=False
        How the learning rate changes. True or "plateau": it is multiplied by
        `anneal_factor` when the monitored loss has not improved by 0.001 for
        `anneal_patience` epochs. "one_cycle": it rises once to `learning_rate` and
        falls along a cosine over `epochs`, which reaches the same accuracy in
        fewer epochs (Smith, 2018, arXiv:1803.09820). The monitored loss is the
        validation loss, or the training loss without validation rows.
    anneal_factor : float, default=0.3
        Factor of the plateau rule, between 0 and 1.
    anneal_patience : int, default=2
        Epochs without an improvement before the plateau rule lowers the rate, 1 or
        more. The largest integer here and below is 2**31 - 1.
    augment : bool, default=False
        Whether to transform every training image at random in every epoch: zoomed,
        rotated and shifted, in one bilinear resampling that repeats the nearest
        edge. Images for validation and prediction are not transformed.
    rotation_range : float, default=10.0
        Largest rotation to either side, in degrees, from 0 to 180.
    zoom_range : float, default=0.05
        Each axis is magnified by a factor between 1 - `zoom_range` and
        1 + `zoom_range`. In the range [0, 1).
    shift_range : float, default=0.05
        Largest shift along each axis, as a fraction of the side, from 0 to 1.
    early_stopping : bool, default=False
        Whether `fit` stops when the monitored loss has not improved by 0.001 within
        `n_iter_no_change` epochs, and keeps the weights of the epoch with the lowest
        loss. Ignored by `partial_fit`.
    n_iter_no_change : int, default=5
        Epochs without an improvement before early stopping, 1 or more.
    epochs : int, default=30
        Passes over the training rows in one call of `fit`, 1 or more.
    batch_size : int, default=42
        Images per training step, 1 or more; 2 or more with `batch_norm`. Does not
        affect prediction.
    learning_rate : float, default=0.001
        Initial learning rate of Adam, or the peak of one cycle. From 1.2e-38 to
        3.4e38, the range of 32-bit floats; useful values are below 0.1.
    min_learning_rate : float, default=1e-5
        Lower bound on the learning rate of a schedule. From 0 to 3.4e38.
    label_smoothing : float, default=0.0
        Label smoothing `a` in the range [0, 1), against overconfidence (Szegedy et
        al., 2016, arXiv:1512.00567): the targets are ``(1 - a) * one_hot + a /
        n_classes``, also for the losses in `history_` and `batch_loss_`.
    validation_fraction : float or None, default=0.1
        Fraction of the training rows, between 0 and 1, that `fit` sets aside to
        compute `val_loss`. The split is stratified and controlled by `random_state`:
        ``round(fraction * count)`` rows of each class are held out, and at least one
        is trained on. A warning is issued if no row is held out. None trains on all
        rows.
    filters : tuple of int, default=(32, 64)
        Number of filters in both convolutions of each block, 1 or more.
    kernel_sizes : tuple of int, default=(5, 3)
        Side of the square kernels of each block in pixels, from 1 to 255.
    dense_units : int, default=384
        Units of the hidden dense layer, 1 or more.
    dropout : tuple of float, default=(0.4, 0.5, 0.5)
        Fraction of the units to drop, in the range [0, 1): one entry for each block
        and one for the hidden dense layer.
    batch_norm : bool, default=False
        Whether each convolution and the hidden dense layer is followed by batch
        normalization (Ioffe and Szegedy, 2015, arXiv:1502.03167), before the
        activation and instead of a bias.
    dtype : {"float32", "mixed_bfloat16", "mixed_float16"} or None, default="float32"
        Precision of the layers. The mixed policies compute in 16 bits and keep 32-bit
        weights; they are slower on a CPU without instructions for them. None takes
        the policy that is set with ``keras.config.set_dtype_policy`` when `fit` is
        called, in the same thread: workers and other threads use float32.
    image_shape : tuple of (int, int) or None, default=None
        Height and width in pixels. Needed only for rows of images that are not
        square; -1 in one place is inferred.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, from 0 to 3.4e38, multiplied with the sample weights.
        Classes missing from a dict have weight 1. "balanced" uses
        ``n_samples / (n_classes * count)``.
    warm_start : bool, default=False
        Whether `fit` continues from the weights and the optimizer of the previous
        call instead of starting again.
    random_state : int, RandomState instance or None, default=None
        Controls the weight initialization, the validation split, the order of the
        batches, dropout and augmentation. Pass an int for results that are identical
        to the bit across fits, on a CPU and with the same number of threads; global
        generators are not used then. None draws a seed from NumPy's global generator.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar for each epoch, 2 one line per epoch.
    callbacks : list of keras.callbacks.Callback, or one, or None, default=None
        Keras callbacks, of which each fit uses a copy. An entry may also be a class
        or a function without arguments that returns a callback.
    checkpoint_dir : str, path-like or None, default=None
        Folder in which `fit` saves its state after every epoch. The same fit of the
        same data resumes from there, or returns at once if it was complete. Requires
        an int `random_state` and cannot be combined with `callbacks`.
    tta_copies : int, default=0
        Test-time augmentation: probabilities are averaged over the image and this
        many copies of it, 0 to 10,000, transformed at random within the ranges of
        `augment`. All images are transformed alike.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Pixels of an image, height times width.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if `fit` was given a DataFrame.
    image_shape_ : tuple of (int, int)
        Height and width in pixels.
    model_ : keras.Sequential
        A separate Keras model, built from the weights on first access and not
        pickled. Changing it does not change the estimator.
    history_ : dict of str to list of float
        Per epoch: `loss`, `accuracy`, `learning_rate` (of its last batch) and, with
        validation rows, `val_loss` and `val_accuracy`. They use the weights of the
        rows, scaled to a mean of 1 over the training rows.
    batch_loss_ : ndarray of float32 of shape (n_batches,)
        Loss of each single batch, over all epochs.
    best_epoch_ : int
        With early stopping, the epoch whose weights were kept, counted from 1 over
        the whole of `history_`.
    callbacks_ : list of keras.callbacks.Callback
        The copies of `callbacks` that ran in the last fit. Not pickled.

    See Also
    --------
    ImageScaler : Scale pixels to the range from 0 to 1.
    make_mnist_pipeline : Both, in a pipeline.
    save_model : Save a fitted estimator to a file that is safe to open.

    Notes
    -----
    The sizes and defaults are those of a well-known notebook for Kaggle's digit
    recognizer; for 28 x 28 images of ten classes the network has 1,290,346 trainable
    parameters.

    The routed parameters of `KerasClassifier` (``fit__...``) are not supported:
    every hyperparameter is in the signature.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmnist import MnistCNN
    >>> X, y = load_digits(return_X_y=True)
    >>> cnn = MnistCNN(epochs=3, random_state=0).fit(X[:1000] / 16, y[:1000])
    >>> cnn.predict_proba(X[1000:1002] / 16).shape
    (2, 10)
    >>> len(cnn.history_["val_loss"])
    3
    """

    def __init__(
        self,
        *,
        anneal=False,
        anneal_factor=0.3,
        anneal_patience=2,
        augment=False,
        rotation_range=10.0,
        zoom_range=0.05,
        shift_range=0.05,
        early_stopping=False,
        n_iter_no_change=5,
        epochs=30,
        batch_size=42,
        learning_rate=0.001,
        min_learning_rate=1e-5,
        label_smoothing=0.0,
        validation_fraction=0.1,
        filters=(32, 64),
        kernel_sizes=(5, 3),
        dense_units=384,
        dropout=(0.4, 0.5, 0.5),
        batch_norm=False,
        dtype="float32",
        image_shape=None,
        class_weight=None,
        warm_start=False,
        random_state=None,
        verbose=0,
        callbacks=None,
        checkpoint_dir=None,
        tta_copies=0,
    ):
        self.anneal = anneal
        self.anneal_factor = anneal_factor
        self.anneal_patience = anneal_patience
        self.augment = augment
        self.rotation_range = rotation_range
        self.zoom_range = zoom_range
        self.shift_range = shift_range
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.min_learning_rate = min_learning_rate
        self.label_smoothing = label_smoothing
        self.validation_fraction = validation_fraction
        self.filters = filters
        self.kernel_sizes = kernel_sizes
        self.dense_units = dense_units
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.dtype = dtype
        self.image_shape = image_shape
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.tta_copies = tta_copies

    @with_callbacks
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            Pixels from 0 to 1, of any numeric type.
        y : array-like of shape (n_samples,)
            Labels: integers, strings or booleans.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative. Rows of weight 0 are left out. Only the
            ratios matter: doubling all weights, or equal weights, change nothing.
        X_val : array-like of shape (n_val_samples, height * width), \
                (n_val_samples, height, width) or \
                (n_val_samples, height, width, 1), default=None
            Images for validation instead of a part of `X`, scaled like `X`.
        y_val : array-like of shape (n_val_samples,), default=None
            Labels of `X_val`, all of which must occur in `y`.

        Returns
        -------
        self : MnistCNN
            The fitted estimator.

        Raises
        ------
        ValueError
            If a hyperparameter, an image, a label or a weight is not as described,
            if all weights are zero, or if the loss, `val_loss` or the network's
            weights become infinite or NaN. The estimator is left unchanged.
        OSError
            If `checkpoint_dir` is not writable.

        Warns
        -----
        UserWarning
            If `X` has values above 1, if `X_val` is scaled differently, if no row
            could be held out for validation, or if a checkpoint is ignored.
        """
        context = self._init_callback_context(max_subtasks=self.epochs)
        return self._fit(X, y, sample_weight, X_val, y_val, context=context)

    def partial_fit(
        self, X, y, classes=None, sample_weight=None, X_val=None, y_val=None
    ):
        """Train for one more epoch.

        The optimizer, the history and the learning-rate schedule continue from the
        previous call. No rows are held out for validation.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            Pixels from 0 to 1, of any numeric type.
        y : array-like of shape (n_samples,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels. Required in the first call if `y` lacks some of them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative. Only ratios within this call matter.
        X_val : array-like of shape (n_val_samples, height * width), \
                (n_val_samples, height, width) or \
                (n_val_samples, height, width, 1), default=None
            Images for validation, scaled like `X`.
        y_val : array-like of shape (n_val_samples,), default=None
            Labels of `X_val`.

        Returns
        -------
        self : MnistCNN
            The fitted estimator.

        Raises
        ------
        ValueError
            As in `fit`, and if `classes` changes from one call to the next.
        OSError
            As in `fit`.

        Warns
        -----
        UserWarning
            As in `fit`.
        """
        return self._fit(
            X, y, sample_weight, X_val, y_val, classes=classes, incremental=True
        )
