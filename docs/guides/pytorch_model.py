# %% [markdown]
# # A PyTorch model
#
# From a `torch.nn.Module` to a proof of which digit a hidden image shows, by hidden weights.
#
# The data are the 8 x 8 digits of scikit-learn. To run this page:
# `pip install 'zkinfer[compile]' onnxscript scikit-learn torch`.

# %%
import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import zkinfer

torch.manual_seed(0)
pixels, digits = load_digits(return_X_y=True)
images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
x, y = torch.from_numpy(images[:1500]), torch.from_numpy(digits[:1500])

# %% [markdown]
# ## Train
#
# Any module will do that `torch.onnx` exports and whose operators zkinfer knows.

# %%
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1),
    nn.GELU(),
    nn.Flatten(),
    nn.Linear(256, 10),
)
optimizer = torch.optim.Adam(model.parameters(), 3e-3)
for _ in range(8):
    for part in torch.randperm(len(x)).split(50):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[part]), y[part]).backward()
        optimizer.step()
model.eval()
with torch.no_grad():
    right = model(torch.from_numpy(images[1500:])).argmax(dim=1).numpy() == digits[1500:]
print(f"{right.mean():.1%} of unseen digits are read")

# %% [markdown]
# ## Compile
#
# The calibration data show how large values get; the module is exported with their first row as
# the example. With `output="label"` a proof says which score is the largest, and no score.

# %%
folder = Path(tempfile.mkdtemp())
compiled = zkinfer.compile(model, calibration=images[:200], output="label")
compiled.save(folder)

# %% [markdown]
# What a proof will cost is known before that, too: `print(zkinfer.estimate(model,
# calibration=images[:200]))`.
#
# ## Prove and verify
#
# Whoever verifies needs neither torch nor the model.

# %%
key = zkinfer.ProvingKey.load(folder / "proving.key")
proof = zkinfer.prove(key, images[1500:1501], context=b"letter 17")
print(f"a proof of {len(proof.to_bytes()) / 1024:.0f} KiB")

verifying_key = zkinfer.VerifyingKey.load(folder / "verifying.key")
verdict = zkinfer.verify(verifying_key, proof, context=b"letter 17")
(digit,) = verdict.outputs.values()
with torch.no_grad():
    assert digit == model(torch.from_numpy(images[1500:1501])).argmax()
print(f"a digit that is not shown is a {digit}")

# %% [markdown]
# Weights that are trained on are another model, and proofs of it are not taken for this one's.

# %%
with torch.no_grad():
    model[-1].bias[:] += 0.5
other = zkinfer.compile(model, calibration=images[:200], output="label")
try:
    zkinfer.verify(verifying_key, zkinfer.prove(other.proving_key, images[1500:1501]))
except zkinfer.VerificationError as error:
    print(f"refused: {error}")
else:
    raise AssertionError("a proof of another model was taken for this one's")
