"""Runs a command of zkinfer in this process, which sends itself a signal at a chosen moment.

    python moments.py REPORT SIGNAL MOMENT ARGUMENTS ...

MOMENT is `step:N` or `cpu:SECONDS`. Steps are the calls of Python functions, from the command's
first import to its end, and in the modules of `CLOSELY` the lines too; CPU time is the process's,
so this moment may lie in native code. Neither depends on the machine's speed. REPORT gets, as JSON:
`steps`, if there are as many as counted; `close`, those that lie in `CLOSELY`; `handler`, what the
signal met: "default", "ignored", or "zkinfer".

A SIGNAL is given by its name; `SIGINT*` goes to the whole process group, as that of a terminal
does.
"""

import json
import os
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

CLOSELY = (
    "__main__.py", "api.py", "cli.py", "demo.py", "evaluation.py", "files.py", "interrupts.py",
    "progress.py",
)  # fmt: skip


class Steps:
    """Counts the steps of this thread and sends the signal before one of them."""

    def __init__(self, report: Path, name: str, chosen: int) -> None:
        self.report, self.name, self.chosen = report, name, chosen
        self.count = 0
        self.sent = False
        self.close: list[int] = []

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        """A trace function, of calls everywhere and of lines in some modules."""
        path, _, module = frame.f_code.co_filename.rpartition("/")
        close = path.endswith("/zkinfer") and module in CLOSELY
        if event in ("call", "line"):
            if close:
                self.close.append(self.count)
            self.count += 1
            if self.count > self.chosen and not self.sent:
                self.sent = True
                handler = signal.getsignal(signal_of(self.name))
                self.report.write_text(json.dumps({"handler": kind(handler)}))
                send(self.name)
        return self.trace if close else None

    def __enter__(self) -> None:
        sys.settrace(self.trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        if not self.sent:
            self.report.write_text(json.dumps({"steps": self.count, "close": self.close}))


def signal_of(name: str) -> signal.Signals:
    return signal.Signals[name.rstrip("*")]


def send(name: str) -> None:
    if name.endswith("*"):
        os.killpg(os.getpgrp(), signal_of(name))
    else:
        os.kill(os.getpid(), signal_of(name))


def kind(handler: object) -> str:
    if handler is signal.SIG_IGN:
        return "ignored"
    return "zkinfer" if getattr(handler, "__module__", "") == "zkinfer.interrupts" else "default"


def set_timer(name: str, seconds: float) -> None:
    """The system sends the signal after so much CPU time of this process."""
    import ctypes
    import struct
    import time

    libc = ctypes.CDLL(None, use_errno=True)
    timer = ctypes.c_void_p()
    event = ctypes.create_string_buffer(struct.pack("Pii48x", 0, signal_of(name), 0))
    nanoseconds = int(seconds * 1e9)
    due = struct.pack("4l", 0, 0, *divmod(nanoseconds, 10**9))
    if libc.timer_create(time.CLOCK_PROCESS_CPUTIME_ID, event, ctypes.byref(timer)) or (
        libc.timer_settime(timer, 0, ctypes.create_string_buffer(due), None)
    ):
        raise OSError(ctypes.get_errno(), "there are no timers of CPU time")


def main() -> None:
    report, name, moment, *arguments = sys.argv[1:]
    unit, _, value = moment.partition(":")
    sys.argv = ["zkinfer", *arguments]
    if unit == "cpu":
        set_timer(name, float(value))
        runpy.run_module("zkinfer", run_name="__main__", alter_sys=True)
    else:
        with Steps(Path(report), name, int(value)):
            runpy.run_module("zkinfer", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
