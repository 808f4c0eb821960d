"""From a fitted pipeline to a verified proof, in a process that has nothing loaded."""

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import zkinfer

x, y = load_breast_cancer(return_X_y=True)
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[1:], y[1:])

compiled = zkinfer.compile(model, calibration=x[1:])
proof = zkinfer.prove(compiled.proving_key, x[:1])
print(zkinfer.verify(compiled.verifying_key, proof).outputs)
