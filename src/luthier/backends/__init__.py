"""What computes a run's answers: PyTorch, ONNX Runtime or OpenVINO, and which is fastest here."""
