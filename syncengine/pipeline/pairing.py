"""Records without a binding find their partner: in the same take, in a binding whose row is gone, or on the other
side."""

from dataclasses import dataclass, replace

import polars as pl

from syncengine.mapping.keys import split_key
from syncengine.pipeline import imaging, reading
from syncengine.pipeline.imaging import Images
from syncengine.pipeline.reading import COMPANY, INSIDE, KEY, WRITTEN_KEY
from syncengine.pipeline.work import Work
from syncengine.repository import bindings
from syncengine.repository.rows import Database
from syncengine.states import BindingState, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Records with the rows of both sides (judged) and their images on the other side."""

    records: pl.DataFrame
    rows: dict[Side, pl.DataFrame]
    images: dict[Side, Images]


def read_take(conn: Database, work: Work, records: pl.DataFrame) -> Take:
    """The records with what is on both sides now; `left_seen` … `key_taken` are what `decide` asks for."""
    rows = {side: reading.read(conn, work, side, _ids_to_fetch(records, side)) for side in Side}
    images = {side: imaging.images_of(conn, work, side, rows[side]) for side in Side}
    take = Take(records=_keyed(records, rows), rows=rows, images=images)
    take = replace(take, records=_paired_within(take.records))
    for side in Side:
        take = replace(take, records=_rebound(conn, work, take.records, side))
        take = _found(conn, work, take, side)
    return replace(take, records=_explained(conn, work, _presence(take)))


def _explained(conn: Database, work: Work, records: pl.DataFrame) -> pl.DataFrame:
    """Deleted rows that this map never had are known where another map of the table had them, or where they belong to
    a company that is not linked."""
    for side in Side:
        lost = ~pl.col("is_bound") & ~pl.col("is_known") & pl.col(f"{side}_gone") & ~pl.col(f"{side}_there")
        ids = records.filter(lost)[f"{side}_id"].drop_nulls().to_list()
        if ids:
            known = bindings.known_elsewhere(conn, work.link_id, side, work.table(side).name, ids)
            known += [row_id for row_id in ids if _is_foreign(work, side, row_id)]
            records = records.with_columns(is_known=pl.col("is_known") | (lost & pl.col(f"{side}_id").is_in(known)))
    return records


def _is_foreign(work: Work, side: Side, row_id: str) -> bool:
    """Whether a natural-key row id names a company that is not linked."""
    table = work.table(side)
    if work.companies is None or not table.keys or table.id_column or table.company_column not in table.keys[0].columns:
        return False
    company = split_key(row_id)[table.keys[0].columns.index(table.company_column)]
    return company not in work.companies


def _ids_to_fetch(records: pl.DataFrame, side: Side) -> list[str]:
    return records.filter(pl.col(f"{side}_fetch"))[f"{side}_id"].drop_nulls().unique().to_list()


def _keyed(records: pl.DataFrame, rows: dict[Side, pl.DataFrame]) -> pl.DataFrame:
    """With `new_key`: the integration key that the row now has (of the left where both are read), and `key_side`."""
    keys = {
        side: rows[side].select(
            pl.col("_row_id").alias(f"{side}_id"),
            pl.col(KEY).alias(f"{side}_key"),
            pl.col(INSIDE).alias(f"{side}_row_in"),
        )
        for side in Side
    }
    joined = records.join(keys[Side.LEFT], on="left_id", how="left").join(keys[Side.RIGHT], on="right_id", how="left")
    moved = [
        (pl.col(f"{side}_key").is_not_null() & (pl.col(f"{side}_key") != pl.col("key"))).fill_null(False)
        for side in Side
    ]
    return joined.with_columns(
        new_key=pl.coalesce("left_key", "right_key"),
        key_changed=pl.col("is_bound") & (moved[0] | moved[1]),
        key_taken=pl.lit(False),
        has_base=pl.col("is_bound") & pl.col("left_base").is_not_null() & pl.col("right_base").is_not_null(),
        searched=pl.lit(False),
    )


def _loose(side: Side) -> pl.Expr:
    """Unbound records of that side alone whose row is there, passes and has a key."""
    other = side.other
    return (
        ~pl.col("is_bound")
        & pl.col(f"{side}_id").is_not_null()
        & pl.col(f"{other}_id").is_null()
        & pl.col(f"{side}_row_in").fill_null(False)
        & pl.col("new_key").is_not_null()
        & ~pl.col("key_taken")
        & ~pl.col("searched")
    )


def _paired_within(records: pl.DataFrame) -> pl.DataFrame:
    """Loose records of both sides with one key become one; a second row of a side with that key is refused."""
    records = records.with_columns(
        key_taken=(_loose(Side.LEFT) & ~pl.col("new_key").is_first_distinct().over(_loose(Side.LEFT)))
        | (_loose(Side.RIGHT) & ~pl.col("new_key").is_first_distinct().over(_loose(Side.RIGHT)))
    )
    lefts, rights = records.filter(_loose(Side.LEFT)), records.filter(_loose(Side.RIGHT))
    pairs = lefts.select("record", "new_key").join(
        rights.select(
            pl.col("record").alias("absorbed"),
            "new_key",
            pl.col("right_id").alias("other_id"),
            pl.col("right_row_in").alias("other_in"),
            pl.col("change_ids").alias("other_changes"),
            pl.col("seen_at").alias("other_seen_at"),
        ),
        on="new_key",
    )
    if pairs.is_empty():
        return records
    merged = records.join(pairs.drop("new_key"), on="record", how="left")
    is_pair = pl.col("absorbed").is_not_null()
    merged = merged.with_columns(
        right_id=pl.when(is_pair).then("other_id").otherwise("right_id"),
        right_row_in=pl.when(is_pair).then("other_in").otherwise("right_row_in"),
        right_event=pl.col("right_event") | is_pair,
        right_fetch=pl.col("right_fetch") | is_pair,
        change_ids=pl.when(is_pair).then(pl.col("change_ids").list.concat("other_changes")).otherwise("change_ids"),
        seen_at=pl.min_horizontal("seen_at", "other_seen_at"),
    ).drop("absorbed", "other_id", "other_in", "other_changes", "other_seen_at")
    return merged.join(pairs.select(pl.col("absorbed").alias("record")), on="record", how="anti")


def _rebound(conn: Database, work: Work, records: pl.DataFrame, side: Side) -> pl.DataFrame:
    """Loose records whose key another pair holds take its place where that pair's row is gone, else are refused."""
    loose = records.filter(_loose(side))
    if loose.is_empty():
        return records
    held = bindings.of_keys(conn, work.map_id, loose["new_key"].to_list())
    if held.is_empty():
        return records
    living = reading.read(conn, work, side, held[f"{side}_id"].to_list())["_row_id"]
    dead = held.filter(~pl.col(f"{side}_id").is_in(living.to_list()))
    taken = held.filter(pl.col(f"{side}_id").is_in(living.to_list()))["key"].to_list()
    records = records.with_columns(key_taken=pl.col("key_taken") | (_loose(side) & pl.col("new_key").is_in(taken)))
    return _take_place(records, dead, side) if dead.height else records


