"""What the command prints of a comparison fits a terminal of 24 x 80."""

import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from skmnist import compare_variants
from skmnist._utils import display_name
from skmnist.cli._report import as_text, reports

DIGITS, LABELS = load_digits(return_X_y=True)


def compare(n_variants, repeats, cv):
    variants = {
        f"{k} nearest neighbours by distance": KNeighborsClassifier(k)
        for k in range(1, n_variants)
    }
    return compare_variants(
        *(DIGITS[:300], LABELS[:300]),
        variants={"annealed_augmented": KNeighborsClassifier(15), **variants},
        repeats=repeats,
        cv=cv,
        max_value=16,
        random_state=0,
    )


@pytest.mark.parametrize("n_variants", [1, 3, 4, 6, 10, 16])
@pytest.mark.parametrize(("repeats", "cv"), [(1, 2), (3, "holdout")])
def test_table_and_verdict_fit_a_terminal(n_variants, repeats, cv):
    comparison = compare(n_variants, repeats, cv)
    text = as_text(comparison)
    lines = text.splitlines()
    assert max(map(len, lines)) < 80
    # Beside these a line for the folder, an empty one, and the shell's prompt.
    assert len(lines) + 3 <= 24
    flat = " ".join(text.split())
    pairs = comparison.significance_["sentence"]
    assert comparison.sentences[0] in flat
    for note in comparison.sentences[1 + len(pairs) :]:
        assert note.replace("repeats=5", "--repeats 5") in flat
    n_shown = sum(sentence in flat for sentence in pairs)
    assert (f"More pairs ({len(pairs) - n_shown}) are" in text) == (
        n_shown < len(pairs)
    )
    in_full = " ".join(reports(comparison).split())
    assert all(sentence in in_full for sentence in pairs)


def test_table_of_many_variants_shows_the_best():
    comparison = compare(16, 1, 2)
    text, in_full = as_text(comparison), reports(comparison)
    assert "(6 more with --reports.)" in text
    order = comparison.chosen_by_.sort_values(ascending=False, kind="stable").index
    for rank, name in enumerate(order):
        shown = display_name(name)
        assert f"\n{shown} " in in_full
        if rank < 10:
            assert f"\n{shown[:8]}" in f"\n{text}"


def test_table_of_many_equal_variants_shows_the_best():
    variants = {f"v{k}": KNeighborsClassifier(3) for k in range(30)}
    comparison = compare_variants(
        *(DIGITS[:100], LABELS[:100]),
        variants=variants,
        cv=2,
        max_value=16,
        random_state=0,
    )
    lines = as_text(comparison).splitlines()
    assert comparison.best_variant_ == "v0"
    assert [line.split()[0] for line in lines[1:11]] == [f"v{k}" for k in range(10)]
    assert len(lines) + 3 <= 24


def test_pairs_of_the_best_come_first():
    comparison = compare(6, 3, "holdout")
    flat = " ".join(as_text(comparison).split())
    pairs = comparison.significance_
    of_best = (pairs[["variant", "baseline"]] == comparison.best_variant_).any(axis=1)
    shown = [sentence in flat for sentence in pairs["sentence"]]
    assert 0 < sum(shown) <= sum(of_best)
    assert of_best[shown].all()


def test_long_names_are_broken_into_lines():
    lines = as_text(compare(3, 1, 2)).splitlines()
    assert lines[0].startswith("model ") and lines[0].endswith(" seconds")
    first = next(i for i, line in enumerate(lines) if line.startswith("1 nearest"))
    assert lines[first].split()[-1] == "0.0"
    assert lines[first + 1].startswith("  ")
    words = " ".join(f"{lines[first][:20]} {lines[first + 1]}".split())
    assert words == "1 nearest neighbours by distance"
