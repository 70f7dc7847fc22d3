"""Helpers that several test modules import."""

import os

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, settings
from numpy.testing import assert_array_equal

from skmnist.io._tensor_file import TensorFile
from skmnist.neural_network._state_file import pack_state, unpack_state


def _computes_in_16_bits():
    images = tf.zeros((1, 8, 8, 1), "bfloat16")
    try:
        tf.nn.conv2d(images, tf.zeros((3, 3, 1, 1), "bfloat16"), 1, "SAME")
    except tf.errors.AbortedError:
        return False
    return True


# Strict: these tests run, and must fail with TensorFlow's own error.
needs_16_bits = pytest.mark.xfail(
    not _computes_in_16_bits(),
    raises=tf.errors.AbortedError,
    strict=True,
    reason="TensorFlow itself cannot compute in 16 bits: ONEDNN_MAX_CPU_ISA hides "
    "instructions from oneDNN that TensorFlow finds in the processor",
)
MIXED = [
    pytest.param(dtype, marks=needs_16_bits)
    for dtype in ("mixed_bfloat16", "mixed_float16")
]


def fuzz(n_examples):
    """Let Hypothesis try so many examples, the same ones in each run.

    With SKMNIST_FUZZ_EXAMPLES set, that many random ones instead.
    """
    chosen = os.environ.get("SKMNIST_FUZZ_EXAMPLES")
    return settings(
        max_examples=int(chosen or n_examples),
        derandomize=chosen is None,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def assert_same_fit(one, other):
    """Assert that two trainings ended with the same bits."""
    assert one.history_ == other.history_
    assert_array_equal(one.batch_loss_, other.batch_loss_)
    for group in ("weights", "optimizer"):
        for name, array in getattr(one._state, group).items():
            assert_array_equal(array, getattr(other._state, group)[name], err_msg=name)


def rewrite_checkpoint(file, change):
    """Replace a checkpoint by a changed one that is valid by itself."""
    params, state, extra = unpack_state(TensorFile(file))
    change(state, extra)
    file.write_bytes(pack_state(params, state, extra))
