"""The estimator: hyperparameters, training and inference."""
