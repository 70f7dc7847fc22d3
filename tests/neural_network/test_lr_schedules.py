"""The learning-rate schedules."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmnist import MnistCNN
from skmnist.neural_network._keras import keras
from skmnist.neural_network._lr_schedules import Plateau, check_memory, make_schedule


def make_model(learning_rate):
    """Return what a schedule sees of a model: its optimizer."""
    return SimpleNamespace(optimizer=keras.optimizers.Adam(learning_rate))


def rate_of(model):
    return float(model.optimizer.learning_rate)


def annealed_rates(losses, memory=None, monitor="val_loss", **params):
    """Return the rate after each epoch with these losses."""
    cnn = MnistCNN(anneal="plateau", **params)
    memory = {} if memory is None else memory
    [schedule] = make_schedule(cnn, memory)
    model = make_model(cnn.learning_rate)
    schedule.set_model(model)
    schedule.on_train_begin()
    rates = []
    for epoch, loss in enumerate(losses):
        schedule.on_epoch_end(epoch, {"loss": 1.0, monitor: loss})
        rates.append(rate_of(model))
    return rates


@pytest.mark.parametrize("seed", range(20))
def test_plateau_equals_keras(seed):
    rng = np.random.default_rng(seed)
    n_epochs = 60
    losses = np.exp(-np.arange(n_epochs) / rng.uniform(2, 8))
    losses += rng.normal(0, 10 ** rng.uniform(-4, -1), n_epochs)
    factor, patience = rng.uniform(0.1, 0.9), int(rng.integers(1, 6))
    keras_rule = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss",
        mode="min",
        factor=factor,
        patience=patience,
        min_delta=0.001,
        min_lr=1e-5,
    )
    model = make_model(0.001)
    keras_rule.set_model(model)
    keras_rule.on_train_begin()
    expected = []
    for epoch, loss in enumerate(losses):
        keras_rule.on_epoch_end(epoch, {"val_loss": loss})
        expected.append(rate_of(model))
    assert expected[-1] < expected[0]
    rates = annealed_rates(losses, anneal_factor=factor, anneal_patience=patience)
    assert rates == expected


def test_plateau_defaults():
    losses = [1.0, 0.5, 0.4995, 0.4991, 0.3, 0.3, 0.3]
    # 0.4995 and 0.4991 improve on 0.5 by less than 0.001, twice in a row.
    expected = [1e-3, 1e-3, 1e-3, 3e-4, 3e-4, 3e-4, 9e-5]
    assert_allclose(annealed_rates(losses), expected, rtol=1e-6)


def test_plateau_min_learning_rate():
    rates = annealed_rates([1.0] * 30, anneal_patience=1, min_learning_rate=2e-5)
    assert_allclose(rates[-1], 2e-5, rtol=1e-6)
    assert min(rates) == rates[-1]
    # A rate that starts below it is not raised to it.
    assert_allclose(annealed_rates([1.0] * 9, learning_rate=1e-6), 1e-6, rtol=1e-6)


def test_plateau_continues_from_memory():
    losses = [1.0, 0.9, 0.9, 0.9, 0.9, 0.2, 0.9, 0.9]
    memory, rate, parts = {}, 0.001, []
    for loss in losses:  # a new schedule each time, as in partial_fit
        [rate] = annealed_rates([loss], memory=memory, learning_rate=rate)
        parts.append(rate)
    assert_allclose(parts, annealed_rates(losses), rtol=1e-6)
    assert parts[-1] < parts[-2] < parts[0]


def test_plateau_memory_is_valid():
    for losses in ([1.0], [1.0, 0.5, 0.5, 0.5], [math.nan] * 3, [math.inf, 1.0]):
        memory = {}
        annealed_rates(losses, memory, anneal_patience=2)
        assert memory.keys() == Plateau.remembered.keys()
        check_memory(memory | {"learning_rate": 0.001}, n_epochs=len(losses))
    check_memory({"learning_rate": 0.001}, n_epochs=1)
    check_memory({}, n_epochs=1)


@pytest.mark.parametrize(
    ("memory", "said"),
    [
        ({"best": 1.0}, "best only"),
        ({"wait": 1}, "wait only"),
        ({"best": 1.0, "wait": 1.0}, "wait=1.0 after 5 epochs"),
        ({"best": 1.0, "wait": -1}, "wait=-1 after 5 epochs"),
        ({"best": 1.0, "wait": 6}, "wait=6 after 5 epochs"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"more": 1}, "no schedule remembers 'more'"),
    ],
)
def test_check_memory_invalid(memory, said):
    with pytest.raises(ValueError, match=said):
        check_memory(memory, n_epochs=5)


def test_plateau_without_validation():
    assert_allclose(
        annealed_rates([1.0, 1.0, 1.0], monitor="loss")[-1], 3e-4, rtol=1e-6
    )


# One cycle


def cycle_rates(epochs=10, steps=10, first_epoch=0, **params):
    """Return the rate of every batch."""
    cnn = MnistCNN(anneal="one_cycle", epochs=epochs, **params)
    [schedule] = make_schedule(cnn, {})
    model = make_model(cnn.learning_rate)
    schedule.set_model(model)
    schedule.set_params({"steps": steps})
    schedule.on_train_begin()
    rates = []
    for epoch in range(first_epoch, epochs):
        schedule.on_epoch_begin(epoch)
        for batch in range(steps):
            schedule.on_train_batch_begin(batch)
            rates.append(rate_of(model))
    return rates


def test_one_cycle_rises_and_falls():
    rates = cycle_rates(learning_rate=0.003, min_learning_rate=1e-5)
    top = int(np.argmax(rates))
    assert top == 29  # 30% of the steps
    assert rates[top] == pytest.approx(0.003, rel=1e-6)
    assert rates[-1] == pytest.approx(1e-5, rel=1e-4)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert 0.003 / 25 < rates[0] < 0.003 / 20


def test_one_cycle_by_formula():
    peak, low = 0.003, 1e-5

    def formula(part):
        if part < 0.3:
            rise = (1 - math.cos(math.pi * part / 0.3)) / 2
            return peak / 25 + (peak - peak / 25) * rise
        fall = (1 + math.cos(math.pi * (part - 0.3) / 0.7)) / 2
        return low + (peak - low) * fall

    rates = cycle_rates(epochs=3, steps=7, learning_rate=peak, min_learning_rate=low)
    expected = [formula((step + 1) / 21) for step in range(21)]
    assert_allclose(rates, expected, rtol=1e-5)


def test_one_cycle_continues_after_first_epochs():
    whole = cycle_rates(epochs=4, steps=5)
    assert cycle_rates(epochs=4, steps=5, first_epoch=3) == whole[15:]


def test_one_cycle_after_its_end():
    cnn = MnistCNN(anneal="one_cycle", epochs=2)
    [schedule] = make_schedule(cnn, {})
    model = make_model(cnn.learning_rate)
    schedule.set_model(model)
    schedule.set_params({"steps": 3})
    schedule.on_train_begin()
    schedule.on_epoch_begin(5)
    schedule.on_train_batch_begin(0)
    assert rate_of(model) == pytest.approx(cnn.min_learning_rate, rel=1e-5)


# The hyperparameter `anneal`


@pytest.mark.parametrize("anneal", [True, "plateau", "one_cycle"])
def test_fit_anneal_lowers_rate(anneal, digits, small):
    X, y = (part[:42] for part in digits[:2])
    # So small that the loss does not improve by 0.001.
    rates = {"learning_rate": 1e-8, "min_learning_rate": 1e-10}
    cnn = MnistCNN(
        anneal=anneal, anneal_patience=1, epochs=4, random_state=0, **(small | rates)
    )
    cnn.fit(X, y, X_val=X, y_val=y)
    history = cnn.history_["learning_rate"]
    assert history[-1] < min(history[:-1])


def test_make_schedule_without_anneal():
    assert make_schedule(MnistCNN(), {}) == []


def test_partial_fit_after_the_cycle_warns(digits, small):
    X, y = (part[:100] for part in digits[:2])
    cnn = MnistCNN(epochs=2, anneal="one_cycle", min_learning_rate=0.0, **small)
    cnn.fit(X, y)
    with pytest.warns(UserWarning, match="2 epochs is over.*stays at 0.*anneal=False"):
        cnn.partial_fit(X, y)
    assert cnn.history_["learning_rate"][1:] == [0, 0]


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_training_further_after_a_cycle_starts_at_the_learning_rate(
    method, digits, small
):
    X, y = (part[:100] for part in digits[:2])
    cnn = MnistCNN(epochs=2, anneal="one_cycle", **small)
    cnn.set_params(learning_rate=0.004).fit(X, y).set_params(
        anneal=False, warm_start=True, epochs=1
    )
    getattr(cnn, method)(X, y)
    assert cnn.history_["learning_rate"][1:] == pytest.approx([1e-5, 0.004])


def test_training_further_after_a_plateau_keeps_the_rate(digits, small):
    X, y = (part[:100] for part in digits[:2])
    cnn = MnistCNN(epochs=4, anneal_patience=1, anneal=True, **small)
    cnn.set_params(learning_rate=0.05).fit(X, y)
    reached = cnn.history_["learning_rate"][-1]
    assert reached < 0.05
    cnn.set_params(anneal=False).partial_fit(X, y)
    assert cnn.history_["learning_rate"][-1] <= reached
