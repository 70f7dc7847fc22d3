"""How fast are images transformed, against Keras's ImageDataGenerator?

Run as ``python -m tests.benchmarks.augmentation_speed``. Same ranges, batches of
1,024 images; the layer runs in a compiled graph, as it does in training.
"""

from tests.benchmarks._report import fresh, options, report, take_turns

BATCH = 1024
LAYER = f"""
from skmnist.neural_network._keras import keras
import tensorflow
from skmnist.neural_network._architecture import RandomAffine
from tests.benchmarks._contestants import images
X, _ = images({BATCH})
X = tensorflow.constant(X)
layer = RandomAffine(10.0, 0.05, 0.05)
transform = tensorflow.function(lambda images: layer(images, training=True))
transform(X)
"""
GENERATOR = f"""
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from tests.benchmarks._contestants import images
X, _ = images({BATCH})
batches = ImageDataGenerator(
    rotation_range=10, zoom_range=0.05, width_shift_range=0.05, height_shift_range=0.05
).flow(X, batch_size={BATCH})
next(batches)
"""


def main():
    args = options(batches=40)
    contestants = {
        "RandomAffine": (LAYER, "transform(X)", args.batches),
        "ImageDataGenerator": (GENERATOR, "next(batches)", -(-args.batches // 10)),
    }

    def measure(setup, call, n_batches):
        seconds, _ = fresh(setup, f"for _ in range({n_batches}): {call}")
        return n_batches * BATCH / seconds

    speed = take_turns(
        {
            name: lambda contestant=contestant: measure(*contestant)
            for name, contestant in contestants.items()
        },
        args.runs,
    )
    report("speed of augmentation", speed, "≥ 10", "images/s", table=args.table)


if __name__ == "__main__":
    main()
