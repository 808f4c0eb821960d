"""What a model's proofs will cost and show, before any key is made."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkinfer.costs import Costs, Layer
from zkinfer.errors import UsageError
from zkinfer.fixed import FixedGraph
from zkinfer.pairing.costs import PROOF, PairingCosts
from zkinfer.speed import Speed
from zkinfer.visibility import who_sees_what

LISTED = 10
"""Most layers that are named one by one."""

SPARE = 0.9
"""The share of the available memory that proofs may take."""


@dataclass(frozen=True)
class Estimate:
    """The costs of proofs of a model, and what they show.

    costs: its times are those of a call on the machine that they are fitted to. speed: this
    machine's, against that. samples: what widths were chosen on, in words.
    """

    graph: FixedGraph
    costs: Costs
    speed: Speed
    samples: str

    @property
    def content(self) -> dict[str, Any]:
        """As JSON has it: times in seconds, sizes in bytes."""
        costs, counts = self.costs, self.costs.counts
        return {
            "samples": self.samples,
            "who_sees_what": {row["what"]: row["status"] for row in who_sees_what(self.graph)},
            "prove_seconds": _digits(costs.prove * self.speed.proving),
            "verify_seconds": _digits(costs.verify * self.speed.verifying),
            "prove_memory_bytes": costs.memory,
            "proof_bytes": costs.proof,
            "verifying_key_bytes": costs.verifying_key,
            "circuit": {
                "weights": counts["weights"],
                "bits": counts["bits"],
                "integers": counts["integers"],
                "sketch": counts["sketch"],
                "constraint_rows": counts["rows"],
                "committed_rows": counts["sent rows"],
                "nodes": counts["nodes"],
            },
            "layers": [
                {
                    "node": layer.node,
                    "op": layer.op,
                    "share": round(layer.share, 4),
                    "bits": layer.bits,
                    "integers": layer.integers,
                    "sketch": layer.sketch,
                    "constraint_rows": layer.rows,
                }
                for layer in costs.layers
            ],
        }

    def to_json(self) -> str:
        """The content as JSON."""
        return json.dumps(self.content, indent=2) + "\n"

    def __str__(self) -> str:
        """Lines for a person."""
        costs, counts = self.costs, self.costs.counts
        lines = [
            f"prove          {_seconds(costs.prove * self.speed.proving)} a call",
            f"verify         {_seconds(costs.verify * self.speed.verifying)} a call",
            f"memory         {_bytes(costs.memory)} to prove",
            f"proof          {_bytes(costs.proof)}",
            f"verifying key  {_bytes(costs.verifying_key)}",
            f"circuit        {counts['bits']:,} bits, {counts['rows']:,} constraint rows, "
            f"{counts['weights']:,} weights",
            *(f"{row['what']}: {row['status']}" for row in who_sees_what(self.graph)),
            f"widths chosen on {self.samples}",
            "share  bits        constraints  layer",
        ]
        for layer in costs.layers[:LISTED]:
            counted = f"{layer.share:5.1%}  {layer.bits:<10,}  {layer.rows:<11,}"
            lines.append(f"{counted}  {layer.node} ({layer.op})")
        others = costs.layers[LISTED:]
        if others:
            lines.append(f"{sum(o.share for o in others):5.1%}  in {len(others)} more")
        return "\n".join(lines)


@dataclass(frozen=True)
class PairingEstimate(Estimate):
    """The same for the pairing backend, of which `pairing` are the costs; `costs` are those of the
    transparent one, to compare.
    """

    pairing: PairingCosts

    @property
    def content(self) -> dict[str, Any]:
        """As JSON has it: times in seconds, sizes in bytes."""
        costs, counts = self.pairing, self.pairing.counts
        return {
            "samples": self.samples,
            "who_sees_what": {row["what"]: row["status"] for row in who_sees_what(self.graph)},
            "setup_seconds": _digits(costs.setup * self.speed.pairing),
            "prove_seconds": _digits(costs.prove * self.speed.pairing),
            "verify_seconds": _digits(costs.verify * self.speed.pairing),
            "prove_memory_bytes": costs.memory,
            "proof_bytes": PROOF,
            "verifying_key_bytes": costs.verifying_key,
            "proving_key_bytes": costs.proving_key,
            "transparent_prove_seconds": _digits(self.costs.prove * self.speed.proving),
            "circuit": {
                "constraint_rows": counts["rows"],
                "public_signals": counts["public"],
                "weights": counts["weights"],
                "domain": counts["domain"],
            },
            "layers": [{"node": node, "constraint_rows": n} for node, n in costs.rows.items()],
        }

    def __str__(self) -> str:
        """Lines for a person."""
        costs, counts = self.pairing, self.pairing.counts
        lines = [
            f"setup          {_seconds(costs.setup * self.speed.pairing)}, once",
            f"prove          {_seconds(costs.prove * self.speed.pairing)} a call "
            f"({_seconds(self.costs.prove * self.speed.proving)} with --backend transparent)",
            f"verify         {_seconds(costs.verify * self.speed.pairing)} a call",
            f"memory         {_bytes(costs.memory)} to prove",
            f"proof          {PROOF} bytes",
            f"verifying key  {_bytes(costs.verifying_key)}",
            f"proving key    {_bytes(costs.proving_key)}",
            f"circuit        about {counts['rows']:,} constraint rows, {counts['public']:,} public "
            f"signals, {counts['weights']:,} that are committed to",
            *(f"{row['what']}: {row['status']}" for row in who_sees_what(self.graph)),
            f"widths chosen on {self.samples}",
            "constraints  layer",
        ]
        listed = list(costs.rows.items())
        lines += [f"{count:<11,}  {name}" for name, count in listed[:LISTED]]
        if listed[LISTED:]:
            others = sum(count for _, count in listed[LISTED:])
            lines.append(f"{others:<11,}  in {len(listed) - LISTED} more")
        return "\n".join(lines)


def check_memory(costs: Costs, available: int | None) -> None:
    """Raises UsageError where proofs take more memory than there is; unknown is enough."""
    if available is None or costs.memory <= SPARE * available:
        return
    raise UsageError(
        f"proofs of this model take about {_bytes(costs.memory)} of memory, and "
        f"{_bytes(available)} are available; most of the work is in {_named(costs.layers)}; use "
        "smaller inputs or a larger machine, or compile it nevertheless (--force-memory)"
    )


def available_memory() -> int | None:
    """Bytes that a process can still take on this machine; None where that is not known."""
    limits = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        known = dict(line.split(":", 1) for line in lines)
        limits.append(1024 * int(known["MemAvailable"].split()[0]))
    except (OSError, ValueError, KeyError):
        pass
    try:
        group = Path("/sys/fs/cgroup")
        most = int((group / "memory.max").read_text())
        limits.append(most - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass  # no such group, or one without a limit
    return min(limits, default=None)


def _named(layers: Sequence[Layer]) -> str:
    return ", ".join(f"{layer.node} ({layer.op}, {layer.share:.0%})" for layer in layers[:3])


def _digits(seconds: float) -> float:
    return float(f"{seconds:.3g}")


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def _bytes(count: int) -> str:
    for size, unit in ((2**30, "GiB"), (2**20, "MiB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1024:.1f} KiB"
