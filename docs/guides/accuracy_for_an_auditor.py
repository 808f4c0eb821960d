# %% [markdown]
# # How good a hidden model is, for an auditor
#
# A company says that its model finds tumours. An auditor wants to know how often it is right, on
# records that the company did not choose, and neither the company will show the model nor the
# hospital the records. So the hospital commits to records and diagnoses, the company to its model,
# and then the company proves on how many of these records its label is the diagnosis.
#
# To run this page: `pip install 'zkinfer[convert]'`.

# %%
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

import zkinfer

x, y = load_breast_cancer(return_X_y=True)
x = x.astype(np.float32)
held = np.arange(len(x)) % 4 == 0
public, secret = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())

# %% [markdown]
# ## The hospital commits
#
# Whoever reads the commitments learns the number of records, their columns and how large the
# largest number of each is. They are published; their digests may be signed.

# %%
for name, data in (("X", x[held]), ("Y", y[held])):
    commitment, opening = zkinfer.commit(data)
    commitment.save(public / f"{name}.commitment")
    opening.save(secret / f"{name}.opening")
    print(f"{name}: {len(commitment)} records, {commitment.digest}")

# %% [markdown]
# ## The company commits to its model
#
# It knows the commitment, whose scales the network takes over, and no record. The key is published
# now: a model that is fitted to these records afterwards has another one.

# %%
model = GradientBoostingClassifier(n_estimators=20, random_state=0).fit(x[~held], y[~held])
compiled = zkinfer.compile(
    model,
    calibration=x[~held],
    input="committed",
    data=zkinfer.DataCommitment.load(public / "X.commitment"),
    output="accuracy",
    batch=48,
)
compiled.verifying_key.save(public / "verifying.key")
published = compiled.verifying_key.digest
print(f"key: {published}")

# %% [markdown]
# ## The company proves
#
# Now it gets the records. Each part proves how often the model is right on 48 of them, the last one
# on those that are left. What is broken off goes on with the parts that are missing.

# %%
openings = [zkinfer.DataOpening.load(secret / f"{name}.opening") for name in "XY"]
data, labels = openings
files = zkinfer.evaluate(compiled.proving_key, public / "parts", data=data, labels=labels)
size = sum(file.stat().st_size for file in files)
print(f"{len(files)} parts, {size / 1024:.0f} KiB")

# %% [markdown]
# ## The auditor verifies, in a process of its own
#
# It has what was published, and neither the records nor the model. A verdict is about all records
# of the commitment: a part that is missing, or there twice, is refused.

# %%
AUDITOR = """
import sys
from pathlib import Path
import zkinfer

folder, published, *names = sys.argv[1:]
folder = Path(folder)
key = zkinfer.VerifyingKey.load(folder / "verifying.key")
if key.digest != published:
    sys.exit("refused: this is not the key that was published")
data, labels = (zkinfer.DataCommitment.load(folder / f"{name}.commitment") for name in "XY")
parts = [zkinfer.Proof.load(folder / "parts" / name) for name in names]
try:
    found = zkinfer.verify_evaluation(key, parts, data=data, labels=labels)
except zkinfer.VerificationError as error:
    sys.exit(f"refused: {error}")
print(f"right on {found.right} of {found.records} records")
"""


def audit(names: list[str]) -> str:
    """What the auditor says to these parts."""
    command = [sys.executable, "-c", AUDITOR, str(public), published, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


names = [file.name for file in files]
said = audit(names)
print(said)
right = int((model.predict(x[held]) == y[held]).sum())
assert said == f"right on {right} of {held.sum()} records"

# %% [markdown]
# Without the part where the model does worst, and with the best one in its place:

# %%
for others in (names[1:], [names[1], *names[1:]]):
    said = audit(others)
    print(said)
    assert said.startswith("refused: ")

# %% [markdown]
# What the number is worth rests on the hospital: on which records it took, that they are not in
# anybody's training data, and that the diagnoses are right. Each part shows its own count.
