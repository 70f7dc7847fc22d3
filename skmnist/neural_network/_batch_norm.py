"""Batch normalization in one operation, where the back end has one."""

import sys

from skmnist.neural_network._keras import keras


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer, with TensorFlow's fused operation for the batches of training.

    Keras (3.15.1) computes mean, variance and result in separate operations on 32-bit
    copies, which makes an epoch on a CPU up to twice as long. Weights, statistics and
    predictions are those of Keras's layer; other back ends use its own code.
    """

    def call(self, inputs, training=None, mask=None):
        fused = keras.config.backend() == "tensorflow" and mask is None
        if not (training and self.trainable and fused):
            return super().call(inputs, training=training, mask=mask)
        ops, tf = keras.ops, sys.modules["tensorflow"]
        shape = ops.shape(inputs)
        none = ops.zeros((0,), "float32")
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs if len(shape) == 4 else inputs[:, None, None, :],
            scale=self.gamma,
            offset=self.beta,
            mean=none,
            variance=none,
            epsilon=self.epsilon,
            is_training=True,
        )
        # TensorFlow returns the unbiased variance, Keras averages the biased one.
        n = ops.cast(ops.size(inputs) // shape[-1], "float32")
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance * (n - 1) / n)
        return ops.reshape(outputs, shape)

    def _move(self, average, value):
        average.assign(average * self.momentum + value * (1 - self.momentum))
