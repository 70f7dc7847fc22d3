"""Randomly changed model files raise a ValueError or hold a valid model.

Short by default. SKMNIST_FUZZ_EXAMPLES=20000 tries that many files in each test,
new ones in each run:

    SKMNIST_FUZZ_EXAMPLES=20000 python -m pytest --timeout 0 \\
        tests/persistence/test_fuzz_models.py
"""

import json
import warnings
from copy import deepcopy
from pathlib import Path

import pytest
from helpers import fuzz
from hypothesis import given
from hypothesis import strategies as st

from skmnist import load_model, save_model

GOOD = (Path(__file__).parents[1] / "data" / "digits-v1.safetensors").read_bytes()
HEADER_END = 8 + int.from_bytes(GOOD[:8], "little")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "model.safetensors"


def assert_refused_or_a_model(path, content):
    """Load a file; a loaded model must be one that can be saved."""
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* was written with ", UserWarning)
        try:
            model = load_model(path)
        except ValueError as error:
            assert str(error).startswith(f"{path} cannot be opened as a model file")
            assert str(error).isprintable()
            return
    save_model(model, path)
    kept = path.read_bytes()
    save_model(load_model(path), path)
    assert path.read_bytes() == kept


# Random bytes

PLACES = st.one_of(
    st.integers(0, 7), st.integers(8, HEADER_END), st.integers(0, len(GOOD))
)
EDITS = st.lists(
    st.tuples(PLACES, st.integers(0, 40), st.binary(max_size=40)),
    min_size=1,
    max_size=4,
)


@fuzz(150)
@given(edits=EDITS, keep_length=st.booleans())
def test_load_model_random_bytes_edited(path, edits, keep_length):
    content = GOOD
    for place, n_cut, put_in in edits:
        n_cut = len(put_in) if keep_length else n_cut
        content = content[:place] + put_in + content[place + n_cut :]
    assert_refused_or_a_model(path, content)


@fuzz(150)
@given(bits=st.lists(st.integers(0, 8 * HEADER_END - 1), min_size=1, max_size=3))
def test_load_model_random_bits_flipped_in_header(path, bits):
    content = bytearray(GOOD)
    for bit in bits:
        content[bit // 8] ^= 1 << bit % 8
    assert_refused_or_a_model(path, bytes(content))


@fuzz(150)
@given(content=st.binary(max_size=500), length=st.integers(0, 500))
def test_load_model_random_bytes(path, content, length):
    assert_refused_or_a_model(path, content)
    assert_refused_or_a_model(path, length.to_bytes(8, "little") + content)


# Files of the right structure with invalid content

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 20),
    st.sampled_from([2**31, 2**63, 10**18, -(2**63), 10**25]),
    st.floats(allow_nan=True),
    st.text(max_size=10),
    st.sampled_from(["nan", "F32", "I64", "int64", "U3", "object", "../x", "a\0"]),
)
NAMES = st.one_of(
    st.text(max_size=10),
    st.sampled_from(["dict", "list", "val_loss", "filters", "seed", "__class__"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=6,
)
ACTIONS = st.sampled_from(["replace", "remove", "add", "copy from", "wrap"])


def places(value, way=()):
    """Yield the path to every member and entry of a JSON value."""
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in members:
        yield (*way, key)
        yield from places(inner, (*way, key))


def find(value, way):
    for key in way:
        value = value[key]
    return value


def change(document, data):
    """Change one place of a JSON document, in place."""
    ways = list(places(document))
    *way, key = data.draw(st.sampled_from(ways))
    parent = find(document, way)
    action = data.draw(ACTIONS)
    if action == "remove":
        del parent[key]
    elif action == "wrap":
        parent[key] = [parent[key]]
    elif action == "copy from":
        parent[key] = deepcopy(find(document, data.draw(st.sampled_from(ways))))
    elif action == "add" and isinstance(parent, dict):
        parent[data.draw(NAMES)] = data.draw(VALUES)
    elif action == "add":
        parent.insert(key, data.draw(VALUES))
    else:
        parent[key] = data.draw(VALUES)


def header_of(content):
    return json.loads(content[8:HEADER_END])


def join(header):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + GOOD[HEADER_END:]


@fuzz(150)
@given(data=st.data(), n_changes=st.integers(1, 3))
def test_load_model_random_header(path, data, n_changes):
    header = header_of(GOOD)
    for _ in range(n_changes):
        if header:
            change(header, data)
    assert_refused_or_a_model(path, join(header))


@fuzz(150)
@given(data=st.data(), n_changes=st.integers(1, 3))
def test_load_model_random_description(path, data, n_changes):
    header = header_of(GOOD)
    description = json.loads(header["__metadata__"]["skmnist"])
    for _ in range(n_changes):
        if description:
            change(description, data)
    header["__metadata__"]["skmnist"] = json.dumps(description)
    assert_refused_or_a_model(path, join(header))
