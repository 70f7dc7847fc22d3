"""scikeras's ``KerasClassifier``, adapted to scikit-learn 1.9."""

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import ClassifierTags

from skmnist._utils import ManualLinks
from skmnist.neural_network._keras import KerasClassifier

# Public names of scikeras that do not work here.
_SCIKERAS_ONLY = {
    *("current_epoch", "feature_encoder", "initialize", "initialized_", "scorer"),
    "target_encoder",
}


class _NotAvailable:
    """An attribute of scikeras's classes that this estimator does not have."""

    def __init__(self, name):
        self.name = name

    def __get__(self, instance, owner=None):
        raise AttributeError(
            f"{owner.__name__} does not have {self.name}: its network is built in fit, "
            "from its own hyperparameters."
        )


class _Listed(type):
    """Leave out of ``dir`` what scikeras has and this estimator does not."""

    def __dir__(cls):
        return sorted(set(super().__dir__()) - _SCIKERAS_ONLY)


class ScikitLearnKerasClassifier(
    ManualLinks, CallbackSupportMixin, KerasClassifier, metaclass=_Listed
):
    """A ``KerasClassifier`` that is a classifier to scikit-learn 1.9.

    Subclasses have their own parameters and implement ``fit``, ``partial_fit`` and
    ``predict_proba``.
    """

    # scikeras 0.13.0 was written for scikit-learn 1.5. It overrides the tags, reads
    # the parameters' names from the instance, and scores with its own label encoder.
    _get_param_names = classmethod(BaseEstimator._get_param_names.__func__)
    set_params = BaseEstimator.set_params
    __repr__ = BaseEstimator.__repr__
    score = ClassifierMixin.score

    def __sklearn_tags__(self):
        tags = BaseEstimator.__sklearn_tags__(self)
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags()
        tags.target_tags.required = True
        tags.input_tags.three_d_array = True
        return tags

    def __dir__(self):
        # As scikit-learn's, which reads every attribute and so would build `model_`.
        names = (name for name in object.__dir__(self) if name != "model_")
        found = [name for name in names if hasattr(self, name)]
        return [*found, *["model_"] * self.__sklearn_is_fitted__()]


for _name in _SCIKERAS_ONLY:
    setattr(ScikitLearnKerasClassifier, _name, _NotAvailable(_name))
