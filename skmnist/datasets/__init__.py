"""Load images and labels from the formats in which people keep them."""
