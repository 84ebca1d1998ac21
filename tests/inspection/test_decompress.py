"""Compressed inputs: gzip and Zstandard, whole and broken, nested, and made to burst."""

import gzip
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.inspection.conftest import Inspect

from entrepot.inspection.limits import MIB, Limits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"id,name\n" + b"".join(b"%d,n%d\n" % (n, n * 7919) for n in range(50_000))
PACK = {"gz": gzip.compress, "zst": zstd.compress}


@pytest.mark.parametrize("suffix", PACK)
def test_packed_reads_like_plain(inspect: Inspect, suffix: str) -> None:
    plain = inspect(TEXT, name="t.csv")
    packed = inspect(PACK[suffix](TEXT), name=f"t.csv.{suffix}")
    assert packed.verdict == "conforms", packed.detail
    assert packed.schema == plain.schema
    assert packed.row_count == plain.row_count == 50_000
    named = {"gz": "gzip", "zst": "zstd"}[suffix]
    assert packed.media_type == f"application/{named}"
    described = packed.profile["file"]
    assert described["mediaType"] == "text/csv"
    assert described["compression"] == [named]
    assert described["unpacked"] == len(TEXT)
    assert packed.profile["columns"] == plain.profile["columns"]


@pytest.mark.parametrize("suffix", PACK)
def test_parts_that_follow_each_other(inspect: Inspect, suffix: str) -> None:
    pack = PACK[suffix]
    parts = [TEXT[:10], TEXT[10:100_000], b"", TEXT[100_000:]]
    inspection = inspect(b"".join(map(pack, parts)), name="t.csv")
    assert (inspection.verdict, inspection.row_count) == ("conforms", 50_000), inspection.detail


def test_padding_and_skippable_frames(inspect: Inspect) -> None:
    padded = inspect(gzip.compress(TEXT) + bytes(100_000), name="t.csv.gz")
    assert (padded.verdict, padded.row_count) == ("conforms", 50_000), padded.detail
    skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc"
    framed = inspect(skippable + zstd.compress(TEXT) + skippable, name="t.csv.zst")
    assert (framed.verdict, framed.row_count) == ("conforms", 50_000), framed.detail


def test_nested(inspect: Inspect) -> None:
    once = gzip.compress(TEXT)
    thrice = zstd.compress(gzip.compress(once))
    inspection = inspect(thrice, name="t.csv.gz.gz.zst")
    assert (inspection.verdict, inspection.row_count) == ("conforms", 50_000), inspection.detail
    assert inspection.profile["file"]["compression"] == ["zstd", "gzip", "gzip"]
    deep = inspect(gzip.compress(thrice))
    assert (deep.verdict, "3 layers" in deep.detail) == ("resource-limit", True)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.txt.gz", "t.gz", "t.pdf"])
def test_the_content_tells_and_not_the_name(inspect: Inspect, name: str) -> None:
    assert inspect(gzip.compress(b"a,b\n1,2\n3,4\n"), name=name).verdict == "conforms"
    prose = b"It was late. The train, which nobody expected,\nhad not come; so we went home.\n"
    # Prose with commas is not a table, or at least not surely one.
    assert inspect(gzip.compress(prose), name=name).verdict in ("not-tabular", "violates")


def test_errors_are_placed_in_the_plain_text(inspect: Inspect) -> None:
    schema = {"fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}]}
    text = b"id,name\n1,x\nno,y\n"
    plain, packed = inspect(text, schema), inspect(gzip.compress(text), schema)
    assert packed.verdict == "violates"
    (error,) = packed.report["tasks"][0]["errors"]
    assert error["byteOffset"] == 12
    assert packed.report["tasks"][0]["errors"] == plain.report["tasks"][0]["errors"]


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("keep", [3, 12, 1_000, -1, -5])
def test_cut_off(inspect: Inspect, suffix: str, keep: int) -> None:
    raw = PACK[suffix](TEXT)[:keep]
    inspection = inspect(raw, name="t.csv")
    if keep == 3 and suffix == "zst":
        return  # three bytes of its signature are not signature
    assert inspection.verdict == "source-error"
    assert f"cut off: the file ends after {len(raw):,} bytes, before its data does" in (
        inspection.detail
    )


@pytest.mark.parametrize("suffix", PACK)
def test_damaged(inspect: Inspect, suffix: str) -> None:
    raw = bytearray(zstd.compress(TEXT, options={zstd.CompressionParameter.checksum_flag: 1})
                    if suffix == "zst" else gzip.compress(TEXT))  # fmt: skip
    for at in (len(raw) // 2, len(raw) - 6 if suffix == "gz" else len(raw) - 2):
        broken = raw.copy()
        broken[at] ^= 0xFF
        inspection = inspect(bytes(broken), name="t.csv")
        assert inspection.verdict == "source-error", at
        assert "damaged between bytes" in inspection.detail
    for rest, named in ((b"\n", "1 byte"), (b"no member", "9 bytes")):
        trailing = inspect(bytes(raw) + rest, name="t.csv")
        assert trailing.verdict == "source-error"
        ends = f"data ends at byte {len(raw):,}, and {named} of other data after it"
        assert ends in trailing.detail
    free = inspect(bytes(raw) + b"no member", name="t.csv", mode="none")
    assert free.verdict == "conforms"
    assert free.report["warnings"] or free.report["tasks"][0]["warnings"]


def test_limits_of_growth(inspect: Inspect) -> None:
    raw = gzip.compress(b"a,b\n" + b"1,2\n" * (2 * MIB))
    small = replace(Limits(), unpacked=4 * MIB)
    inspection = inspect(raw, limits=small)
    assert inspection.verdict == "resource-limit"
    assert f"{len(raw):,} bytes unpack to more than 4,194,304" in inspection.detail
    strict = replace(Limits(), free_expansion=4 * MIB, expansion=100)
    grown = inspect(raw, limits=strict)
    assert (grown.verdict, "100 times" in grown.detail) == ("resource-limit", True)
    # The same growth is welcome below the free size: a dull column compresses well.
    assert inspect(raw).verdict == "conforms"


def test_a_window_too_wide(inspect: Inspect) -> None:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 30})
    inspection = inspect(packer.compress(TEXT) + packer.flush(), name="t.csv.zst")
    assert (inspection.verdict, "window" in inspection.detail) == ("resource-limit", True)


def test_what_is_no_table_inside(inspect: Inspect, tmp_path: Path) -> None:
    inspection = inspect(gzip.compress(b"%PDF-1.7\n..."), name="t.pdf.gz")
    assert (inspection.verdict, "PDF" in inspection.detail) == ("not-tabular", True)
    assert inspection.media_type == "application/gzip"
    assert inspection.profile["file"]["mediaType"] == "application/pdf"
    assert inspect(gzip.compress(b"")).verdict == "not-tabular"
