"""Displays of images, training curves and comparisons."""
