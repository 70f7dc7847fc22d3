"""Untrusted model files raise a ValueError and do not run code.

Most are made from a valid file by one change. All are loaded in one new process, so
that its memory can be limited and measured.
"""

import io
import json
import os
import pickle
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
from safetensors.numpy import load, save

DATA = Path(__file__).parents[1] / "data"
# Of the first format, without a checksum that would be checked first.
EXAMPLE = DATA / "digits-v1.safetensors"
GOOD = EXAMPLE.read_bytes()
TODAY = (DATA / "digits-v3.safetensors").read_bytes()
HEADER_END = 8 + int.from_bytes(GOOD[:8], "little")
ALLOWED_MEGABYTES = 200
CASES = {}


class RunsCode:
    """Its pickle creates a file when it is loaded."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def case(make):
    CASES[make.__name__.replace("_", " ")] = make
    return make


def cases(named):
    CASES.update(named)


def with_header(change):
    """Make a file whose header `change` has edited, with its length set right."""

    def make():
        header = json.loads(GOOD[8:HEADER_END])
        return joined(change(header) or header)

    return make


def joined(header, body=GOOD[HEADER_END:]):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def with_description(change):
    """Make a file whose JSON in the metadata `change` has edited."""

    def edit(header):
        description = json.loads(header["__metadata__"]["skmnist"])
        changed = change(description)
        text = changed if isinstance(changed, str) else json.dumps(description)
        header["__metadata__"]["skmnist"] = text

    return with_header(edit)


def with_members(**members):
    return with_description(lambda it: it.update(members))


def with_params(**params):
    return with_description(lambda it: it["params"].update(params))


def with_extra(**members):
    return with_description(lambda it: it["extra"].update(members))


def with_entry(name="weights/dense/kernel", **entry):
    return with_header(lambda it: it[name].update(entry))


def with_values(name, value, dtype="<f4"):
    """Make a file in which the first number of a tensor is `value`."""

    def make():
        start = HEADER_END + json.loads(GOOD[8:HEADER_END])[name]["data_offsets"][0]
        number = np.array(value, dtype=dtype).tobytes()
        return GOOD[:start] + number + GOOD[start + len(number) :]

    return make


def with_tensors(change):
    """Make a file in which `change` has edited the dict of tensors."""

    def make():
        tensors = load(GOOD)
        change(tensors)
        return save(tensors, json.loads(GOOD[8:HEADER_END])["__metadata__"])

    return make


def text_with(member, text):
    """Replace a member by JSON that `json.dumps` would not write."""

    def change(description):
        description[member] = "PLACE"
        return json.dumps(description).replace('"PLACE"', text)

    return with_description(change)


def header_with(text):
    return lambda: joined(GOOD[8:HEADER_END].rstrip()[:-1] + text + b"}")


# Other formats


@case
def a_pickle():
    return pickle.dumps(RunsCode())


@case
def an_old_pickle():
    return pickle.dumps(RunsCode(), protocol=0)


@case
def a_joblib_file():
    stream = io.BytesIO()
    joblib.dump({"model": RunsCode(), "X": np.zeros(1000)}, stream)
    return stream.getvalue()


@case
def a_pickle_inside_the_tensors():
    code = pickle.dumps(RunsCode())
    return GOOD[:HEADER_END] + code + GOOD[HEADER_END + len(code) :] + code


@case
def a_keras_archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("config.json", '{"module": "os", "class_name": "system"}')
    return stream.getvalue()


@case
def a_file_of_numpy():
    stream = io.BytesIO()
    np.save(stream, np.array([RunsCode()], dtype=object), allow_pickle=True)
    return stream.getvalue()


cases(
    {
        "an hdf5 signature": lambda: b"\x89HDF\r\n\x1a\n" + bytes(1000),
        "an empty file": lambda: b"",
        "seven bytes": lambda: bytes(7),
        "eight zeros": lambda: bytes(8),
        "only zeros": lambda: bytes(10_000),
        "text": lambda: b"label,pixel0\n1,2\n" * 100,
        "other tensors": with_header(lambda it: it.pop("__metadata__") and None),
        "tensors of torch": with_header(
            lambda it: it.update({"__metadata__": {"format": "pt"}})
        ),
        "more metadata": with_header(lambda it: it["__metadata__"].update(more="x")),
        "metadata that are a list": with_header(
            lambda it: it.update({"__metadata__": ["skmnist"]})
        ),
        "a description that is not a string": with_header(
            lambda it: it["__metadata__"].update(skmnist={})
        ),
    }
)

# The header's length and its JSON

for length in (0, 1, 10**6, len(GOOD), len(GOOD) - 7, 2**31, 2**63, 2**64 - 1):
    CASES[f"a header of {length} bytes"] = lambda length=length: (
        length.to_bytes(8, "little") + GOOD[8:]
    )
for part in range(50):
    CASES[f"a file cut off at {part}/50"] = lambda part=part: GOOD[
        : len(GOOD) * part // 50
    ]
for name, text in {
    "lists": "[],",
    "objects": "{},",
    "objects with a name": '{"a":0},',
    "floats": "1.5,",
    "texts": '"ab",',
    "large integers": "99999999999999999999,",
}.items():
    CASES[f"2 MB of {name} in the header"] = header_with(
        b', "x": [' + text.encode() * (2_080_000 // len(text)) + b"0]"
    )
    CASES[f"2 MB of {name} in the description"] = text_with(
        "extra", "[" + text * (1_300_000 // len(text)) + "0]"
    )
cases(
    {
        "2 MB of names in the header": header_with(
            b"".join(b',"%06d":{}' % n for n in range(170_000))
        ),
        "2 MB of tensors": header_with(
            b"".join(
                b',"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % n
                for n in range(35_000)
            )
        ),
        "3 MB of metadata": with_header(
            lambda it: it["__metadata__"].update(skmnist="x" * 3_000_000)
        ),
        "100 MB of header": lambda: joined(b" " * 100_000_000),
        "a byte too many": lambda: GOOD + b"\0",
        "half a megabyte too many": lambda: GOOD + bytes(500_000),
        "a header that is a list": lambda: joined([1, 2]),
        "a header that is a number": lambda: joined(1),
        "an empty header": lambda: joined({}),
        "a name twice in the header": header_with(
            b',"batch_loss":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
        ),
        "metadata twice": header_with(b',"__metadata__":{"skmnist":"{}"}'),
        "a name twice in the description": with_description(
            lambda it: json.dumps(it)[:-1] + ', "seed": 1}'
        ),
        "a parameter twice": with_description(
            lambda it: json.dumps(it).replace('"epochs":', '"epochs": 1, "epochs":')
        ),
        "a deep header": lambda: joined(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        "a header of opening brackets": lambda: joined(b"[" * 1_000_000),
        "a deep description": text_with("extra", "[" * 100_000 + "]" * 100_000),
        "2 MB of quotes without an end": lambda: joined(b'"' + b'\\"' * 1_040_000),
        "2 MB of quotes in the description": with_header(
            lambda it: it["__metadata__"].update(skmnist='"' + '\\"' * 500_000)
        ),
        "brackets hidden behind texts": text_with("extra", '["\\"[",' * 20 + "0"),
        "not utf-8": lambda: joined(
            GOOD[8:HEADER_END].replace(b"skmnist", b"skmni\xff")
        ),
        "utf-16": lambda: joined(GOOD[8:HEADER_END].decode().encode("utf-16")),
        "an overlong zero": header_with(b',"\xc0\x80":{}'),
        "a lone surrogate in utf-8": header_with(b',"\xed\xa0\x80":{}'),
        "a byte order mark": lambda: joined(b"\xef\xbb\xbf" + GOOD[8:HEADER_END]),
        "NaN": text_with("seed", "NaN"),
        "infinity": text_with("seed", "-Infinity"),
        "a float that is too large": text_with("seed", "1e400"),
        "an integer of 5000 digits": text_with("seed", "1" * 5000),
        "an integer of a million digits": text_with("seed", "1" * 1_000_000),
        "a comment": text_with("seed", "1 /* one */"),
    }
)

# Tensors

OUTSIDE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
for name in (
    *("../../etc/passwd", "/etc/passwd", "C:\\x", "a\0b", "", "weights/../batch_loss"),
    *("weights/conv9a/kernel", "optimizer/x", "weights/dense/kernel "),
):
    CASES[f"an additional tensor {name!r}"] = with_header(
        lambda it, name=name: it.update({name: OUTSIDE})
    )
    CASES[f"a tensor renamed {name!r}"] = with_header(
        lambda it, name=name: it.update({name: it.pop("batch_loss")})
    )
for name in ("weights/conv1a/kernel", "optimizer/iterations", "batch_loss"):
    CASES[f"no tensor {name}"] = with_header(
        lambda it, name=name: it.pop(name) and None
    )
for shape in (
    *([-1, 16], [64, -16], [2**62, 4], [10**19, 10**19], [0, 16], [0], [], [16, 64]),
    *([1024], [64.0, 16], [True, 16], ["64", 16], [[64], 16], "64", None, 64),
    *([64, 16, 1], [10**15], [2] * 10_000, [10**19] * 50_000),
):
    CASES[f"a shape of {str(shape)[:40]}"] = with_entry(shape=shape)
for dtype in ("F64", "F16", "BF16", "I32", "U8", "BOOL", "f32", "object", "", 4, None):
    CASES[f"a dtype of {dtype!r}"] = with_entry(dtype=dtype)
for offsets in (
    *([0, 4], [-4, 4092], [4096, 0], [0, 2**62], [10**19, 10**19 + 4096], [0]),
    *([0.0, 4096.0], ["0", "4096"], [0, 4096, 8192], None, {}, [True, 4096]),
):
    CASES[f"data at {offsets}"] = with_entry(data_offsets=offsets)


def exchange_offsets(header):
    one, other = header["weights/conv1b/bias"], header["weights/conv2a/kernel"]
    one["data_offsets"], other["data_offsets"] = (
        other["data_offsets"],
        one["data_offsets"],
    )


def overlap(header):
    header["weights/conv1a/kernel"]["data_offsets"] = list(
        header["optimizer/conv1a/kernel/velocity"]["data_offsets"]
    )


def leave_a_gap(header):
    last = max(header.items(), key=lambda it: it[1].get("data_offsets", [0]))[1]
    last["data_offsets"] = [n + 4 for n in last["data_offsets"]]


cases(
    {
        "exchanged places": with_header(exchange_offsets),
        "overlapping tensors": with_header(overlap),
        "a gap": lambda: with_header(leave_a_gap)() + bytes(4),
        "an entry that is a list": with_header(lambda it: it.update(batch_loss=[])),
        "weights that are nan": with_values("weights/dense/kernel", np.nan),
        "weights that are infinite": with_values("weights/softmax/bias", -np.inf),
        "momentum that is nan": with_values("optimizer/dense/kernel/momentum", np.nan),
        "a rate that is nan": with_values("optimizer/learning_rate", np.nan),
        "negative iterations": with_values("optimizer/iterations", -1, "<i8"),
        "iterations without end": with_values("optimizer/iterations", 2**63 - 1, "<i8"),
        "a rate below zero": with_values("optimizer/learning_rate", -5.0),
        "a velocity below zero": with_values("optimizer/dense/kernel/velocity", -1.0),
        "weights that have diverged": with_values("weights/dense/kernel", 3e38),
        "moments without a counter": with_tensors(
            lambda it: it.pop("optimizer/iterations")
        ),
        "a counter without moments": with_tensors(
            lambda it: [it.pop(name) for name in [*it] if name.endswith("ity")]
        ),
        "no rate": with_tensors(lambda it: it.pop("optimizer/learning_rate")),
        "more epochs than batches": with_members(
            history={
                name: [0.5] * 5000
                for name in (
                    *("loss", "accuracy", "val_loss", "val_accuracy"),
                    "learning_rate",
                )
            }
        ),
    }
)


# The checksum of the current format


def exchanged(old, new):
    def make():
        assert TODAY.count(old) == 1
        return TODAY.replace(old, new)

    return make


for part in range(50):
    CASES[f"today's file cut off at {part}/50"] = lambda part=part: TODAY[
        : len(TODAY) * part // 50
    ]
for place in range(1, 10):
    CASES[f"today's file with another byte at {place}/10"] = lambda place=place: (
        TODAY[: (at := len(TODAY) * place // 10)]
        + bytes([TODAY[at] ^ 1])
        + TODAY[at + 1 :]
    )
cases(
    {
        "today's file with another seed": exchanged(rb"\"seed\": ", rb"\"seed\": 1"),
        "today's file without its checksum": exchanged(
            rb"\"checksum\": \"", rb"\"unknown\": \""
        ),
        "today's file as one of format 1": exchanged(
            rb"\"format_version\": 3", rb"\"format_version\": 1"
        ),
    }
)


# Parameters


def enormous_but_consistent(header, units=10**12):
    """Declare all tensors of an enormous network, as if the file held them."""
    from skmnist.neural_network._architecture import weight_shapes

    description = json.loads(header["__metadata__"]["skmnist"])
    description["params"]["dense_units"] = units
    header["__metadata__"]["skmnist"] = json.dumps(description)
    shapes = weight_shapes((8, 8), 10, (8, 16), (5, 3), units)
    for name, entry in header.items():
        for weight, shape in shapes.items():
            if weight in name:
                entry["shape"] = list(shape)
    end = 0
    for name, entry in header.items():
        if name != "__metadata__":
            itemsize = 8 if entry["dtype"] == "I64" else 4
            n_bytes = itemsize * int(np.prod(np.array(entry["shape"], dtype=object)))
            entry["data_offsets"] = [end, end + n_bytes]
            end += n_bytes


for name, value in (
    *(("filters", [10**9, 10**9]), ("filters", [8]), ("filters", [])),
    *(("filters", [8, 16, 16]), ("filters", [1] * 200_000), ("filters", None)),
    *(("filters", [8.0, 16]), ("filters", [-8, 16]), ("filters", ["8", 16])),
    *(("filters", [[8], 16]), ("filters", {"list": 8}), ("filters", {"x": [8, 16]})),
    *(("kernel_sizes", [10**6, 3]), ("kernel_sizes", [0, 3]), ("kernel_sizes", "53")),
    *(("dense_units", 10**12), ("dense_units", 0), ("dense_units", 16.0)),
    *(("dense_units", "16"), ("dense_units", [16]), ("dropout", [2.0, 0, 0])),
    *(("dropout", [0.1]), ("epochs", 0), ("epochs", "8"), ("epochs", 1e9)),
    *(("learning_rate", -1), ("learning_rate", "nan"), ("random_state", "x")),
    *(("random_state", -1), ("anneal", "os.system"), ("augment", "yes")),
    *(("image_shape", [8, 9]), ("image_shape", [10**9, 10**9])),
    *(("image_shape", ["8", "8"]), ("image_shape", 8), ("class_weight", "x")),
    *(("tta_copies", 10_001), ("tta_copies", 10**18), ("tta_copies", -1)),
    ("class_weight", {"dict": [[0, 1], [0, 2]]}),
    ("class_weight", {"dict": [[[0], 1]]}),
    ("class_weight", {"dict": [[0, "x"]]}),
    ("class_weight", {"dict": {"0": 1}}),
    ("class_weight", {"dict": [[0, 1]], "list": []}),
    ("callbacks", ["keras.callbacks.LambdaCallback"]),
    ("callbacks", {"module": "os", "class_name": "system"}),
    ("checkpoint_dir", "../../etc"),
    ("model", "os.system"),
    ("__class__", "x"),
    ("self", 1),
):
    CASES[f"a parameter {name}={str(value)[:40]}"] = with_params(**{name: value})
cases(
    {
        "an enormous network": with_header(enormous_but_consistent),
        "parameters that are a list": with_members(params=[]),
        "no parameters": with_members(params={}),
    }
)


# Other members of the description

TEN = list(range(10))
for name, value in (
    *(("image_shape", [10**9, 10**9]), ("image_shape", [-8, -8])),
    *(("image_shape", [0, 64]), ("image_shape", [8.0, 8.0]), ("image_shape", [64])),
    *(("image_shape", [4, 8, 2]), ("image_shape", None)),
    *(("seed", -1), ("seed", 2**31), ("seed", 1.0), ("seed", True), ("seed", None)),
    *(("feature_names", ["x"]), ("feature_names", [1] * 64), ("feature_names", {})),
    *(("history", {}), ("history", []), ("history", {"loss": []})),
    *(("schedule", []), ("schedule", {"best": "x"}), ("schedule", {"wait": [1]})),
    *(("schedule", {"wait": True}), ("extra", None), ("extra", {})),
    *(("schedule", {"best": 1.0}), ("schedule", {"wait": 0})),
    *(
        ("schedule", {"best": 1.0, "wait": wait})
        for wait in (None, "nan", 0.0, True, -1, 9, 10**19)
    ),
    *(("schedule", {"best": None, "wait": 0}), ("schedule", {"more": 1})),
    *(("schedule", {"learning_rate": rate}) for rate in (None, 0, -1, "nan", "inf")),
    *(("checksum", value) for value in ("0" * 64, "", "x" * 10**6, None, 1, [])),
    *(("format_version", 0), ("format_version", 2), ("format_version", "1")),
    ("format_version", 4),
    *(("format_version", None), ("format_version", 10**19), ("more", 1)),
):
    CASES[f"a description with {name}={str(value)[:70]}"] = with_members(
        **{name: value}
    )
for dtype, values in (
    *(
        ("int64", TEN[::-1]),
        ("int64", [*TEN[1:], 9]),
        ("int64", TEN[:9]),
        ("int64", []),
    ),
    *(
        ("int64", [True, *TEN[1:]]),
        ("int64", [*TEN[:9], 9.0]),
        ("int8", [*TEN[:9], 128]),
    ),
    *(("int64", [*TEN[:9], 10**19]), ("uint8", [-1, *TEN[:9]]), ("bool", TEN)),
    *(("bool", [False]), ("U1", [*"012345678", "90"]), ("U100000000", [*"0123456789"])),
    *(("U0", [*"0123456789"]), ("U2", [*"012345678", "9\0"]), ("object", TEN)),
    *(
        ("object", [None] * 10),
        ("float64", TEN),
        ("float16", [*map(float, TEN[1:]), 1e5]),
        ("M8[s]", TEN),
        ("V8", TEN),
    ),
    *(("U" + "9" * 1000, [*"0123456789"]), ("i4,(100000,100000)i4", TEN)),
    *((None, TEN), ("int64", None), ("int64", {}), ("int64", [[]] * 10)),
):
    CASES[f"labels of {str(dtype)[:30]}: {values}"] = with_members(
        classes={"dtype": dtype, "values": values}
    )
for name, value in (
    *(("kind", "x"), ("kind", None), ("kind", "checkpoint"), ("versions", None)),
    *(("versions", {}), ("versions", {"skmnist": "x" * 10**6})),
    *(
        ("versions", {"skmnist": "0.1", "keras": "3", "scikit-learn": "1"} | more)
        for more in (
            *({"more": "1"}, {"keras": ""}, {"keras": "x"}, {"keras": 3}),
            *({"skmnist": "1\x1b[2J"}, {"skmnist": "1\nall fine"}, {"keras": "1" * 51}),
        )
    ),
    *(
        ("steps", None),
        ("steps", ["a"]),
        ("steps", ["a", "a"]),
        ("steps", ["a__b", "c"]),
    ),
    *(("steps", ["a", "b", "c"]), ("steps", [1, 2]), ("steps", ["steps", "memory"])),
    *(("verbose", "x"), ("transform_input", [1]), ("transform_input", "X_val")),
    *(("scaler", None), ("scaler", {"max_value": 0}), ("scaler", {"max_value": "x"})),
    *(("scaler", {"max_value": [1]}), ("scaler", {"fit": 1}), ("scaler", {"copy": 1})),
    *(
        ("scaler", {"image_shape": shape})
        for shape in (
            *("88", 64, [], [[]], [0, 0], [8.0, 8], [-1, -1], [8, 9], [4, 16], [8]),
            *([-1, 4], [64, -1], [8, 8, 1], [10**19, 10**19], [True, 64]),
            {"dict": [[8, 1]]},
        )
    ),
    ("scaler_feature_names", ["x"]),
    *(("scaler_feature_names", 64), ("scaler_feature_names", [1] * 64)),
    *(("scaler_mean", "x"), ("scaler_mean", [0.1]), ("scaler_mean", True)),
    ("memory", "/tmp"),
):
    CASES[f"a pipeline with {name}={str(value)[:70]}"] = with_extra(**{name: value})


# Folders, devices and huge files

SPECIAL = (
    *("a folder", "a pipe", "a device", "a link to a folder"),
    *("a file full of holes", "a long header full of holes"),
    "a large network full of holes",
)


def entries_of(data):
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return {name: it for name, it in header.items() if name != "__metadata__"}


def make_special(folder):
    (folder / "a folder").mkdir()
    os.mkfifo(folder / "a pipe")
    (folder / "a device").symlink_to("/dev/zero")
    (folder / "a link to a folder").symlink_to(folder / "a folder")
    with open(folder / "a file full of holes", "wb") as stream:
        stream.write(GOOD)
        stream.truncate(2**42)
    with open(folder / "a long header full of holes", "wb") as stream:
        stream.write((2**31).to_bytes(8, "little"))
        stream.truncate(2**32 - 1)
    with open(folder / "a large network full of holes", "wb") as stream:
        large = with_header(lambda it: enormous_but_consistent(it, 10**6))()
        length = 8 + int.from_bytes(large[:8], "little")
        stream.write(large[:length])
        ends = [entry["data_offsets"][1] for entry in entries_of(large).values()]
        stream.truncate(length + max(ends))


PROGRAM = """
import json, os, resource, sys, threading, warnings
warnings.simplefilter("error")
from skmnist import load_model

