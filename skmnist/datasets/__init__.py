"""Loading of images and labels from many file formats."""
