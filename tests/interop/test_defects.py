"""What people see of a defect of zkinfer: one sentence, and never a verdict about their proof."""

import os
import subprocess
import sys

import pytest

from tests.interop.support import Done, Keys

WITH_DEFECT = """
import sys
import zkinfer.{module} as module
from zkinfer.__main__ import main
from zkinfer.errors import InternalError
def defect(*_, **__):
    raise {error}
module.{function} = defect
sys.exit(main())
"""


def verify(keys: Keys, module: str, function: str, error: str, *, traceback: bool = False) -> Done:
    """Verifies a valid proof by a zkinfer in which a function fails."""
    program = WITH_DEFECT.format(module=module, function=function, error=error)
    arguments = ("verify", keys.verifying, keys.proof, "--context", "claim 17", "--json")
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments],
        capture_output=True,
        env=os.environ | {"ZKINFER_TRACEBACK": str(int(traceback))},
        timeout=600,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    ("module", "function"),
    [("verdict", "_public_values"), ("backends.transparent", "verify"), ("container", "read")],
)
@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("InternalError('panicked at prove.rs:1:2: no')", "panicked at prove.rs:1:2: no"),
        ("RuntimeError('one\\ntwo')", "RuntimeError"),
        ("AssertionError()", "AssertionError"),
    ],
)
def test_a_defect_is_no_verdict(
    keys: Keys, module: str, function: str, error: str, says: str
) -> None:
    done = verify(keys, module, function, error)
    assert done.code == 2
    assert done.out == ""
    assert done.message.startswith("this is a defect of zkinfer, please report it: ")
    assert says in done.message


def test_traceback_of_a_defect(keys: Keys) -> None:
    done = verify(keys, "verdict", "_public_values", "RuntimeError('no')", traceback=True)
    assert done.code == 2
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("zkinfer: this is a defect of zkinfer")
