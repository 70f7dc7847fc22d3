"""
The three variants, with intervals and tests
============================================

A well-known notebook trains one network in three ways (plain, with annealing,
with annealing and augmentation), once each, and compares three test accuracies.
This page does it again with cross-validation, intervals and tests.
"""

# %%
# The question
# ------------

from skmnist import VARIANTS

for name, settings in VARIANTS.items():
    print(f"{name:20}", settings)

# %%
# A grid search
# -------------
#
# :func:`~skmnist.make_variant_search` returns an unfitted
# :class:`~sklearn.model_selection.GridSearchCV` over the three. Use it as any other.
# Its folds are stratified, because the network is a classifier.

import os

from skmnist import load_images, make_variant_search

folder = os.environ.get("SKMNIST_DATA")
images = load_images(f"{folder}/train.csv.gz" if folder else "digits")
X, y = images.data, images.target
if folder:
    X, y = X[:6000], y[:6000]  # a subset keeps this page fast

make_variant_search(cv=3, max_value=images.max_value, epochs=15, random_state=0)

# %%
# The comparison
# --------------
#
# :func:`~skmnist.compare_variants` sets a test set aside, runs that search on the
# rest, trains each variant once more on all of the rest, and tests the
# differences. With ``cv="holdout"`` it would train each variant exactly once, on
# 60% of the rows, as the notebook did.

from skmnist import compare_variants

result = compare_variants(
    X, y, cv=3, max_value=images.max_value, epochs=15, random_state=0
)
result

# %%
# The folds of the search show how much a score varies with the rows.

import pandas as pd

scores = pd.DataFrame(result.search_.cv_results_, index=list(VARIANTS))
scores = scores.filter(regex="_test_score$").round(4)
scores.columns = scores.columns.str.removesuffix("_test_score")
scores

# %%
# The interval of the test accuracy is Wilson's (1927). On so few test images it
# is wide, and it is wider than most differences.

from skmnist import ComparisonDisplay

picture = ComparisonDisplay.from_comparison(result)

# %%
# Is any difference real?
# -----------------------
#
# For each pair: McNemar's exact test on the test images, and over the folds the
# t-test that Nadeau and Bengio (2003) corrected for folds that share rows. Both
# are corrected for the number of pairs, after Holm (1979).

columns = ["variant", "baseline", "difference", "mcnemar_p_holm", "ttest_p_holm"]
result.significance_[columns].round(3)

# %%
# Which digits does the best one get wrong?
# -----------------------------------------

print(result.best_variant_)
print(result.report(result.best_variant_))

# %%
# How training went
# -----------------
#
# In these curves, unlike in the table, the training accuracy was measured during
# training: with dropout, and with augmentation for the last variant.

from skmnist import TrainingCurveDisplay

curves = TrainingCurveDisplay.from_estimators(result.estimators_)

# %%
# **References.** Holm, S. (1979), *Scandinavian Journal of Statistics* 6, 65–70.
# McNemar, Q. (1947), *Psychometrika* 12, 153–157. Nadeau, C., and Bengio, Y.
# (2003), *Machine Learning* 52, 239–281. Wilson, E. B. (1927), *Journal of the
# American Statistical Association* 22, 209–212.
