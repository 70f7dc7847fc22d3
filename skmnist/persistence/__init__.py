"""Model files that are safe to open."""