def _take_place(records: pl.DataFrame, dead: pl.DataFrame, side: Side) -> pl.DataFrame:
    """The loose records become the pairs of `dead`; the records of the rows that are gone go up in them."""
    heirs = (
        records.filter(_loose(side))
        .select("record", "new_key")
        .join(
            dead.rename({name: f"old_{name}" for name in dead.columns if name != "key"}),
            left_on="new_key",
            right_on="key",
        )
    )
    gone = (
        records.filter(pl.col("is_bound"))
        .join(
            heirs.select(pl.col("record").alias("heir"), pl.col("old_binding_id").alias("binding_id")), on="binding_id"
        )
        .select("heir", pl.col("record").alias("absorbed"), pl.col("change_ids").alias("old_changes"))
    )
    joined = records.join(heirs.drop("new_key"), on="record", how="left").join(
        gone, left_on="record", right_on="heir", how="left"
    )
    is_heir = pl.col("old_binding_id").is_not_null()
    other = side.other
    result = joined.with_columns(
        binding_id=pl.coalesce("binding_id", "old_binding_id"),
        is_bound=pl.col("is_bound") | is_heir,
        key=pl.when(is_heir).then("new_key").otherwise("key"),
        **{
            f"{other}_id": pl.when(is_heir).then(f"old_{other}_id").otherwise(f"{other}_id"),
            f"{other}_version": pl.when(is_heir).then(f"old_{other}_version").otherwise(f"{other}_version"),
            f"{other}_fetch": pl.col(f"{other}_fetch") | is_heir,
        },
        change_ids=pl.when(pl.col("old_changes").is_not_null())
        .then(pl.col("change_ids").list.concat("old_changes"))
        .otherwise("change_ids"),
    )
    absorbed = gone.select(pl.col("absorbed").alias("record"))
    return result.select(records.columns).join(absorbed, on="record", how="anti")


