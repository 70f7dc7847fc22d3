"""The comparison of ways to train, and whether a difference is real."""
