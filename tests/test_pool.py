"""What the networks that a process keeps promise to their users."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from skmnist import MnistCNN, _pool
from skmnist._backend import keras
from skmnist._pool import Architecture, borrow

TINY = Architecture(
    image_shape=(2, 2),
    n_classes=2,
    filters=(1,),
    kernel_sizes=(1,),
    dense_units=1,
    dropout=(0.0, 0.0),
    augmentation=None,
)


@pytest.fixture(autouse=True)
def idle(monkeypatch):
    """Give each test an empty pool, and the list of what idles in it."""
    networks = []
    monkeypatch.setattr(_pool, "_idle", networks)
    return networks


def tiny(dense_units):
    return TINY._replace(dense_units=dense_units)


def test_a_network_that_came_back_is_lent_again():
    with borrow(TINY) as first:
        pass
    with borrow(TINY) as second:
        assert second is first


def test_another_architecture_is_another_network():
    with borrow(TINY) as first:
        pass
    for other in (tiny(2), TINY._replace(dropout=(0.0, 0.5))):
        with borrow(other) as second:
            assert second is not first


def test_a_network_is_lent_to_one_user_at_a_time(idle):
    with borrow(TINY):  # so that there is one that all would like to have
        pass
    n_users = 4
    together = threading.Barrier(n_users)
    lent = []

    def use():
        with borrow(TINY) as network:
            together.wait(timeout=60)
            lent.append(network)
            together.wait(timeout=60)

    threads = [threading.Thread(target=use) for _ in range(n_users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len(set(map(id, lent))) == n_users
    assert {id(network) for _, network in idle} == set(map(id, lent))


def test_at_most_eight_idle_and_the_one_used_longest_ago_goes_first(idle):
    networks = {}
    for dense_units in range(1, 9):
        with borrow(tiny(dense_units)) as networks[dense_units]:
            pass
    with borrow(tiny(1)), borrow(tiny(9)):  # 1 is used again, 2 is now the oldest
        pass
    assert len(idle) == 8
    for dense_units in (1, 3, 4, 5, 6, 7, 8):
        with borrow(tiny(dense_units)) as network:
            assert network is networks[dense_units]
    with borrow(tiny(2)) as network:
        assert network is not networks[2]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_exception_a_network_is_not_taken_back(error, idle):
    with pytest.raises(error), borrow(TINY) as first:
        raise error
    assert not idle
    with borrow(TINY) as second:
        assert second is not first


def test_the_dtype_policy_decides_too(idle):
    with borrow(TINY) as first:
        pass
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("float64")
        with borrow(TINY) as second:
            assert second is not first
    finally:
        keras.config.set_dtype_policy(policy)


@pytest.fixture
def calls(monkeypatch):
    """Return a list that grows whenever Python runs through a convolution.

    A traced network runs without Python.
    """
    log = []
    call = keras.layers.Conv2D.call

    def noted(self, inputs):
        log.append(self.name)
        return call(self, inputs)

    monkeypatch.setattr(keras.layers.Conv2D, "call", noted)
    return log


def test_the_second_fit_of_the_same_shapes_traces_nothing(digits, small, calls):
    X, y, X_test, _ = digits

    def fit(rows, seed):
        cnn = MnistCNN(epochs=1, augment=True, random_state=seed, **small)
        return cnn.fit(X[rows], y[rows]).predict_proba(X_test[:50])

    first = fit(slice(0, 200), seed=0)
    assert calls
    calls.clear()
    second = fit(slice(200, 400), seed=1)
    assert not calls
    assert not np.array_equal(first, second)


def test_a_used_network_leaves_no_trace_in_the_next_fit(digits, small, idle):
    X, y, X_test, _ = (part[:200] for part in digits)
    cnn = MnistCNN(epochs=2, augment=True, random_state=0, **small)
    fresh = cnn.fit(X, y).predict_proba(X_test)
    MnistCNN(epochs=1, augment=True, random_state=1, **small).fit(X[::-1], y[::-1])
    assert len(idle) == 1
    again = cnn.fit(X, y).predict_proba(X_test)
    np.testing.assert_array_equal(again, fresh)


def test_a_fit_leaves_nothing_to_the_garbage_collector(digits, small, tmp_path):
    X, y = (part[:42].copy() for part in digits[:2])
    gc.disable()  # what refers to itself stays
    try:
        cnn = MnistCNN(epochs=2, anneal=True, random_state=0, **small)
        cnn.set_params(checkpoint_dir=tmp_path)
        left = [weakref.ref(cnn.fit(X, y)), weakref.ref(X)]
        del cnn, X
        assert [reference() for reference in left] == [None, None]
    finally:
        gc.enable()


def test_threads_that_predict_take_turns_with_one_network(digits, small, idle):
    X, y, X_test, _ = (part[:300] for part in digits)
    cnn = MnistCNN(epochs=1, random_state=0, **small).fit(X, y)
    expected = cnn.predict_proba(X_test)
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(cnn.predict_proba, [X_test] * 40):
            np.testing.assert_array_equal(found, expected)
    assert len(idle) == 1


def test_a_prediction_does_not_wait_for_a_fit():
    with borrow(TINY) as of_the_fit, borrow(TINY, to_predict=True) as other:
        assert other is not of_the_fit


def test_who_comes_during_a_prediction_waits_for_it_even_if_it_fails():
    lent = []

    def use(to_predict):
        with borrow(TINY, to_predict=to_predict) as network:
            lent.append(network)

    for to_predict in (True, False):
        thread = threading.Thread(target=use, args=[to_predict])
        with pytest.raises(ValueError), borrow(TINY, to_predict=True) as failed:
            thread.start()
            thread.join(timeout=0.5)
            assert thread.is_alive() and not lent
            raise ValueError
        thread.join(timeout=60)
        assert lent.pop() is not failed
