"""What SIGINT (Ctrl-C), SIGTERM and SIGHUP do to a command, and to code that they must not break.

A command is not unwound by an exception: Python drops those that arrive in a destructor, a
callback of a weak reference or of the garbage collector, and native code may drop them too. Once
`arm` was called the signal's handler itself undoes what the command has begun and ends the process.
In programs that use zkinfer as a library signals do what the program wants them to do.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_undo: list[Callable[[], object]] = []


def arm() -> None:
    """From here on a signal ends this process with 128 plus its number, 130 for Ctrl-C.

    A signal that was ignored when the process started stays so: that is how nohup, and shells
    that start a background job without job control, say that it is not meant.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def disarm() -> None:
    """From here on signals change nothing any more, if `arm` was called.

    For a command whose result stands: it ends as if none had come.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is _end:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def undone(undo: Callable[[], object]) -> Iterator[None]:
    """If an exception leaves the block, or a signal ends the process in it, `undo` is called.

    Enter the block before there is anything to undo: a signal may come at any moment. So `undo`
    must bear that nothing, or part of it, was done or undone already.
    """
    try:
        _undo.append(undo)
        yield
    except BaseException:
        undo()
        raise
    finally:
        if undo in _undo:
            _undo.remove(undo)


@contextmanager
def held_back() -> Iterator[None]:
    """What handlers do about signals in the block they do after it, in programs too.

    Handlers run in the main thread only, so in other threads there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {n: handler for n in _SIGNALS if callable(handler := signal.getsignal(n))}
    arrived: list[tuple[int, FrameType | None]] = []
    try:
        for number in handlers:
            signal.signal(number, lambda *arguments: arrived.append(arguments))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for arguments in arrived:
            handlers[signal.Signals(arguments[0])](*arguments)


def _end(number: int, _: FrameType | None) -> None:
    """Undoes the latest first. Another signal meanwhile begins anew, as `undone` allows."""
    for undo in reversed(_undo):
        with suppress(Exception):
            undo()
    os._exit(128 + number)
