"""Reading files within limits and writing them whole or not at all.

A file is written under a temporary name in its own folder, flushed to the disk and renamed. When
several files belong together all of them are on the disk before the first is renamed, so an error
or a signal while writing leaves nothing behind. Renaming is not broken off, and done by then is a
command whose files they are.
"""

import contextlib
import mmap
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from zkinfer.errors import FormatError, UsageError
from zkinfer.interrupts import disarm, held_back, undone

PUBLIC_MODE = 0o644
SECRET_MODE = 0o600

StrPath = str | os.PathLike[str]
C = TypeVar("C", bytes, bytes | mmap.mmap)
D = TypeVar("D")
T = TypeVar("T")


@dataclass(frozen=True)
class NewFile:
    """A file to write: where, what, and its permission bits (0644 is narrowed by the umask)."""

    path: StrPath
    data: bytes | memoryview
    mode: int = PUBLIC_MODE


def read_file(path: StrPath, limit: int, what: str) -> bytes:
    """The content of a file of at most `limit` bytes.

    Raises UsageError when the file cannot be opened and FormatError when it is longer.
    """
    return _content(path, limit, what, lambda file: file.read(limit + 1))


def map_file(path: StrPath, limit: int, what: str) -> bytes | mmap.mmap:
    """As `read_file`, but where that can be done the content is mapped into memory, not read.

    It stays what it is when the file is replaced, as `write_files` does; a file that is shortened
    in place ends the process that reads it.
    """

    def content(file: BinaryIO) -> bytes | mmap.mmap:
        with contextlib.suppress(OSError, ValueError):  # of what is empty, a pipe or the like
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return file.read(limit + 1)

    return _content(path, limit, what, content)


def _content(path: StrPath, limit: int, what: str, take: Callable[[BinaryIO], C]) -> C:
    """What is taken of a file of at most `limit` bytes. Raises as `read_file` does."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_size > limit:
                raise FormatError(
                    f"{os.fspath(path)} has {status.st_size} bytes; a {what} has at most {limit}"
                )
            data = take(file)
    except OSError as error:
        raise UsageError(f"cannot read the {what} {os.fspath(path)}: {reason(error)}") from error
    if len(data) > limit:
        raise FormatError(f"{os.fspath(path)} is longer than a {what} can be ({limit} bytes)")
    return data


def read_head(path: StrPath, size: int) -> bytes:
    """The first bytes of a file; none of what cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(size)
    except OSError:
        return b""


def load_file(path: StrPath, limit: int, what: str, parse: Callable[[bytes], T]) -> T:
    """What `parse` makes of a file's content; its FormatError gets the file's name.

    Raises UsageError and FormatError as `read_file` does.
    """
    return parsed(path, read_file(path, limit, what), parse)


def parsed(path: StrPath, data: D, parse: Callable[[D], T]) -> T:
    """What `parse` makes of a file's content; its FormatError gets the file's name."""
    try:
        return parse(data)
    except FormatError as error:
        raise FormatError(f"{os.fspath(path)}: {error}") from error


def check_parent(path: StrPath) -> None:
    """Raises UsageError unless the folder that a file shall be in exists."""
    parent = Path(path).parent
    if not parent.is_dir():
        raise UsageError(f"the folder {parent} does not exist; make it first")


def check_free(path: StrPath, replaceable: Callable[[bytes], bool] | None = None) -> None:
    """Raises UsageError when writing the path would destroy something.

    An existing regular file may be replaced only if `replaceable` accepts its first 8 bytes.
    """
    target = Path(path)
    if not os.path.lexists(target):
        return
    _check_regular(target)
    if replaceable is not None:
        with open(target, "rb") as file:
            if replaceable(file.read(8)):
                return
    raise UsageError(f"{target} exists already; use --force (in Python force=True) to replace it")


def write_files(files: Sequence[NewFile], *, more: bool = False) -> None:
    """Writes all files or, on any error before the first rename, none. Replaces existing ones.

    more: whether the command goes on, and a signal still ends it; else its work is done with these.
    Raises UsageError when a folder does not exist, cannot be written or a path is no plain file.
    """
    staged: list[tuple[str, Path]] = []
    with undone(lambda: _remove(os.unlink, [temporary for temporary, _ in staged])):
        for file in files:
            target = Path(os.path.realpath(file.path))
            if target.exists():
                _check_regular(target)
            temporary = f"{target.parent}/.{target.name}.{secrets.token_hex(8)}"
            staged.append((temporary, target))
            try:
                _write(temporary, file.data, file.mode)
            except OSError as error:
                raise UsageError(f"cannot write {file.path}: {reason(error)}") from error
        if not more:
            disarm()
        with held_back():
            for temporary, target in staged:
                try:
                    os.replace(temporary, target)
                    _flush_folder(target.parent)
                except OSError as error:
                    raise UsageError(f"cannot write {target}: {reason(error)}") from error


@contextlib.contextmanager
def made_folder(path: StrPath) -> Iterator[Path]:
    """The folder, made with its parents where there is none.

    Those that it made are gone again if the block fails. Raises UsageError if it cannot be made.
    """
    folder = Path(path)
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    with undone(lambda: _remove(os.rmdir, missing)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make the folder {folder}: {reason(error)}") from error
        yield folder


def reason(error: OSError) -> str:
    """What the system says about an error, without the file's name."""
    return (error.strerror or str(error)).lower()


def _check_regular(target: Path) -> None:
    if target.is_dir():
        raise UsageError(f"{target} is a folder; name a file")
    if target.exists() and not target.is_file():
        raise UsageError(f"{target} is not a plain file; name a file to create")


def _write(path: str, data: bytes | memoryview, mode: int) -> None:
    """Writes a file that does not exist yet and flushes it to the disk."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    with open(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _remove(remove: Callable[[StrPath], None], paths: Sequence[StrPath]) -> None:
    """Removes what is there of some files, or of some folders those that are empty."""
    for path in paths:
        with contextlib.suppress(OSError):
            remove(path)


def _flush_folder(folder: Path) -> None:
    """Makes a rename in the folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
