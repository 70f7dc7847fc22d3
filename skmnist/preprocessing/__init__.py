"""Transformers from pixels to the images that the network takes."""