good, allowed = sys.argv[1], int(sys.argv[2])
with open("names.json") as file:
    names = json.load(file)
load_model(good)

def megabytes(line):
    with open("/proc/self/status") as status:
        found = next(text for text in status if text.startswith(line))
    return int(found.split()[1]) / 1024

# The limit includes memory that is only reserved.
limit = int((megabytes("VmSize") + allowed) * 2**20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
results, n_threads = {}, threading.active_count()
for number, name in enumerate(names):
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # reset the peak
    before = megabytes("VmRSS")
    path = name if os.path.lexists(name) else f"{number}.safetensors"
    try:
        load_model(path)
        outcome = ["nothing", ""]
    except BaseException as error:
        outcome = [type(error).__name__, str(error)]
    results[name] = [path, *outcome, megabytes("VmHWM") - before]
assert threading.active_count() == n_threads
load_model(good)
with open("results.json", "w") as file:
    json.dump(results, file)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def results(folder):
    make_special(folder)
    names = [*SPECIAL, *CASES]
    for number, name in enumerate(names):
        if name in CASES:
            (folder / f"{number}.safetensors").write_bytes(CASES[name]())
    (folder / "names.json").write_text(json.dumps(names))
    subprocess.run(
        [
            *(sys.executable, "-c", textwrap.dedent(PROGRAM)),
            *(str(EXAMPLE), str(ALLOWED_MEGABYTES)),
        ],
        cwd=folder,
        timeout=500,
        check=True,
    )
    return json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize("name", [*SPECIAL, *CASES])
def test_load_model_untrusted_file(results, name):
    path, error, message, _ = results[name]
    assert error == "ValueError", message
    assert message.startswith(f"{path} cannot be opened as a model file of skmnist: ")
    assert message.endswith(".")
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 600


def test_load_model_untrusted_file_memory(results):
    growth = {name: megabytes for name, (*_, megabytes) in results.items()}
    largest = max(growth, key=growth.get)
    print(f"at most {growth[largest]:.0f} MB, for {largest!r}")
    assert growth[largest] < ALLOWED_MEGABYTES, largest


def test_load_model_pickle_not_executed(results, folder):
    assert not (folder / "executed").exists()
    assert {file.suffix for file in folder.iterdir()} == {"", ".safetensors", ".json"}


def test_pickle_payload_executes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(CASES["a pickle"]())
    assert (tmp_path / "executed").exists()


def test_load_model_reassembled_file(tmp_path):
    from skmnist import load_model

    path = tmp_path / "model.safetensors"
    for make in (with_header(lambda it: None), with_members(), with_params()):
        path.write_bytes(make())
        load_model(path)


def test_load_model_pickle_without_importing_keras(tmp_path):
    (tmp_path / "model").write_bytes(CASES["a pickle"]())
    program = textwrap.dedent(
        """
        import sys
        from skmnist import load_model
        try:
            load_model("model")
        except ValueError:
            print({"keras", "tensorflow"} & set(sys.modules))
        """
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "set()"
