"""Drafts in an S3-compatible store: an object for each piece,
`drafts/<id>/<generation>-<offset>-<previous generation>`.

There is no lock between hosts, and none is needed. Each writer has a generation of its own, by its
turn. It continues the one that was the last when it began, up to the offset of its own first piece:
what slow writers of others still store does not count. So the newest writer never meets another
one. Whoever removes bytes begins a further generation, with an object whose name ends in `.cut`.
That a slow writer acknowledges nothing is the database's part:
`files.delivery.resumable.record_received`.

Each process keeps the hash of the drafts that it wrote last, as `blobs.disk_drafts` does.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from threading import Lock
from uuid import UUID

from entrepot.blobs.disk_drafts import MAX_HASH_STATES, parse_blob_id
from entrepot.blobs.s3_client import Bucket, MultipartUpload
from entrepot.blobs.s3_read import open_object
from entrepot.blobs.s3_write import FIRST_PART_BYTES, part_bytes
from entrepot.blobs.store import BLOCK_BYTES, BlobId, BlobStat, StoredBlob
from entrepot.errors import BlobMissing, DraftBusy, StorageFull, StoreUnavailable

MIN_PART_BYTES = 5 * 1024 * 1024
"""The smallest part of a multipart upload, but for the last one."""

GENERATIONS = 1000
"""Generations that a turn has: one, and one more whenever its writer removes bytes."""

DraftHash = tuple[tuple[str, int], "hashlib._Hash"]
"""What says which bytes a draft has (`StoredPieces.mark`), and their hash."""
CUT = ".cut"
"""The end of the name of an object that removes bytes."""
OBJECT_NAME = re.compile(r"(\d+)-(\d+)-(\d+)(?:\.cut)?")


@dataclass(frozen=True)
class Piece:
    """Bytes of a draft: the first `size` ones of the object with this key."""

    key: str
    size: int


@dataclass(frozen=True)
class StoredPieces:
    """What the store has of a draft, the generation that further pieces belong to, and the one that
    it continues."""

    generation: int = 0
    pieces: tuple[Piece, ...] = ()
    previous: int = 0

    @property
    def size(self) -> int:
        """Bytes that the draft has."""
        return sum(piece.size for piece in self.pieces)

    @property
    def mark(self) -> tuple[str, int]:
        """Two drafts of one id with the same mark have the same bytes: no key is written twice, and
        the name of a piece says what comes before it."""
        return (self.pieces[-1].key if self.pieces else "", self.size)

    def first(self, size: int) -> "StoredPieces":
        """Its first `size` bytes."""
        kept: list[Piece] = []
        for piece in self.pieces:
            if size <= 0:
                break
            kept.append(Piece(piece.key, min(piece.size, size)))
            size -= piece.size
        return replace(self, pieces=tuple(kept))


class S3Drafts:
    """`Drafts` below a prefix of a bucket; any number of hosts may share it."""

    def __init__(self, bucket: Bucket, blob_key: Callable[[BlobId], str]) -> None:
        self.bucket, self.blob_key = bucket, blob_key
        self._open: set[UUID] = set()
        self._hashes: OrderedDict[UUID, DraftHash] = OrderedDict()
        self._lock = Lock()

    def append(self, draft_id: UUID, turn: int = 0) -> "S3DraftWriter":
        """Open a draft. Raises `DraftBusy` if this process has it open, or a writer with a higher
        turn has stored bytes; `StoreUnavailable`."""
        with self._lock:
            if draft_id in self._open:
                raise DraftBusy
            self._open.add(draft_id)
        try:
            stored = self.find(draft_id)
            if stored.generation >= (turn + 1) * GENERATIONS:
                raise DraftBusy
            with self._lock:
                mark, digest = self._hashes.pop(draft_id, (StoredPieces().mark, hashlib.sha256()))
            known_digest = digest if mark == stored.mark else None
            return S3DraftWriter(self, draft_id, stored, known_digest, turn * GENERATIONS)
        except BaseException:
            self.release(draft_id, None)
            raise

    def read(self, draft_id: UUID) -> Iterator[bytes]:
        """The draft's bytes so far, in blocks of at most 1 MiB. Raises `BlobMissing`."""
        stored = self.find(draft_id)
        if not stored.pieces and draft_id not in self._open:
            raise BlobMissing(blob_id=draft_id)
        return self.read_pieces(stored)

    def drop(self, draft_id: UUID) -> None:
        """Remove the draft. Idempotent."""
        for name, _, _ in list(self.bucket.list(f"drafts/{draft_id}")):
            self.bucket.delete(self.bucket.key(f"drafts/{draft_id}", name))
        with self._lock:
            self._hashes.pop(draft_id, None)

    def list(self) -> Iterator[BlobStat]:
        """Every draft that has bytes."""
        objects = self.bucket.list("drafts")
        for folder, group in groupby(objects, key=lambda each: each[0].partition("/")[0]):
            draft_id = parse_blob_id(folder)
            if draft_id is None:
                continue
            pieces = [(name.partition("/")[2], size, modified) for name, size, modified in group]
            size = self._find(draft_id, pieces).size
            yield BlobStat(draft_id, size, max(modified for _, _, modified in pieces))

    def find(self, draft_id: UUID) -> StoredPieces:
        """The pieces that count."""
        stored = self._find(draft_id, self.bucket.list(f"drafts/{draft_id}"))
        if not stored.pieces:
            self.bucket.require_store()
        return stored

    def _find(self, draft_id: UUID, objects: Iterable[tuple[str, int, datetime]]) -> StoredPieces:
        """The pieces of the newest generation and of those that it continues, each where the one
        before it ends."""
        generations: dict[int, list[_DraftObject]] = {}
        for name, size, _ in objects:
            stored_object = _parse_object(self.bucket.key(f"drafts/{draft_id}", name), name, size)
            if stored_object is not None:
                generations.setdefault(stored_object.generation, []).append(stored_object)
        chain: list[list[_DraftObject]] = []
        generation = max(generations, default=0)
        while of_generation := generations.pop(generation, None):
            chain.append(sorted(of_generation, key=lambda each: (each.start, not each.is_cut)))
            generation = of_generation[0].previous
        stored = StoredPieces()
        for of_generation in reversed(chain):
            first = of_generation[0]
            if stored.size < first.start:
                break  # what it continues is not there any more
            pieces, end = stored.first(first.start).pieces, first.start
            for stored_object in of_generation:
                if stored_object.start == end and not stored_object.is_cut:
                    pieces += (Piece(stored_object.key, stored_object.size),)
                    end += stored_object.size
            stored = StoredPieces(first.generation, pieces, first.previous)
        return stored

    def read_pieces(self, stored: StoredPieces) -> Iterator[bytes]:
        """The bytes of these pieces."""
        for piece in stored.pieces:
            yield from self.read_piece(piece)

    def read_piece(self, piece: Piece) -> Iterator[bytes]:
        """The bytes of one piece. Raises `DraftBusy` if somebody has dropped the draft."""
        try:
            yield from open_object(self.bucket, piece.key, 0, piece.size, BLOCK_BYTES)
        except FileNotFoundError:
            raise DraftBusy from None

    def release(self, draft_id: UUID, state: DraftHash | None) -> None:
        """Let another writer of this process open the draft; it continues with this hash."""
        with self._lock:
            self._open.discard(draft_id)
            if state is not None:
                self._hashes[draft_id] = state
                if len(self._hashes) > MAX_HASH_STATES:
                    self._hashes.popitem(last=False)


