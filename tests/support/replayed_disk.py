"""A folder as a disk may have it after a power cut: replayed from a program's own system calls.

`strace` records what the program writes, renames and syncs. The replay keeps two views of the
folder: what the program sees, and what is durable. Bytes are durable once their file was synced,
names once their folder was (POSIX promises no more; fsync(2)). Between the two a file system may
choose freely, so `Loss` names some of its choices.
"""

import codecs
import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

SYSTEM_CALLS = (
    "open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendfile,lseek,"
    "copy_file_range,splice,ftruncate,truncate,fallocate,fsync,fdatasync,sync,syncfs,rename,"
    "renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,symlink,symlinkat"
)
MAX_STRING_BYTES = 4 * 1024 * 1024
"""Longer writes would be cut off in the log; the replay refuses them."""
SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""

LINE = re.compile(rb"(\d+) +(.*)")
CALL = re.compile(rb"(\w+)\((.*)\) += (-?\d+)(<[^>]*>)?", re.DOTALL)
STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"(\.\.\.)?', re.DOTALL)
DESCRIPTOR = re.compile(rb"(\d+|AT_FDCWD)<([^>]*)>")
UNFINISHED = b" <unfinished ...>"
RESUMED = re.compile(rb"<\.\.\. \w+ resumed>(.*)", re.DOTALL)
IGNORED = ("entrepot.db-shm", "lock")
"""SQLite makes the first again after a crash; the second has no bytes that matter."""


class Loss(StrEnum):
    """What a cut leaves of all that was not synced yet."""

    KILLED = "everything: only the program died"
    SYNCED = "nothing"
    NAMES = "the names, but no bytes"
    ZEROS = "the names and the sizes; bytes are zeros"
    BYTES = "the bytes, but no names"
    PARTS = "some names and some writes, the last one torn"


