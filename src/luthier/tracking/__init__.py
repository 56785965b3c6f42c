"""A run's numbers for TensorBoard, MLflow and Weights & Biases, from outside the run."""