def _found(conn: Database, work: Work, take: Take, side: Side) -> Take:
    """Loose records of this side are looked for on the other side by their key."""
    other = side.other
    loose = take.records.filter(_loose(side))
    heirs = take.records.filter(pl.col("is_bound") & pl.col(f"{other}_fetch") & ~pl.col("has_base"))
    late = sorted(set(heirs[f"{other}_id"].drop_nulls().to_list()) - set(take.rows[other]["_row_id"].to_list()))
    rows = [reading.read(conn, work, other, late)] if late else []
    if loose.height:
        rows.append(_partners(conn, work, take.images[side].rows, loose, side))
    if not rows:
        return take
    fresh = pl.concat(rows, how="diagonal_relaxed").unique("_row_id", keep="first")
    fresh = fresh.filter(~pl.col("_row_id").is_in(take.rows[other]["_row_id"].to_list()))
    images = imaging.images_of(conn, work, other, fresh)
    records = _with_partners(conn, work, take.records, pl.concat(rows, how="diagonal_relaxed"), side)
    return Take(
        records=records,
        rows={**take.rows, other: pl.concat([take.rows[other], fresh], how="diagonal_relaxed")},
        images={
            **take.images,
            other: Images(
                rows=pl.concat([take.images[other].rows, images.rows], how="diagonal_relaxed"),
                problems=pl.concat([take.images[other].problems, images.problems]),
            ),
        },
    )


def _partners(conn: Database, work: Work, images: pl.DataFrame, loose: pl.DataFrame, side: Side) -> pl.DataFrame:
    other = side.other
    columns = work.compiled.key_columns(other)
    keys = images.filter(pl.col("_row_id").is_in(loose[f"{side}_id"].to_list())).select(columns).drop_nulls()
    if keys.is_empty():
        return reading.read(conn, work, other, [])
    rows = work.connectors[other].find(work.table(other), columns=work.columns(other), keys=keys.unique())
    return reading.judged(conn, work, other, rows)


def _with_partners(conn: Database, work: Work, records: pl.DataFrame, rows: pl.DataFrame, side: Side) -> pl.DataFrame:
    """The records with the row found for them; a row outside the filter, or bound to another one, takes the key."""
    other = side.other
    loose = _loose(side)
    found = (
        rows.drop_nulls(KEY)
        .select(pl.col(KEY).alias("new_key"), pl.col("_row_id").alias("found_id"), pl.col(INSIDE).alias("found_in"))
        .unique("new_key", keep="first")
    )
    bound = _bound_ids(conn, work, other, found["found_id"].to_list())
    joined = records.join(found, on="new_key", how="left")
    usable = loose & pl.col("found_id").is_not_null() & pl.col("found_in") & ~pl.col("found_id").is_in(bound)
    return joined.with_columns(
        key_taken=pl.col("key_taken") | (loose & pl.col("found_id").is_not_null() & ~usable),
        **{
            f"{other}_id": pl.when(usable).then("found_id").otherwise(f"{other}_id"),
            f"{other}_row_in": pl.when(usable).then(True).otherwise(f"{other}_row_in"),
        },
        searched=pl.col("searched") | loose,
    ).drop("found_id", "found_in")


def _bound_ids(conn: Database, work: Work, side: Side, row_ids: list[str]) -> list[str]:
    ids = {Side.LEFT: [], Side.RIGHT: [], side: row_ids}
    known = bindings.of_rows(conn, work.map_id, left_ids=ids[Side.LEFT], right_ids=ids[Side.RIGHT])
    return known.filter(pl.col("state") == BindingState.BOUND)[f"{side}_id"].to_list()


def _presence(take: Take) -> pl.DataFrame:
    """The records with `…_seen`, `…_there`, `…_in`, the versions read, and `has_key`."""
    records = take.records
    for side in Side:
        rows = (
            take.rows[side]
            .select(
                pl.col("_row_id").alias(f"{side}_id"),
                pl.lit(True).alias(f"{side}_there"),
                pl.col(INSIDE).alias(f"{side}_in"),
                pl.col("_version").alias(f"{side}_read_version"),
                pl.col(COMPANY).alias(f"{side}_company"),
                pl.col(WRITTEN_KEY).alias(f"{side}_written_key"),
            )
            .unique(f"{side}_id", keep="first")
        )
        records = records.join(rows, on=f"{side}_id", how="left").with_columns(
            pl.col(f"{side}_there").fill_null(False), pl.col(f"{side}_in").fill_null(False)
        )
        records = records.with_columns(
            (pl.col(f"{side}_fetch") | pl.col(f"{side}_there") | (pl.col("searched") & ~pl.col("is_bound"))).alias(
                f"{side}_seen"
            ),
            pl.coalesce(f"{side}_read_version", f"{side}_version").alias(f"{side}_version"),
        )
    return records.with_columns(
        has_key=pl.col("new_key").is_not_null(),
        company=pl.coalesce("left_company", "right_company"),
        written_key=pl.coalesce("left_written_key", "right_written_key"),
    )
