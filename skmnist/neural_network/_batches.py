"""The validation split, and batches of training and validation rows."""

import numpy as np

from skmnist.neural_network._training_state import split_generator


def stratified_holdout(codes, fraction, seed):
    """Return which rows are held out for validation, given the class of each row.

    Of each class ``round(fraction * count)`` rows are held out, but never all.
    """
    rng = split_generator(seed)
    held_out = np.zeros(len(codes), dtype=bool)
    order = rng.permutation(len(codes))
    for code in np.unique(codes):
        rows = order[codes[order] == code]
        held_out[rows[: min(round(fraction * len(rows)), len(rows) - 1)]] = True
    return held_out


class Batches:
    """Rows of images, gathered batch by batch: the data are never copied whole.

    All batches of an epoch have one size, so that the network is traced once. The
    last one is filled up with the first rows of the epoch at weight 0, so that the
    statistics of batch normalization are those of a whole batch.

    `rows` has the shape (n, height * width). `weight` is None, or has a mean of 1 over
    the training rows. `index` names the rows that are used, None all.
    """

    def __init__(self, rows, codes, weight, image_shape, batch_size, index=None):
        self.rows = rows
        self.codes = codes
        self.weight = weight
        self.index = np.arange(len(rows)) if index is None else index
        self.batch_size = min(batch_size, len(self.index))
        self.shape = (self.batch_size, *image_shape, 1)

    def __len__(self):
        return -(-len(self.index) // self.batch_size)

    def __iter__(self):
        return self.in_order(self.index)

    def shuffled(self, seed):
        """Iterate over all batches in a seeded order."""
        return self.in_order(np.random.default_rng(seed).permutation(self.index))

    def in_order(self, order):
        """Yield ``(images, codes, loss_weight, n_rows, total_weight)``.

        ``loss_weight`` makes the mean over the batch the mean over its real rows.
        """
        size = self.batch_size
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            n = len(chosen)
            weight = np.ones(n) if self.weight is None else self.weight[chosen]
            total = float(weight.sum())
            filled = np.zeros(size, dtype=np.float32)
            filled[:n] = weight * (size / n)
            if n < size:
                chosen = np.concatenate([chosen, order[: size - n]])
            images = self.rows[chosen].astype(np.float32, copy=False)
            yield images.reshape(self.shape), self.codes[chosen], filled, n, total
