"""Proofs about records on the machines of a Ray cluster: a part is a task, which takes one core.

A worker gets the proving key and the records of the part that it proves, and nothing of the others:
it is trusted with these as the prover's own machine is. Its proof is all that comes back. Ray runs
a task again whose worker is lost.
"""

import itertools
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

from zkinfer.api import prove_integers
from zkinfer.committed_input import Records
from zkinfer.errors import UsageError, flat
from zkinfer.keys import ProvingKey
from zkinfer.proof import Proof

ProveParts = Callable[
    [ProvingKey, Iterable[tuple[int, Records]], bytes], Iterator[tuple[int, Proof]]
]
"""From a key, numbered parts and a context: the parts' proofs with their numbers, in any order."""

AHEAD = 2
"""Parts that are sent out at a time, for each core of the cluster."""

SECONDS = 10
"""After so long without a connection there is no cluster."""

ONE_CORE = {"RAYON_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@contextmanager
def cluster(address: str) -> Iterator[ProveParts]:
    """What proves parts on a Ray cluster; "local" is a new one on this machine.

    Raises UsageError where Ray is not installed or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray reports over the network
    try:
        import ray
    except ImportError as error:
        raise UsageError("--ray needs the package ray: pip install 'zkinfer[ray]'") from error
    _connect(ray, address)
    try:
        yield partial(_proved, ray)
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    """Raises UsageError where there is no cluster."""
    host, _, port = address.rpartition(":")
    try:
        if port.isdigit():  # Ray itself would wait for minutes, whatever signal comes
            socket.create_connection((host.removeprefix("ray://"), int(port)), SECONDS).close()
        ray.init(
            address,
            runtime_env={"env_vars": ONE_CORE},
            include_dashboard=False if address == "local" else None,
            log_to_driver=False,
            logging_level="warning",
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"there is no Ray cluster at {address}: {flat(error)}") from error


def _proved(
    ray: Any, key: ProvingKey, parts: Iterable[tuple[int, Records]], context: bytes
) -> Iterator[tuple[int, Proof]]:
    """The numbered parts' proofs, as they are done; few are on their way at a time."""
    task = ray.remote(num_cpus=1)(_prove)
    known = ray.put(key.to_bytes())
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    waiting = iter(parts)
    running: dict[Any, int] = {}
    while True:
        for number, records in itertools.islice(waiting, AHEAD * cores - len(running)):
            running[task.remote(known, records, context)] = number
        if not running:
            return
        (done, *_), _ = ray.wait([*running], num_returns=1)
        try:
            proof = ray.get(done)
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            raise UsageError(
                f"a machine of the cluster did not prove part {running[done] + 1}: "
                f"{type(cause).__name__}: {flat(cause)}"
            ) from error
        yield running.pop(done), Proof.from_bytes(proof)


def _prove(key: bytes, records: Records, context: bytes) -> bytes:
    """A task."""
    proof, _ = prove_integers(_loaded(key), records.inputs, records, context, True)
    return proof.to_bytes()


@lru_cache(maxsize=1)
def _loaded(key: bytes) -> ProvingKey:
    """The key, which a worker reads once."""
    return ProvingKey.from_bytes(key)
