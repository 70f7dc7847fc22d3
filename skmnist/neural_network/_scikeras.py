"""The repair that makes scikeras's ``KerasClassifier`` a scikit-learn classifier."""

from sklearn.base import ClassifierMixin
from sklearn.callback import CallbackSupportMixin

from skmnist._utils import ManualLinks
from skmnist.neural_network._keras import KerasClassifier

__all__ = ["ScikitLearnKerasClassifier"]


class _MixinsFirst(type):
    """Order the bases as scikit-learn 1.9 needs them.

    scikeras 0.13.0 puts ``ClassifierMixin`` behind ``BaseEstimator``, so that its
    tags are lost and ``is_classifier`` is False; no order of bases in a class
    statement can mend that. Its ``BaseWrapper`` carries methods of scikit-learn
    1.5 that override today's: parameter names read from the instance, ``repr``,
    ``set_params``, tags. It is left out.
    """

    def mro(cls):
        order = [base for base in super().mro() if base.__name__ != "BaseWrapper"]
        order.remove(ClassifierMixin)
        order.insert(order.index(KerasClassifier), ClassifierMixin)
        return order


class _Withdrawn:
    """A name that scikeras makes public and that has no meaning here."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        raise AttributeError(
            f"{owner.__name__} has no {self.name}: its network is built in fit, from "
            "its own hyperparameters."
        )


class ScikitLearnKerasClassifier(
    ManualLinks, CallbackSupportMixin, KerasClassifier, metaclass=_MixinsFirst
):
    """A ``KerasClassifier`` that scikit-learn 1.9 takes for what it is.

    Subclasses have parameters of their own, and bring ``fit``, ``partial_fit``
    and ``predict_proba``.
    """

    initialize = _Withdrawn()
    scorer = _Withdrawn()
    target_encoder = _Withdrawn()
