"""Batch normalization in one operation, where the back end has one."""

import sys

from skmnist.neural_network._keras import keras


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer, computed by TensorFlow's fused operation.

    Keras (3.15.1) computes mean, variance and result in separate operations on 32-bit
    copies, which makes an epoch on a CPU up to twice as long. Weights, statistics and
    predictions are those of Keras's layer; other back ends use its own code.
    """

    def call(self, inputs, training=None, mask=None):
        # For the few numbers behind a dense layer, Keras's operations are faster.
        is_fused = keras.config.backend() == "tensorflow" and len(inputs.shape) == 4
        if not is_fused or mask is not None:
            return super().call(inputs, training=training, mask=mask)
        ops, tf = keras.ops, sys.modules["tensorflow"]
        is_training = bool(training and self.trainable)
        empty = ops.zeros((0,), "float32")
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=empty if is_training else self.moving_mean,
            variance=empty if is_training else self.moving_variance,
            epsilon=self.epsilon,
            is_training=is_training,
        )
        if is_training:
            # TensorFlow returns the unbiased variance, Keras averages the biased one.
            n = ops.cast(ops.size(inputs) // inputs.shape[-1], "float32")
            self._move(self.moving_mean, mean)
            self._move(self.moving_variance, variance * (n - 1) / n)
        return outputs

    def _move(self, average, value):
        average.assign(average * self.momentum + value * (1 - self.momentum))
