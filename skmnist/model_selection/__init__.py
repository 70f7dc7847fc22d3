"""Comparison of variants of the network, with tests of their differences."""
