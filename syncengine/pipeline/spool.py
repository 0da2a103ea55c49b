"""Rows of a load kept on disk between reading and writing, so that memory stays flat at any table size.

Each chunk is written as parquet into one folder a bucket; rows that may be pairs land in the same bucket, since the
bucket is a hash of the key that joins them.
"""

import shutil
from pathlib import Path

import polars as pl

from syncengine.states import Side

JOIN = "_join"
BUCKET_ROWS = 20_000
MAX_BUCKETS = 64
MIN_FREE = 0.1  # of the disk


def buckets_for(rows: int) -> int:
    return max(1, min(MAX_BUCKETS, -(-rows // BUCKET_ROWS)))


def write_chunk(folder: Path, side: Side, number: int, rows: pl.DataFrame, *, buckets: int) -> None:
    """Adds a chunk; the same number again replaces it."""
    numbered = rows.with_columns(_bucket=pl.col(JOIN).fill_null("").hash(seed=7) % buckets)
    for key, part in numbered.partition_by("_bucket", as_dict=True).items():
        path = folder / f"{key[0]:02}" / f"{side}-{number:06}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        part.drop("_bucket").write_parquet(unfinished, compression="lz4")
        unfinished.rename(path)


def read_bucket(folder: Path, side: Side, bucket: int) -> pl.DataFrame | None:
    """All rows of a bucket, each once: a page that the service repeated changes nothing. None for no rows."""
    files = sorted((folder / f"{bucket:02}").glob(f"{side}-*.parquet"))
    if not files:
        return None
    rows = pl.concat([pl.read_parquet(file) for file in files], how="vertical_relaxed")
    return rows.unique("_row_id", keep="last", maintain_order=True)


def is_disk_low(folder: Path) -> bool:
    usage = shutil.disk_usage(folder)
    return usage.free < usage.total * MIN_FREE


def clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
