"""Example models: real data, deterministic training, ONNX export, large random networks."""
