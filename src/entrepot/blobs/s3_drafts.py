"""Drafts in an S3-compatible store: `drafts/<id>/<generation>-<offset>`, one object for each piece.

There is no lock between hosts, and none is needed. A piece is stored under a key that must be free,
so of two writers at one offset one succeeds, and the other gets `DraftBusy` unless it brings the
same bytes, as a sender does who repeats a request on another host. Whoever removes bytes begins a
new generation. Its first object, `drafts/<id>/<generation>`, says how many bytes of the earlier one
it keeps: what a slow writer of that one still stores beyond them does not count. That such a writer
acknowledges nothing is the database's part: `files.delivery.resumable.record_received`.

Each process keeps the hash of the drafts that it wrote last, as `blobs.disk_drafts` does.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
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

DraftHash = tuple[int, "hashlib._Hash"]
"""A number of bytes from the beginning, and their hash."""


@dataclass(frozen=True)
class Piece:
    """Bytes of a draft: the first `size` ones of the object with this key."""

    key: str
    size: int


@dataclass(frozen=True)
class StoredPieces:
    """What the store has of a draft, and the generation that further pieces belong to."""

    generation: int = 0
    pieces: tuple[Piece, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that the draft has."""
        return sum(piece.size for piece in self.pieces)

    def first(self, size: int) -> "StoredPieces":
        """Its first `size` bytes."""
        kept: list[Piece] = []
        for piece in self.pieces:
            if size <= 0:
                break
            kept.append(Piece(piece.key, min(piece.size, size)))
            size -= piece.size
        return StoredPieces(self.generation, tuple(kept))


class S3Drafts:
    """`Drafts` below a prefix of a bucket; any number of hosts may share it."""

    def __init__(self, bucket: Bucket, blob_key: Callable[[BlobId], str]) -> None:
        self.bucket, self.blob_key = bucket, blob_key
        self._open: set[UUID] = set()
        self._hashes: OrderedDict[UUID, DraftHash] = OrderedDict()
        self._lock = Lock()

    def append(self, draft_id: UUID) -> "S3DraftWriter":
        """Open a draft. Raises `DraftBusy` if this process has it open, `StoreUnavailable`.

        If another process has it open, the second of the two to store a piece gets `DraftBusy`.
        """
        with self._lock:
            if draft_id in self._open:
                raise DraftBusy
            self._open.add(draft_id)
        try:
            stored = self.find(draft_id)
            with self._lock:
                size, digest = self._hashes.pop(draft_id, (0, hashlib.sha256()))
            if size != stored.size:
                return S3DraftWriter(self, draft_id, stored, None)
            return S3DraftWriter(self, draft_id, stored, digest)
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
        """Every draft that has bytes; `size` may count bytes that were removed since."""
        objects = self.bucket.list("drafts")
        for folder, group in groupby(objects, key=lambda each: each[0].partition("/")[0]):
            draft_id = parse_blob_id(folder)
            if draft_id is None:
                continue
            pieces = [(size, modified) for _, size, modified in group]
            sizes, times = zip(*pieces, strict=True)
            yield BlobStat(draft_id, sum(sizes), max(times))

    def find(self, draft_id: UUID) -> StoredPieces:
        """The pieces that count: each begins where the one before it ends."""
        folder = f"drafts/{draft_id}"
        stored, end = StoredPieces(), 0
        for name, size, _ in sorted(self.bucket.list(folder)):
            generation_text, _, place = name.partition("-")
            generation = int(generation_text)
            if not place:
                kept = int(self.bucket.read(self.bucket.key(folder, name)) or b"0")
                stored = StoredPieces(generation, stored.first(kept).pieces)
                end = stored.size
            elif generation == stored.generation and int(place) == end:
                piece = Piece(self.bucket.key(folder, name), size)
                stored = StoredPieces(generation, (*stored.pieces, piece))
                end += size
        if not stored.pieces:
            self.bucket.require_store()
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
    ) -> None:
        self._drafts, self._bucket, self._draft_id = drafts, drafts.bucket, draft_id
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
        generation = self._stored.generation + 1
        try:
            self._bucket.put_new(self._key(f"{generation:06d}"), str(size).encode())
        except FileExistsError:
            raise DraftBusy from None
        self._stored = StoredPieces(generation, self._stored.first(size).pieces)
        self._stored_size = size

    def sync(self) -> int:
        """Store what has come, and return how much that is. Raises as `write` does; the bytes that
        are not stored then are removed."""
        self._require_open()
        try:
            while self._buffer:
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
        state = (self._stored_size, self._digest) if self._digest is not None else None
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
        """Store the buffer as the next piece, or find its first bytes stored already: the others
        stay in the buffer then. Raises `DraftBusy` if another writer stored other bytes."""
        self._bucket.require_store()
        key = self._key(f"{self._stored.generation:06d}-{self._stored_size:020d}")
        size = len(self._buffer)
        try:
            self._bucket.put_new(key, self._buffer)
        except FileExistsError:
            # By a request that was repeated because its answer got lost. Or by the sender's request
            # before this one, which another host still had: it brought the same bytes.
            there = self._bucket.read(key)
            if not there or not self._buffer.startswith(there):
                raise DraftBusy from None
            size = len(there)
        pieces = (*self._stored.pieces, Piece(key, size))
        self._stored = StoredPieces(self._stored.generation, pieces)
        self._stored_size += size
        self._buffer = self._buffer[size:]

    def _hash_pieces(self) -> "hashlib._Hash":
        digest = hashlib.sha256()
        for block in self._drafts.read_pieces(self._stored):
            digest.update(block)
        return digest

    def _key(self, name: str) -> str:
        return self._bucket.key(f"drafts/{self._draft_id}", name)

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("this draft was closed already")
