"""The file format and atomic writing."""
