# %% [markdown]
# # A signed data commitment
#
# A proof about committed data names them by a digest. Whose data that are, and of when, is what a
# signature says: a hospital signs the digest of its commitment once, and whoever knows the
# hospital's public key knows from then on that a proof is about the hospital's records.
#
# To run this page: `pip install 'zkinfer[convert]' cryptography`.

# %%
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import zkinfer

x, y = load_breast_cancer(return_X_y=True)
x = x.astype(np.float32)
held = np.arange(len(x)) % 4 == 0
public, secret = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())

# %% [markdown]
# ## The hospital commits and signs
#
# What is signed says what it is for, so that the signature means nothing elsewhere, and names the
# commitment by its digest: it fixes every record, its place and its scales. A date or a serial
# number goes into the same statement.

# %%
STATEMENT = "records of the hospital, 2026, zkinfer data commitment {digest}"


def commits(name: str, data: np.ndarray, key: Ed25519PrivateKey) -> zkinfer.DataOpening:
    """Publishes a commitment and its owner's signature; returns the opening, which stays secret."""
    commitment, opening = zkinfer.commit(data)
    commitment.save(public / f"{name}.commitment")
    signature = key.sign(STATEMENT.format(digest=commitment.digest).encode())
    (public / f"{name}.signature").write_bytes(signature)
    return opening


hospital = Ed25519PrivateKey.generate()
known = hospital.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
opening = commits("hospital", x[held], hospital)
opening.save(secret / "hospital.opening")
print(f"{len(opening)} records, {opening.commitment.digest}")

# %% [markdown]
# ## A model's owner proves a prediction on record 17

# %%
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x[~held], y[~held])
compiled = zkinfer.compile(
    model,
    calibration=x[~held],
    input="committed",
    data=zkinfer.DataCommitment.load(public / "hospital.commitment"),
    output="label",
)
compiled.verifying_key.save(public / "verifying.key")
proof = zkinfer.prove(compiled.proving_key, data=opening, record=17)
proof.save(public / "hospital.zkp")

# %% [markdown]
# ## A verifier, in a process of its own
#
# It knows the hospital's public key, and the digest of the model's. First it checks the signature
# on the commitment, then the proof against it.

# %%
VERIFIER = """
import sys
from pathlib import Path
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
import zkinfer

folder, known, model, name, statement = sys.argv[1:]
folder = Path(folder)
key = zkinfer.VerifyingKey.load(folder / "verifying.key")
if key.digest != model:
    sys.exit("refused: this is not the model's key")
data = zkinfer.DataCommitment.load(folder / f"{name}.commitment")
hospital = Ed25519PublicKey.from_public_bytes(bytes.fromhex(known))
try:
    signed = statement.format(digest=data.digest).encode()
    hospital.verify((folder / f"{name}.signature").read_bytes(), signed)
except InvalidSignature:
    sys.exit("refused: the hospital did not sign this commitment")
try:
    found = zkinfer.verify(key, zkinfer.Proof.load(folder / f"{name}.zkp"), data=data)
except zkinfer.VerificationError as error:
    sys.exit(f"refused: {error}")
(label,), (number,) = found.outputs.values(), found.records.numbers
print(f"record {number} of the hospital is of class {label}")
"""


def verified(name: str) -> str:
    """What the verifier says to a commitment, its signature and a proof about it."""
    told = (str(public), known.hex(), compiled.verifying_key.digest, name, STATEMENT)
    command = [sys.executable, "-c", VERIFIER, *told]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


said = verified("hospital")
print(said)
assert said == f"record 17 of the hospital is of class {model.predict(x[held][17:18])[0]}"

# %% [markdown]
# Records that somebody else committed to, at the same scales and even with a signature of their
# own, are not the hospital's; and the hospital's signature is for its own commitment alone.

# %%
other, invented = Ed25519PrivateKey.generate(), x[held][::-1].copy()
invented_opening = commits("invented", invented, other)
assert invented_opening.commitment.description == opening.commitment.description
zkinfer.prove(compiled.proving_key, data=invented_opening, record=17).save(public / "invented.zkp")
print(verified("invented"))
assert verified("invented").startswith("refused: the hospital did not sign")

signature = (public / "hospital.signature").read_bytes()
(public / "invented.signature").write_bytes(signature)
print(verified("invented"))
assert verified("invented").startswith("refused: the hospital did not sign")

# %% [markdown]
# And a proof about other records does not become one about the hospital's by standing beside them:

# %%
(public / "hospital.zkp").write_bytes((public / "invented.zkp").read_bytes())
print(verified("hospital"))
assert verified("hospital").startswith("refused: the proof is about the data")
