"""The estimator: hyperparameters and public methods."""

from sklearn.callback import with_callbacks

from skmnist.neural_network._fit import BaseNetwork


class MnistCNN(BaseNetwork):
    """Convolutional network for small grey images such as handwritten digits.

    Two blocks of two convolutions, a max-pooling and a dropout, then a hidden
    dense layer and a softmax, trained with Adam on the cross-entropy. Pixels are
    expected between 0 and 1; :class:`ImageScaler` brings them there.

    Parameters
    ----------
    anneal : bool or {"plateau", "one_cycle"}, default=False
        How the learning rate changes. True or "plateau": it is multiplied by
        `anneal_factor` when the monitored loss has not improved by 0.001 for
        `anneal_patience` epochs. "one_cycle": it rises once to `learning_rate` and
        falls along a cosine over `epochs`, which reaches the same accuracy in
        fewer epochs (Smith, 2018, arXiv:1803.09820). The monitored loss is that
        of the validation rows, or of the training rows where there are none.
    anneal_factor : float, default=0.3
        Multiplier of the plateau rule, between 0 and 1.
    anneal_patience : int, default=2
        Epochs that the plateau rule waits, 1 or more. This and all other whole numbers
        go up to 2**31 - 1.
    augment : bool, default=False
        Whether every training image is transformed afresh at every epoch: zoomed,
        rotated and shifted at random, in one bilinear resampling that repeats the
        nearest edge. Images for validation and prediction stay as they are.
    rotation_range : float, default=10.0
        Largest rotation to either side, in degrees, from 0 to 180.
    zoom_range : float, default=0.05
        Each axis is magnified by 1 - `zoom_range` to 1 + `zoom_range`. From 0 up
        to, but not, 1.
    shift_range : float, default=0.05
        Largest shift along each axis, as a fraction of the side, from 0 to 1.
    early_stopping : bool, default=False
        Whether `fit` stops when the monitored loss has not improved by 0.001 for
        `n_iter_no_change` epochs, and keeps the weights of the epoch with the lowest
        loss. `partial_fit` ignores it.
    n_iter_no_change : int, default=5
        Epochs without an improvement that early stopping waits, 1 or more.
    epochs : int, default=30
        Passes over the training rows in one call of `fit`, 1 or more.
    batch_size : int, default=42
        Images per training step, 1 or more. Prediction chooses its own.
    learning_rate : float, default=0.001
        Adam's learning rate at the start, or the peak of one cycle. From 1.2e-38 to
        3.4e38, the numbers that 32-bit floats hold; useful ones are below 0.1.
    min_learning_rate : float, default=1e-5
        No schedule goes below this rate. From 0 to 3.4e38.
    validation_fraction : float or None, default=0.1
        Part of the training rows, between 0 and 1, that `fit` holds out for
        `val_loss`, stratified and drawn from `random_state`: each class gives
        ``round(fraction * count)`` rows and keeps one at least. If that makes no
        row at all, a warning says so. None holds nothing out.
    filters : tuple of int, default=(32, 64)
        Filters of the convolutions, 1 or more, an entry for each block of two.
    kernel_sizes : tuple of int, default=(5, 3)
        Side of the square kernels in pixels, from 1 to 255, an entry for each block.
    dense_units : int, default=384
        Units of the hidden dense layer, 1 or more.
    dropout : tuple of float, default=(0.4, 0.5, 0.5)
        Dropped fraction, from 0 up to, but not, 1: one entry for each block and one
        for the hidden dense layer.
    batch_norm : bool, default=False
        Whether each convolution and the hidden dense layer is followed by batch
        normalization (Ioffe and Szegedy, 2015, arXiv:1502.03167), before the
        activation and instead of a bias.
    dtype : {"float32", "mixed_bfloat16", "mixed_float16"} or None, default="float32"
        Precision of the layers. The mixed ones compute in 16 bits and keep weights of
        32 bits; they are slower on a CPU without instructions for them. None takes
        the policy that is set with ``keras.config.set_dtype_policy`` when `fit` is
        called.
    image_shape : tuple of (int, int) or None, default=None
        Height and width in pixels. Needed only for rows of images that are not
        square; -1 in one place is inferred.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class, from 0 to 3.4e38, multiplied with the sample weights.
        Classes that a dict does not name weigh 1. "balanced" is
        ``n_samples / (n_classes * count)``.
    warm_start : bool, default=False
        Whether `fit` resumes from the weights and the optimizer of the last one.
    random_state : int, RandomState instance or None, default=None
        Controls the weight initialization, the validation split, the order of the
        batches, dropout and augmentation. An int gives the same bits at every fit on
        a CPU, if the number of threads is the same, and leaves every global generator
        alone. None draws a seed from
        NumPy's global generator, as scikit-learn does.
    verbose : int, default=0
        0 is silent, 1 shows a bar an epoch, 2 a line an epoch.
    callbacks : list of keras.callbacks.Callback, or one, or None, default=None
        Copied for each fit. A class or a function without arguments that makes a
        callback may stand in place of one.
    checkpoint_dir : str, path-like or None, default=None
        Folder in which `fit` leaves its state after every epoch. The same fit of
        the same data takes it up from there, or returns at once if it had come to
        its end. Needs an int `random_state` and no `callbacks`.
    tta_copies : int, default=0
        Test-time augmentation: probabilities are averaged over the image and this
        many copies, 0 to 10,000, transformed within the ranges of `augment`, all
        images alike.

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
        A Keras model of the estimator's own, made from its weights on first use
        and not pickled. Changes to it do not change the estimator.
    history_ : dict of str to list of float
        Per epoch: `loss`, `accuracy`, `learning_rate` (of its last batch) and, with
        validation rows, `val_loss` and `val_accuracy`. Weighted as the rows are, the
        mean weight of the training rows being 1.
    batch_loss_ : ndarray of float32 of shape (n_batches,)
        Loss of each batch alone, over all epochs.
    best_epoch_ : int
        With early stopping the epoch whose weights were kept, counted from 1 over
        the whole of `history_`.
    callbacks_ : list of keras.callbacks.Callback
        The copies of `callbacks` that ran in the last fit. Not pickled.

    See Also
    --------
    ImageScaler : Brings pixels to the range from 0 to 1.
    make_mnist_pipeline : Both, in a pipeline.
    save_model : Writes a fitted estimator to a file that is safe to open.

    Notes
    -----
    The sizes and defaults are those of a notebook that is well known among the
    kernels of Kaggle's digit recognizer; 28 x 28 images of ten classes make
    1,290,346 trainable parameters.

    What `KerasClassifier` calls routed parameters (``fit__...``) does not exist
    here: every hyperparameter stands in the signature.

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
            Weight of each row, not negative. A row of weight 0 takes no part. Only
            ratios count: twice the weights, or weights all alike, change nothing.
        X_val : array-like of shape (n_val_samples, height * width), \
                (n_val_samples, height, width) or \
                (n_val_samples, height, width, 1), default=None
            Images for validation instead of a part of `X`, scaled like `X`.
        y_val : array-like of shape (n_val_samples,), default=None
            Their labels, each of which `y` must have too.

        Returns
        -------
        self : MnistCNN
            The fitted estimator.

        Raises
        ------
        ValueError
            If a hyperparameter, an image, a label or a weight is not as described,
            if all weights are zero, or if the loss, `val_loss` or the network's
            weights are not finite any more. The estimator stays as it was.
        OSError
            If no file can be written into `checkpoint_dir`.

        Warns
        -----
        UserWarning
            If `X` has values above 1, if `X_val` is scaled differently, if nothing
            could be held out for validation, or if a checkpoint is ignored.
        """
        context = self._init_callback_context(max_subtasks=self.epochs)
        return self._fit(X, y, sample_weight, X_val, y_val, context=context)

    def partial_fit(
        self, X, y, classes=None, sample_weight=None, X_val=None, y_val=None
    ):
        """Train one epoch more.

        The optimizer, the history and the memory of the annealing go on. Nothing
        is held out.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            Pixels from 0 to 1, of any numeric type.
        y : array-like of shape (n_samples,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels, where the first part does not have them all.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative. Only ratios within this part count.
        X_val : array-like of shape (n_val_samples, height * width), \
                (n_val_samples, height, width) or \
                (n_val_samples, height, width, 1), default=None
            Images for validation, scaled like `X`.
        y_val : array-like of shape (n_val_samples,), default=None
            Their labels.

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