@dataclass
class ReplayedFile:
    """A file's bytes: `now` as the program sees them, and `durable`."""

    durable: bytes = b""
    now: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def write(self, offset: int, data: bytes) -> None:
        _write_into(self.now, offset, data)
        self.pending.append((offset, data))

    def truncate(self, size: int) -> None:
        _truncate(self.now, size)
        self.pending.append((size, None))

    def sync(self, count: int) -> None:
        """Make the first `count` pending writes durable: those before the call began."""
        self.durable = self.after(self.pending[:count])
        del self.pending[:count]

    def after(self, writes: list[tuple[int, bytes | None]]) -> bytes:
        content = bytearray(self.durable)
        for offset, data in writes:
            if data is None:
                _truncate(content, offset)
            else:
                _write_into(content, offset, data)
        return bytes(content)

    def after_loss(self, loss: Loss, chance: random.Random) -> bytes:
        """What a cut may leave of it."""
        if loss in (Loss.KILLED, Loss.BYTES):
            return bytes(self.now)
        if loss is Loss.ZEROS:
            kept = self.durable[: len(self.now)]
            return kept + bytes(len(self.now) - len(kept))
        if loss is Loss.PARTS and self.pending:
            if chance.random() < 0.5:
                return self.after([each for each in self.pending if chance.random() < 0.5])
            writes = self.pending[: chance.randrange(len(self.pending) + 1)]
            if writes and writes[-1][1]:
                offset, data = writes[-1]
                assert data is not None
                whole = chance.randrange(len(data) // SECTOR_BYTES + 1) * SECTOR_BYTES
                writes = [*writes[:-1], (offset, data[:whole])]
            return self.after(writes)
        return self.durable


@dataclass(eq=False)
class ReplayedFolder:
    """A folder's names: `now` as the program sees them, and those that are `durable`."""

    durable: dict[str, "Node"] = field(default_factory=dict)
    now: dict[str, "Node"] = field(default_factory=dict)


Node = ReplayedFile | ReplayedFolder
Change = list[tuple[ReplayedFolder, str, Node | None]]
"""What one call does to names; a rename happens in both folders or in none."""


class ReplayedDisk:
    """The folder `root`, with what its copy `before` has, and then what is replayed."""

    def __init__(self, root: Path, before: Path) -> None:
        self.root = root
        self.pending: list[Change] = []
        self._top = _read_folder(before)
        self._cursors: dict[tuple[bytes, str], int] = {}

    def save(self, target: Path, loss: Loss, seed: int = 0) -> None:
        """Write a state that a cut at this moment may leave, into the new folder `target`."""
        chance = random.Random(seed)
        names = self._names_after(loss, chance)
        _save_folder(self._top, target, names, loss, chance)

    def contents(self) -> dict[str, bytes]:
        """Every file as the program sees it, by its path in the folder."""
        return dict(_walk(self._top, ""))

    def _names_after(
        self, loss: Loss, chance: random.Random
    ) -> dict[ReplayedFolder, dict[str, Node]]:
        changes = self.pending
        if loss in (Loss.SYNCED, Loss.BYTES):
            changes = []
        if loss is Loss.PARTS:
            left = {
                folder: chance.randrange(len(self.pending) + 1)
                for change in self.pending
                for folder, _, _ in change
            }
            changes = [
                change
                for at, change in enumerate(self.pending)
                if all(at < left[folder] for folder, _, _ in change)
            ]
        names: dict[ReplayedFolder, dict[str, Node]] = {}
        for change in changes:
            for folder, name, node in change:
                _set(names.setdefault(folder, dict(folder.durable)), name, node)
        return names

    def inside(self, path: str) -> bool:
        """Whether a path is below the folder and its bytes matter."""
        below = path == str(self.root) or path.startswith(f"{self.root}/")
        return below and Path(path).name not in IGNORED

    def replay(self, call: str, arguments: bytes, result: bytes, begun: int | None) -> bool:
        """Replay one call that succeeded; whether it changed what is durable or seen.

        `begun` is the number of a file's pending writes when a sync began.
        """
        act: Callable[..., bool] | None = getattr(self, f"_{call}", None)
        return act(arguments, result, begun) if act is not None else False

    def begin(self, call: str, arguments: bytes) -> int | None:
        """Note how much a sync that begins now covers."""
        if call in ("fsync", "fdatasync"):
            node = self._node(_descriptor(arguments)[1])
            if isinstance(node, ReplayedFile):
                return len(node.pending)
            if isinstance(node, ReplayedFolder):
                return len(self.pending)
        return None

    def _node(self, path: str) -> Node | None:
        if not self.inside(path):
            return None
        node: Node | None = self._top
        for name in Path(path).relative_to(self.root).parts:
            node = node.now.get(name) if isinstance(node, ReplayedFolder) else None
        return node

    def _file(self, path: str) -> ReplayedFile | None:
        node = self._node(path)
        return node if isinstance(node, ReplayedFile) else None

    def _place(self, path: str) -> tuple[ReplayedFolder, str] | None:
        folder = self._node(os.path.dirname(path))
        return (folder, os.path.basename(path)) if isinstance(folder, ReplayedFolder) else None

    def _change(self, *parts: tuple[str, Node | None]) -> bool:
        change: Change = []
        for path, node in parts:
            place = self._place(path) if self.inside(path) else None
            if place is not None:
                change.append((*place, node))
                _set(place[0].now, place[1], node)
        self.pending += [change] if change else []
        return bool(change)

    def _openat(self, arguments: bytes, result: bytes, _: int | None) -> bool:
        path, flags = result.decode(), arguments.rpartition(b'"')[2]
        if not self.inside(path) or not re.search(rb"O_(WRONLY|RDWR)", flags):
            return False
        file, changed = self._file(path), False
        if file is None:
            assert b"O_CREAT" in flags, f"opened without a trace of its beginning: {path}"
            file = ReplayedFile()
            changed = self._change((path, file))
        elif b"O_TRUNC" in flags and file.now:
            file.truncate(0)
            changed = True
        number = re.search(rb"= (\d+)$", flags)
        assert number is not None
        self._cursors[number[1], path] = -1 if b"O_APPEND" in flags else 0
        return changed

    def _lseek(self, arguments: bytes, result: bytes, _: int | None) -> bool:
        number, path = _descriptor(arguments)
        if self._cursors.get((number, path), -1) >= 0:
            self._cursors[number, path] = int(result)
        return False

    def _write(self, arguments: bytes, result: bytes, _: int | None) -> bool:
        number, path = _descriptor(arguments)
        file = self._file(path)
        if file is None:
            return False
        cursor = self._cursors.get((number, path), 0)
        offset = len(file.now) if cursor < 0 else cursor
        data = _strings(arguments)[: int(result)]
        assert len(data) == int(result), f"a write of {result!r} bytes is cut off in the log"
        file.write(offset, data)
        if cursor >= 0:
            self._cursors[number, path] = offset + len(data)
        return True

    _writev = _write

    def _pwrite64(self, arguments: bytes, result: bytes, _: int | None) -> bool:
        file = self._file(_descriptor(arguments)[1])
        if file is None:
            return False
        data = _strings(arguments)[: int(result)]
        assert len(data) == int(result), f"a write of {result!r} bytes is cut off in the log"
        file.write(int(arguments.rpartition(b", ")[2]), data)
        return True

    _pwritev = _pwrite64

    def _ftruncate(self, arguments: bytes, _: bytes, __: int | None) -> bool:
        file = self._file(_descriptor(arguments)[1])
        if file is not None:
            file.truncate(int(arguments.rpartition(b", ")[2]))
        return file is not None

    def _sendfile(self, arguments: bytes, result: bytes, _: int | None) -> bool:
        path = _descriptor(arguments)[1]
        assert not self.inside(path), f"bytes that the log does not have: {arguments[:200]!r}"
        return False

    def _copy_file_range(self, arguments: bytes, result: bytes, _: int | None) -> bool:
        path = DESCRIPTOR.findall(arguments)[1][1].decode()
        assert not self.inside(path), f"bytes that the log does not have: {arguments[:200]!r}"
        return False

    _splice = _copy_file_range
    _fallocate = _sendfile

    def _fsync(self, arguments: bytes, _: bytes, begun: int | None) -> bool:
        node = self._node(_descriptor(arguments)[1])
        if node is None or begun is None:
            return False
        if isinstance(node, ReplayedFile):
            node.sync(begun)
            return True
        for change in [each for each in self.pending[:begun] if node in [part[0] for part in each]]:
            for folder, name, child in change:
                _set(folder.durable, name, child)
            self.pending.remove(change)
        return True

    _fdatasync = _fsync

    def _rename(self, arguments: bytes, _: bytes, __: int | None) -> bool:
        source, target = _paths(arguments)
        return self._change((source, None), (target, self._node(source)))

    def _link(self, arguments: bytes, _: bytes, __: int | None) -> bool:
        source, target = _paths(arguments)
        return self._change((target, self._node(source)))

    def _unlink(self, arguments: bytes, _: bytes, __: int | None) -> bool:
        return self._change((_paths(arguments)[0], None))

    def _mkdir(self, arguments: bytes, _: bytes, __: int | None) -> bool:
        return self._change((_paths(arguments)[0], ReplayedFolder()))

    _open = _creat = _openat
    _renameat = _renameat2 = _rename
    _linkat = _link
    _unlinkat = _rmdir = _unlink
    _mkdirat = _mkdir


@dataclass(frozen=True)
class Step:
    """One call of the log: whether it changed the disk, whether it was a sync, and how many answers
    had been sent before it."""

    changed: bool
    synced: bool
    answers: int
    text: str


def replay(log: Path, disk: ReplayedDisk) -> Iterator[Step]:
    """Replay the calls of a log, one after another, in the order in which they ended."""
    answers = 0
    begun: dict[bytes, tuple[bytes, int | None]] = {}
    for line in log.read_bytes().split(b"\n"):
        matched = LINE.fullmatch(line)
        if matched is None:
            continue
        process, text = matched.groups()
        if text.endswith(UNFINISHED):
            head = text.removesuffix(UNFINISHED)
            name, _, arguments = head.partition(b"(")
            begun[process] = (head, disk.begin(name.decode(), arguments))
            continue
        covered: int | None = None
        if resumed := RESUMED.fullmatch(text):
            head, covered = begun.pop(process)
            text = head + resumed[1]
        whole = CALL.match(text)
        if whole is None or int(whole[3]) < 0:
            continue
        name, arguments = whole[1].decode(), whole[2]
        if covered is None:
            covered = disk.begin(name, arguments)
        if name in ("sendto", "writev", "write", "sendmsg") and b'"HTTP/1.1 ' in arguments[:200]:
            answers += 1
        result = whole[4][1:-1] if whole[4] else whole[3]
        if name.startswith(("open", "creat")):
            arguments += b" = " + whole[3]
        changed = disk.replay(name, arguments, result, covered)
        yield Step(changed, changed and name.endswith("sync"), answers, text[:300].decode("latin1"))


def strace_options(log: Path) -> list[str]:
    """How to record the calls of a program and all its children. The program keeps its pid."""
    traced = ["-e", f"trace={SYSTEM_CALLS}", "-e", "signal=none"]
    return ["-f", "-D", "--seccomp-bpf", "-y", "-s", str(MAX_STRING_BYTES), *traced, "-o", str(log)]


def _descriptor(arguments: bytes) -> tuple[bytes, str]:
    matched = DESCRIPTOR.match(arguments)
    return (matched[1], matched[2].decode()) if matched else (b"", "")


def _strings(arguments: bytes) -> bytes:
    return b"".join(_unescape(matched[1]) for matched in STRING.finditer(arguments))


def _paths(arguments: bytes) -> list[str]:
    """The absolute paths of a call; one below a folder's descriptor is joined to it."""
    result = []
    for matched in STRING.finditer(arguments):
        path = _unescape(matched[1]).decode()
        at = DESCRIPTOR.search(arguments[: matched.start()].rpartition(b'"')[2])
        result.append(os.path.join(at[2].decode(), path) if at else path)
    return result


def _unescape(text: bytes) -> bytes:
    unescaped: Any = codecs.escape_decode(text)  # type: ignore[attr-defined]
    return bytes(unescaped[0])


def _set(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _write_into(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _truncate(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def _read_folder(path: Path) -> ReplayedFolder:
    names: dict[str, Node] = {}
    for entry in os.scandir(path):
        if entry.is_dir():
            names[entry.name] = _read_folder(Path(entry))
        elif entry.is_file() and entry.name not in IGNORED:
            content = Path(entry).read_bytes()
            names[entry.name] = ReplayedFile(content, bytearray(content))
    return ReplayedFolder(names, dict(names))


def _walk(folder: ReplayedFolder, path: str) -> Iterator[tuple[str, bytes]]:
    for name, node in folder.now.items():
        if isinstance(node, ReplayedFolder):
            yield from _walk(node, f"{path}{name}/")
        else:
            yield path + name, bytes(node.now)


def _save_folder(
    folder: ReplayedFolder,
    target: Path,
    names: dict[ReplayedFolder, dict[str, Node]],
    loss: Loss,
    chance: random.Random,
) -> None:
    target.mkdir(mode=0o700)
    for name, node in names.get(folder, folder.durable).items():
        if isinstance(node, ReplayedFolder):
            _save_folder(node, target / name, names, loss, chance)
        else:
            content = node.after_loss(loss, chance)
            handle = os.open(target / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
