"""How long to the accuracy of 30 plateau epochs, against the notebook's way?

Run as ``python -m tests.benchmarks.time_to_accuracy``. The notebook's way is Keras
by hand: ImageDataGenerator, ReduceLROnPlateau, 30 epochs in batches of 42. Ours is
``RECIPES["fast"]``, which comes to within 0.05 points of it (``fewer_epochs``). Every
turn trains one epoch of each on 60% of the rows and validates it on 20%; the seconds
are those of that epoch times the number of epochs. Building and tracing the network
are counted once. The recipe is timed a second time in mixed precision,
``mixed_bfloat16``. With ``--whole 1 --runs 1`` all epochs of each are trained and
timed, which takes half an hour, and the accuracies on the other 20% of the rows are
printed.
"""

from skmnist import RECIPES
from tests.benchmarks._report import fresh, options, report, take_turns

RECIPE = RECIPES["fast"]
EPOCHS = {
    "fast": RECIPE["epochs"],
    "fast, mixed_bfloat16": RECIPE["epochs"],
    "the notebook's way": 30,
}
SETUP = """
import sys
from skmnist import MnistCNN
from skmnist.neural_network._keras import keras
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from tests.benchmarks._contestants import images, keras_network
rows, n = {rows}, {rows} // 4
X, y = images(rows + n)
X_val, X, X_test = X[:n], X[n:rows], X[rows:]
y_val, y, y_test = y[:n], y[n:rows], y[rows:]
warm = X[:168], y[:168]


def say(way, accuracy):
    print(f"  {{way}}: {{100 * accuracy:.2f}}% of the test rows", file=sys.stderr)


class Ours:
    dtype = "float32"

    def __init__(self):
        self.cnn = MnistCNN(dtype=self.dtype, random_state=0, **{recipe})

    def build(self):
        self.cnn.partial_fit(*warm, X_val=X_val[:168], y_val=y_val[:168])

    def epoch(self):
        self.cnn.partial_fit(X, y, X_val=X_val, y_val=y_val)

    def whole(self):
        self.cnn.fit(X, y, X_val=X_val, y_val=y_val)

    def test(self):
        say(self.dtype, self.cnn.score(X_test, y_test))


class OursMixed(Ours):
    dtype = "mixed_bfloat16"


class ByHand:
    def __init__(self):
        keras.utils.set_random_seed(0)

    def _fit(self, X, y, X_val, y_val, epochs=1):
        self.model.fit(
            self.pictures.flow(X, y, batch_size=42),
            epochs=epochs,
            validation_data=(X_val, y_val),
            callbacks=[self.plateau],
            verbose=0,
        )

    def _compile(self):
        self.model = keras_network()
        self.pictures = ImageDataGenerator(
            rotation_range=10,
            zoom_range=0.05,
            width_shift_range=0.05,
            height_shift_range=0.05,
        )
        self.plateau = keras.callbacks.ReduceLROnPlateau(
            monitor="val_loss", factor=0.3, patience=2, min_lr=1e-5
        )

    def build(self):
        self._compile()
        self._fit(*warm, X_val[:168], y_val[:168])

    def epoch(self):
        self._fit(X, y, X_val, y_val)

    def whole(self):
        self._compile()
        self._fit(X, y, X_val, y_val, epochs={epochs})

    def test(self):
        predicted = self.model.predict(X_test, verbose=0).argmax(axis=1)
        say("by hand", (predicted == y_test).mean())


way = {way}()
"""


def main():
    args = options(rows=33_600, whole=0)

    def measure(name, way):
        setup = SETUP.format(
            rows=args.rows, recipe=RECIPE, way=way, epochs=EPOCHS[name]
        )
        if args.whole:
            return fresh(setup, "way.whole()", after="way.test()")[0]
        built, _ = fresh(setup, "way.build()")
        epoch, _ = fresh(f"{setup}\nway.build()", "way.epoch()")
        return built + EPOCHS[name] * epoch

    seconds = take_turns(
        {
            name: lambda name=name, way=way: measure(name, way)
            for name, way in zip(EPOCHS, ("Ours", "OursMixed", "ByHand"), strict=True)
        },
        args.runs,
    )
    *ours, theirs = EPOCHS
    for way in ours:
        figures = {name: seconds[name] for name in (way, theirs)}
        question = f"time to accuracy, fast{way.removeprefix('fast')}"
        question += f" ({args.rows:,} rows)"
        if args.whole:
            question += ", every epoch timed"
        report(question, figures, "≤ 0.13", table=args.table)


if __name__ == "__main__":
    main()
