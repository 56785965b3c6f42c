"""Exported models of ONNX, read back without PyTorch: a session, a tokenizer, their description."""
