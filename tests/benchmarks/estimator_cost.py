"""Does MnistCNN cost anything against Keras by hand, or against scikeras?

Run as ``python -m tests.benchmarks.estimator_cost``. One epoch and its validation,
in a fresh process: building and tracing the network are counted on both sides.
"""

from tests.benchmarks._report import fresh, options, report, take_turns

SETUP = """
from skmnist import MnistCNN
from skmnist.neural_network._keras import keras
from scikeras.wrappers import KerasClassifier
from tests.benchmarks._contestants import images, keras_network
X, y = images({rows})
n = len(X) // 10
X, y, X_val, y_val = X[n:], y[n:], X[:n], y[:n]
MnistCNN
"""
BY_HAND = "keras_network().fit"
SCIKERAS = "KerasClassifier(keras_network).fit"
HOW = "(X, y, batch_size=42, epochs=1, validation_data=(X_val, y_val), verbose=0)"
STATEMENTS = {
    "MnistCNN.fit": "MnistCNN(epochs=1).fit(X, y, X_val=X_val, y_val=y_val)",
    "keras.Model.fit": BY_HAND + HOW,
    "scikeras.KerasClassifier.fit": SCIKERAS + HOW,
}


def main():
    args = options(rows=9240)
    setup = SETUP.format(rows=args.rows)
    seconds = take_turns(
        {
            name: lambda statement=statement: fresh(setup, statement)[0]
            for name, statement in STATEMENTS.items()
        },
        args.runs,
    )
    ours = list(STATEMENTS)[0]
    for other, target in (
        ("keras.Model.fit", "≤ 1.02"),
        ("scikeras.KerasClassifier.fit", "≤ 1.00"),
    ):
        figures = {name: seconds[name] for name in (ours, other)}
        question = f"cost of the estimator, against {other.partition('.')[0]}"
        report(question, figures, target, table=args.table)


if __name__ == "__main__":
    main()
