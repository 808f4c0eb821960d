# %% [markdown]
# # A prediction for a contract
#
# An insurer has a hidden risk model, and a contract on a chain pays by its score. The contract can
# afford a proof of 128 bytes, and knows nothing of machine learning: it is given the model's
# verifying key once, and then a score with its proof. `--backend groth16` makes such proofs.
#
# To run this page: `pip install 'zkinfer[convert]'`.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import zkinfer
from zkinfer.cli import main

x, y = load_breast_cancer(return_X_y=True)
x = x.astype(np.float32)
held = np.arange(len(x)) % 4 == 0
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x[~held], y[~held])
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## The insurer compiles the model
#
# Each product of numbers is a row of the circuit, so such a model is small: `zkinfer.estimate`
# says how small before anything is made. The circuit needs a setup. This one is made here, for the
# page; whoever runs it could forge proofs, so it is refused below unless one insists. For use,
# `zkinfer.draft` stops before it, and a ceremony with snarkjs takes its place.

# %%
options = {"calibration": x[~held], "output": "label", "backend": "groth16"}
options["weight_ranges"] = "checked"
print(zkinfer.estimate(model, **options))
compiled = zkinfer.compile(model, insecure_setup=True, **options)
compiled.save(folder)
print(compiled.verifying_key)

# %% [markdown]
# ## It proves a label, bound to a claim

# %%
proof = zkinfer.prove(compiled.proving_key, x[held][:1], context=b"claim 17")
proof.save(folder / "claim.zkp")
print(f"{len(proof.body)} bytes, and the label {proof.public_values[0].item()}")

# %% [markdown]
# ## Whoever deploys the contract accepts the key
#
# Loading a key checks that its commitment to the weights can be opened. A contract cannot check
# that, and would take proofs of anything under a key for which it is not so: accept first, then
# deploy. `export` writes the contract, and what a call of it takes.

# %%
key = zkinfer.VerifyingKey.load(folder / "verifying.key")
try:
    zkinfer.verify(key, proof, context=b"claim 17")
except zkinfer.UsageError as error:
    print(f"refused: {error}")
result = zkinfer.verify(key, proof, context=b"claim 17", insecure_setup=True)
print(result.outputs, *result.caveats, sep="\n")

verifying, claim = str(folder / "verifying.key"), str(folder / "claim.zkp")
main(["export", verifying, "--solidity", str(folder / "Verifier.sol")])
main(["export", claim, "--key", verifying, "--calldata", str(folder / "call.hex")])
print(f"{len((folder / 'Verifier.sol').read_text().splitlines())} lines of Solidity")

# %% [markdown]
# ## Another label is another statement

# %%
claimed = replace(proof, public_values=(1 - proof.public_values[0],))
try:
    zkinfer.verify(key, claimed, context=b"claim 17", insecure_setup=True)
except zkinfer.VerificationError as error:
    print(f"refused: {error}")
