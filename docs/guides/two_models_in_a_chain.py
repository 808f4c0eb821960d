# %% [markdown]
# # Two hidden models in a chain
#
# A laboratory has a model that makes eight numbers of the measurements of a sample, a clinic one
# that makes a diagnosis of these. Neither shows its model, the measurements stay in the laboratory,
# and whoever gets the diagnosis wants to know that both models were run, one after the other.
#
# So the laboratory proves what its model computes without showing it: the proof says what the
# numbers are committed to. Only the clinic gets what opens that, and proves its diagnosis of it.
#
# To run this page: `pip install 'zkinfer[convert]'`.

# %%
import subprocess
import sys
import tempfile
from pathlib import Path

folders = {name: Path(tempfile.mkdtemp()) for name in ("public", "laboratory", "clinic", "handed")}


def process(script: str, *arguments: object) -> str:
    """What a process of its own says; it has the folders that it is given, and nothing else."""
    command = [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


# %% [markdown]
# ## The laboratory publishes its key
#
# It keeps the model and the proving key. The clinic gets some of its numbers to fit a model to.

# %%
LABORATORY_COMPILES = """
import sys
from pathlib import Path
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
import zkinfer

public, own, handed = map(Path, sys.argv[1:])
x, y = load_breast_cancer(return_X_y=True)
x = x.astype(np.float32)
held = np.arange(len(x)) % 4 == 0
model = make_pipeline(StandardScaler(), PCA(8)).fit(x[~held])
compiled = zkinfer.compile(model, calibration=x[~held], output="committed")
compiled.proving_key.save(own / "proving.key")
compiled.verifying_key.save(public / "laboratory.key")
np.save(own / "samples.npy", x[held])
np.savez(handed / "training.npz", x=model.transform(x[~held]), y=y[~held])
print("laboratory:", compiled.verifying_key.digest)
"""
said = process(LABORATORY_COMPILES, folders["public"], folders["laboratory"], folders["handed"])
print(said)
laboratory = said.removeprefix("laboratory: ")

# %% [markdown]
# ## The clinic publishes its key
#
# Its model reads numbers as the laboratory's key says that they are: at the same scales. It needs
# no data of the laboratory for that, but the verifying key.

# %%
CLINIC_COMPILES = """
import sys
from pathlib import Path
import numpy as np
from sklearn.linear_model import LogisticRegression
import zkinfer

public, own, handed = map(Path, sys.argv[1:])
with np.load(handed / "training.npz") as file:
    x, y = np.float32(file["x"]), file["y"]
model = LogisticRegression(max_iter=1000).fit(x, y)
first = zkinfer.VerifyingKey.load(public / "laboratory.key")
compiled = zkinfer.compile(model, calibration=x, input="committed", data=first, output="label")
compiled.proving_key.save(own / "proving.key")
compiled.verifying_key.save(public / "clinic.key")
print("clinic:", compiled.verifying_key.digest)
"""
said = process(CLINIC_COMPILES, folders["public"], folders["clinic"], folders["handed"])
print(said)
clinic = said.removeprefix("clinic: ")

# %% [markdown]
# ## Both prove
#
# The laboratory publishes a proof and a commitment, and hands on the opening: whoever has that has
# the numbers. On the command line `zkinfer prove` writes the three beside each other.

# %%
LABORATORY_PROVES = """
import sys
from pathlib import Path
import numpy as np
import zkinfer

public, own, handed = map(Path, sys.argv[1:4])
number = int(sys.argv[4])
key = zkinfer.ProvingKey.load(own / "proving.key")
sample = np.load(own / "samples.npy")[number]
proof, opening = zkinfer.prove_committed(key, sample[None])
proof.save(public / f"{number}.zkp")
opening.commitment.save(public / f"{number}.commitment")
opening.save(handed / f"{number}.opening")
"""
CLINIC_PROVES = """
import sys
from pathlib import Path
import zkinfer

public, own, handed = map(Path, sys.argv[1:4])
number = int(sys.argv[4])
key = zkinfer.ProvingKey.load(own / "proving.key")
opening = zkinfer.DataOpening.load(handed / f"{number}.opening")
proof = zkinfer.prove(key, data=opening, record=0)
proof.save(public / f"{number}-diagnosis.zkp")
"""
for number in (3, 4):
    for script, owner in ((LABORATORY_PROVES, "laboratory"), (CLINIC_PROVES, "clinic")):
        said = process(script, folders["public"], folders[owner], folders["handed"], number)
        assert not said, said

# %% [markdown]
# ## Whoever gets the diagnosis verifies both proofs
#
# with what was published: two keys that it knows by their digests, two proofs and a commitment. The
# first proof says what the laboratory's numbers are committed to; the second has to be about those.

# %%
VERIFIER = """
import sys
from pathlib import Path
import zkinfer

public, laboratory, clinic, first, second = sys.argv[1:]
public = Path(public)
keys = [zkinfer.VerifyingKey.load(public / f"{name}.key") for name in ("laboratory", "clinic")]
if [key.digest for key in keys] != [laboratory, clinic]:
    sys.exit("refused: these are not the keys that were published")
proofs = [zkinfer.Proof.load(public / name) for name in (first, second)]
try:
    numbers = zkinfer.verify(keys[0], proofs[0]).commitment
    found = zkinfer.verify(keys[1], proofs[1], data=numbers)
except zkinfer.VerificationError as error:
    sys.exit(f"refused: {error}")
(label,) = found.outputs.values()
print(f"class {label}, of the numbers {numbers.digest}")
"""


def verified(first: str, second: str) -> str:
    """What the verifier says to these two proofs."""
    return process(VERIFIER, folders["public"], laboratory, clinic, first, second)


said = verified("3.zkp", "3-diagnosis.zkp")
print(said)
assert said.startswith("class ")

# %% [markdown]
# A diagnosis of another sample, or of numbers that the laboratory did not compute, is none of this
# one, whatever it says of itself:

# %%
for names in (("3.zkp", "4-diagnosis.zkp"), ("4.zkp", "3-diagnosis.zkp")):
    said = verified(*names)
    print(said)
    assert said.startswith("refused: ")

# %%
RELABELS = """
import sys
from dataclasses import replace
from pathlib import Path
import zkinfer

public = Path(sys.argv[1])
link = zkinfer.DataCommitment.load(public / "3.commitment")
proof = zkinfer.Proof.load(public / "4-diagnosis.zkp")
names = replace(proof.records, digest=link.digest_bytes, rows=link.record_rows(0))
replace(proof, records=names).save(public / "cut.zkp")
"""
assert not process(RELABELS, folders["public"])
said = verified("3.zkp", "cut.zkp")
print(said)
assert said.startswith("refused: ")

# %% [markdown]
# What the chain does not say is where the measurements come from: for that the laboratory's input
# can be a record of data that somebody committed to, `--input committed` there too.
