"""Adam in one operation gives the steps of Keras's."""

import keras
import numpy as np
from numpy.testing import assert_allclose

from skmnist import MnistCNN
from skmnist.neural_network._adam import FusedAdam
from skmnist.neural_network._model_cache import compiled_model


def test_fused_adam_equals_keras():
    """Weights and moments after ten steps, of changing rates."""
    found = []
    for kind in (keras.optimizers.Adam, FusedAdam):
        rng = np.random.default_rng(0)
        shapes = (30, 5), (5,)
        weights = [keras.Variable(rng.normal(size=s), dtype="float32") for s in shapes]
        optimizer = kind()
        optimizer.build(weights)
        for step in range(10):
            optimizer.learning_rate = 0.1 / (1 + step)
            gradients = [rng.normal(size=weight.shape) for weight in weights]
            gradients = [keras.ops.convert_to_tensor(g, "float32") for g in gradients]
            optimizer.apply(gradients, weights)
        found.append([np.asarray(v.value) for v in [*weights, *optimizer.variables]])
    assert len(found[0]) == 8
    for expected, value in zip(*found, strict=True):
        assert_allclose(value, expected, rtol=1e-4, atol=1e-6)


def test_only_training_with_batch_norm_takes_fused_adam(digits, small):
    """Other networks have the bits of Keras's Adam; its files know that alone."""
    X, y = (part[:60] for part in digits[:2])
    for batch_norm, kind in ((False, keras.optimizers.Adam), (True, FusedAdam)):
        cnn = MnistCNN(batch_norm=batch_norm, epochs=1, random_state=0, **small)
        cnn.fit(X, y)
        with compiled_model(cnn._fitted_architecture) as network:
            assert type(network.model.optimizer) is kind
        assert type(cnn.model_.optimizer) is keras.optimizers.Adam