class S3DraftWriter:
    """A `DraftWriter` that stores a piece whenever enough bytes have come, and at each `sync`."""

    def __init__(
        self,
        drafts: S3Drafts,
        draft_id: UUID,
        stored: StoredPieces,
        digest: "hashlib._Hash | None",
        generation: int,
    ) -> None:
        self._drafts, self._bucket, self._draft_id = drafts, drafts.bucket, draft_id
        self._has_objects = stored.generation >= generation
        if not self._has_objects:
            stored = StoredPieces(generation, stored.pieces, stored.generation)
        self._stored = stored
        self._stored_size = stored.size
        self._buffer = bytearray()
        self._digest = digest
        self._closed = False

    @property
    def size(self) -> int:
        """Bytes that the draft has now."""
        self._require_open()
        return self._stored_size + len(self._buffer)

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`, all of it or nothing. Raises `StorageFull`, `StoreUnavailable`,
        `DraftBusy`."""
        self._require_open()
        view = memoryview(data).cast("B")
        buffered = len(self._buffer)
        self._buffer += view
        try:
            if len(self._buffer) >= part_bytes(len(self._stored.pieces)):
                self._store_piece()
        except BaseException:
            del self._buffer[buffered:]
            raise
        if self._digest is not None:
            self._digest.update(view)

    def truncate(self, size: int) -> None:
        """Remove all but the first `size` bytes, and the hash."""
        self._require_open()
        if size < self.size:
            self._digest = hashlib.sha256() if size == 0 else None
        if size >= self._stored_size:
            del self._buffer[size - self._stored_size :]
            return
        self._buffer.clear()
        kept = self._stored.first(size)
        if self._has_objects:
            kept = replace(kept, generation=kept.generation + 1, previous=kept.generation)
        try:
            self._bucket.put_new(self._key(kept) + CUT, b"cut")
        except FileExistsError:
            raise DraftBusy from None
        self._stored, self._stored_size, self._has_objects = kept, size, True

    def sync(self) -> int:
        """Store what has come, and return how much that is. Raises as `write` does; the bytes that
        are not stored then are removed."""
        self._require_open()
        try:
            self._store_piece()
        except BaseException:
            self._buffer.clear()
            self._digest = None
            raise
        return self._stored_size

    def commit(self, blob_id: BlobId) -> StoredBlob:
        """Have the store make a blob of the pieces. Raises as `DraftWriter` does.

        Large pieces are copied by the store itself. Small ones pass through here, joined.
        """
        self.sync()
        self._bucket.require_store()
        digest = self._digest or self._hash_pieces()
        key = self._drafts.blob_key(blob_id)
        if self._stored_size <= FIRST_PART_BYTES:
            self._bucket.put_new(key, b"".join(self._drafts.read_pieces(self._stored)))
        else:
            with MultipartUpload(self._bucket, key) as upload:
                self._add_parts(upload)
                upload.complete()
        return StoredBlob(self._stored_size, digest.hexdigest())

    def close(self) -> None:
        """Let another writer have the draft; what has come is stored if the store takes it."""
        if self._closed:
            return
        with suppress(StoreUnavailable, StorageFull, DraftBusy):
            self.sync()
        self._closed = True
        state = (self._stored.mark, self._digest) if self._digest is not None else None
        self._drafts.release(self._draft_id, state)

    def _add_parts(self, upload: MultipartUpload) -> None:
        joined = bytearray()
        for piece in self._stored.pieces:
            if not joined and piece.size >= MIN_PART_BYTES:
                self._copy_piece(upload, piece)
                continue
            for block in self._drafts.read_piece(piece):
                joined += block
            if len(joined) >= part_bytes(upload.part_count):
                upload.put_part(joined)
                joined = bytearray()
        if joined:
            upload.put_part(joined)

    def _copy_piece(self, upload: MultipartUpload, piece: Piece) -> None:
        try:
            upload.copy_part(piece.key, 0, piece.size)
        except FileNotFoundError:
            raise DraftBusy from None

    def _store_piece(self) -> None:
        """Store the buffer as the next piece. Raises `DraftBusy` if a writer with the same turn
        stored other bytes."""
        if not self._buffer:
            return
        self._bucket.require_store()
        key = self._key(self._stored)
        try:
            self._bucket.put_new(key, self._buffer)
        except FileExistsError:
            # A request that was repeated because its answer got lost finds the key taken by itself.
            if self._bucket.read(key) != bytes(self._buffer):
                raise DraftBusy from None
        size = len(self._buffer)
        self._stored = replace(self._stored, pieces=(*self._stored.pieces, Piece(key, size)))
        self._stored_size += size
        self._has_objects = True
        self._buffer = bytearray()

    def _hash_pieces(self) -> "hashlib._Hash":
        digest = hashlib.sha256()
        for block in self._drafts.read_pieces(self._stored):
            digest.update(block)
        return digest

    def _key(self, stored: StoredPieces) -> str:
        """The key of what comes after these pieces."""
        name = f"{stored.generation:012d}-{stored.size:020d}-{stored.previous:012d}"
        return self._bucket.key(f"drafts/{self._draft_id}", name)

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("this draft was closed already")


@dataclass(frozen=True)
class _DraftObject:
    """An object of a draft, by its name."""

    generation: int
    start: int
    previous: int
    is_cut: bool
    key: str
    size: int


def _parse_object(key: str, name: str, size: int) -> _DraftObject | None:
    """None if no store wrote the object."""
    matched = OBJECT_NAME.fullmatch(name)
    if matched is None:
        return None
    generation, start, previous = (int(number) for number in matched.groups())
    return _DraftObject(generation, start, previous, name.endswith(CUT), key, size)
