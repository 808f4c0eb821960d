# %% [markdown]
# # A prediction service that answers with a proof
#
# A clinic sends measurements of a biopsy to a company's model and gets a risk. It wants to know
# that the answer is that of the model that was certified, for these measurements, and not of a
# cheaper one. The company will not give the model away. So the service answers with a proof.
#
# To run this page: `pip install 'zkinfer[convert]' fastapi uvicorn httpx`.

# %%
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

import zkinfer

# %% [markdown]
# ## The company, once: fit, compile, publish
#
# With `input="public"` a proof says what went in: whoever asked sees that it was their question.
# Proofs go to the clinic only, which knows these numbers. The weights stay hidden.

# %%
x, y = load_breast_cancer(return_X_y=True)
x = x.astype(np.float32)
model = GradientBoostingClassifier(n_estimators=20, random_state=0).fit(x[1:], y[1:])
folder = Path(tempfile.mkdtemp())
zkinfer.compile(model, calibration=x[1:], input="public").save(folder)

# %% [markdown]
# ## The company, every day: a service
#
# The proving key is loaded once. A proof takes all cores, so that requests wait for each other:
# `async def` without an `await` does that. The client's nonce is the context of the proof, which
# makes it an answer to this request and no older one. What the model does not take, such as a
# measurement far from all that compiling saw, is refused with the reason.

# %%
key = zkinfer.ProvingKey.load(folder / "proving.key")
app = FastAPI()


class Question(BaseModel):
    """What a client sends."""

    features: list[float]
    nonce: str


@app.post("/predict")
async def predict(question: Question) -> Response:
    """A proof of the prediction."""
    row = np.array([question.features], np.float32)
    try:
        proof = zkinfer.prove(key, row, context=question.nonce.encode())
    except zkinfer.UsageError as error:
        return Response(str(error), status_code=422, media_type="text/plain")
    return Response(proof.to_bytes(), media_type="application/octet-stream")


server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
threading.Thread(target=server.run, daemon=True).start()
while not server.started:
    time.sleep(0.01)
port = server.servers[0].sockets[0].getsockname()[1]

# %% [markdown]
# ## The clinic: ask and verify, in a process of its own
#
# It has the verifying key, and the key's digest from the certificate: not from the service, which
# could show another key. It needs numpy and httpx, and neither the model nor scikit-learn.

# %%
CLIENT = """
import json, secrets, sys
import httpx
import numpy as np
import zkinfer

url, key_path, digest, features = sys.argv[1:]
row = np.array([json.loads(features)], np.float32)
key = zkinfer.VerifyingKey.load(key_path)
if key.digest != digest:
    sys.exit("refused: this is not the certified key")

nonce = secrets.token_hex()
question = {"features": row[0].tolist(), "nonce": nonce}
answer = httpx.post(f"{url}/predict", json=question)
if answer.status_code != 200:
    sys.exit(f"refused: {answer.text}")
proof = zkinfer.Proof.from_bytes(answer.content)

verdict = zkinfer.verify(key, proof, context=nonce.encode())
(asked,) = verdict.inputs.values()
if not np.allclose(asked, row, rtol=1e-5):
    sys.exit("refused: the proof is about other measurements")
label, probabilities = verdict.outputs.values()
print(f"class {int(label.item())} with probability {probabilities.max():.3f}", end=", ")
print(f"proved in {len(answer.content) / 1024:.0f} KiB")
"""


def ask(features: np.ndarray, digest: str) -> str:
    """What the client says."""
    words = (f"http://127.0.0.1:{port}", str(folder / "verifying.key"), digest)
    command = [sys.executable, "-c", CLIENT, *words, str(features.tolist())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


certified = zkinfer.VerifyingKey.load(folder / "verifying.key").digest
said = ask(x[0], certified)
print(said)
assert said.startswith(f"class {model.predict(x[:1])[0]} ")

# %% [markdown]
# Measurements unlike all that the model has seen, and a key that nobody certified:

# %%
for features, digest in ((1000 * x[0], certified), (x[0], "0" * 64)):
    said = ask(features, digest)
    print(said)
    assert said.startswith("refused: ")

# %%
server.should_exit = True
