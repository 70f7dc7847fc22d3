"""The command ``skmnist``."""
