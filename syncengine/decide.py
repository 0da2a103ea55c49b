"""What to do with each record: pure, a frame in and the same frame with decisions out.

A record is one pair of rows, or one row that has no partner yet. Its frame has, beside whatever the caller needs:

    is_bound                   a binding pairs its two rows
    has_base                   … and holds what both sides agreed on
    left_seen, right_seen      the side was read just now; where not, it is taken to be as in the base
    left_there, right_there    … and the row was found
    left_in, right_in          … and it passes its side's filter and belongs to a linked company
    left_gone, right_gone      a delete of it is proven
    left_event, right_event    the side told of a change
    is_known                   the row was bound before, in this map or another one on the table
    key_changed                the integration key is not the one it was bound under
    key_taken                  its integration key belongs to another living pair, or to a row outside the filter
    has_key                    its integration key is complete

and for each compared field number i the values as canonical text: `l{i}` `r{i}` now, `lb{i}` `rb{i}` in the base,
`f{i}` the image of the left value on the right, `b{i}` the image of the right value on the left.

"Changed" on a side means that a column which flows away from it differs from that side's base, in its own shape.
Nothing is judged by mapping there and back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from syncengine.mapping.definition import Direction
from syncengine.states import DeletePolicy, Side


class Verdict(StrEnum):
    SYNC = "sync"  # write the differing columns (perhaps none), keep the pair with a new base
    CREATE_LEFT = "create left"
    CREATE_RIGHT = "create right"
    DELETE_LEFT = "delete left"
    DELETE_RIGHT = "delete right"
    GONE = "gone"  # on both sides
    UNLINK = "unlink"  # remember the pair, write nothing
    NOTHING = "nothing"  # not ours: outside the filter, a company that is not linked, made and deleted unseen
    VANISHED = "vanished"  # not found, and no delete is proven: look again
    PARTNER_UNKNOWN = "partner unknown"
    KEY_MISSING = "key missing"
    KEY_CHANGED = "key changed"
    KEY_TAKEN = "key taken"
    UNMAPPED = "unmapped"  # a value that cannot be mapped (set by `hold_back`)
    WAITS = "waits"  # for the row that a look-up points to (set by `hold_back`)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedField:
    """A field that both sides have and that is not part of the key."""

    left: str
    right: str
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the map says about everything that values do not."""

    master: Side
    deletes: DeletePolicy
    leaving: DeletePolicy
    flows_left: bool
    flows_right: bool
    creates_left: bool
    creates_right: bool


def decide(records: pl.DataFrame, fields: Sequence[ComparedField], rules: Rules) -> pl.DataFrame:
    """The records with `verdict`, `write_left` and `write_right` (columns to write when the verdict is sync),
    `overwritten` (columns of the losing side whose value is lost) and `winner` (the side that won them)."""
    winner = (
        pl.when(_first_contact_of("left"))
        .then(pl.lit("left"))
        .when(_first_contact_of("right"))
        .then(pl.lit("right"))
        .otherwise(pl.lit(str(rules.master)))
    )
    moves = [_move(number, field) for number, field in enumerate(fields)]
    return (
        records.with_columns(winner=winner)
        .with_columns(
            left_changed=pl.any_horizontal(pl.lit(False), *(move.left_changed for move in moves)),
            right_changed=pl.any_horizontal(pl.lit(False), *(move.right_changed for move in moves)),
        )
        .with_columns(
            verdict=_verdict(rules),
            write_right=_names([(move.to_right, field.right) for move, field in zip(moves, fields, strict=True)]),
            write_left=_names([(move.to_left, field.left) for move, field in zip(moves, fields, strict=True)]),
            overwritten=_names(
                [(move.to_right & move.loses, field.right) for move, field in zip(moves, fields, strict=True)]
                + [(move.to_left & move.loses, field.left) for move, field in zip(moves, fields, strict=True)]
            ),
        )
    )


def hold_back(records: pl.DataFrame) -> pl.DataFrame:
    """Decided records whose changed side could not be mapped (`left_problem`, `right_problem`; "waits" or "unmapped")
    are not written: a value that nobody can map must not pass as equal because both images are empty."""
    writes = pl.col("verdict") == Verdict.SYNC
    forward = (pl.col("verdict") == Verdict.CREATE_RIGHT) | (writes & (pl.col("left_changed") | ~pl.col("has_base")))
    backward = (pl.col("verdict") == Verdict.CREATE_LEFT) | (writes & (pl.col("right_changed") | ~pl.col("has_base")))
    problem = pl.coalesce(pl.when(forward).then("left_problem"), pl.when(backward).then("right_problem"))
    return records.with_columns(verdict=pl.coalesce(problem, "verdict"))


def _first_contact_of(side: str) -> pl.Expr:
    """Without a base the side that changed wins; both, or neither, leaves it to the master."""
    other = "right" if side == "left" else "left"
    return ~pl.col("has_base") & pl.col(f"{side}_event") & ~pl.col(f"{other}_event")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    to_right: pl.Expr
    to_left: pl.Expr
    loses: pl.Expr  # the value that is overwritten was nobody's base
    left_changed: pl.Expr  # in a column that flows away from the left
    right_changed: pl.Expr


def _move(number: int, field: ComparedField) -> _Move:
    left, right = pl.col(f"l{number}"), pl.col(f"r{number}")
    image_right, image_left = pl.col(f"f{number}"), pl.col(f"b{number}")
    has_base = pl.col("has_base")
    left_changed = ~has_base | left.ne_missing(pl.col(f"lb{number}"))
    right_changed = ~has_base | right.ne_missing(pl.col(f"rb{number}"))
    right_differs, left_differs = image_right.ne_missing(right), image_left.ne_missing(left)
    left_wins = pl.col("winner") == "left"
    match field.direction:
        case Direction.TO_RIGHT:
            to_right, to_left = left_changed & right_differs, pl.lit(False)
        case Direction.TO_LEFT:
            to_right, to_left = pl.lit(False), right_changed & left_differs
        case Direction.BOTH:
            to_right = left_changed & right_differs & (left_wins | ~right_changed)
            to_left = right_changed & right_differs & left_differs & (~left_wins | ~left_changed)
    loses = (
        pl.when(has_base)
        .then(left_changed & right_changed)
        .otherwise(pl.when(to_right).then(right.is_not_null()).otherwise(left.is_not_null()))
    )
    return _Move(
        to_right=to_right,
        to_left=to_left,
        loses=loses,
        left_changed=left_changed & pl.lit(field.direction.flows_to(Side.RIGHT)),
        right_changed=right_changed & pl.lit(field.direction.flows_to(Side.LEFT)),
    )


def _names(conditions: Sequence[tuple[pl.Expr, str]]) -> pl.Expr:
    """The names whose condition holds, as a list; the empty list where none does."""
    if not conditions:
        return pl.lit([], dtype=pl.List(pl.String))
    parts = [pl.when(condition).then(pl.lit(name)) for condition, name in conditions]
    return pl.concat_list(parts).list.drop_nulls()


def _verdict(rules: Rules) -> pl.Expr:
    left, right = _Presence("left"), _Presence("right")
    choices = [*_of_bound(left, right, rules), *_of_unbound(left, right, rules)]
    fitting = [pl.when(condition).then(pl.lit(verdict.value)) for condition, verdict in choices]
    return pl.coalesce(*fitting, pl.lit(Verdict.NOTHING.value))


class _Presence:
    """What is known of a record on one side, as expressions."""

    def __init__(self, side: str) -> None:
        self.seen, self.there = pl.col(f"{side}_seen"), pl.col(f"{side}_there")
        self.missing = self.seen & ~self.there
        self.gone = self.missing & pl.col(f"{side}_gone")
        self.inside = ~self.seen | (self.there & pl.col(f"{side}_in"))


def _of_bound(left: _Presence, right: _Presence, rules: Rules) -> list[tuple[pl.Expr, Verdict]]:
    bound = pl.col("is_bound")
    outside = (left.there & ~left.inside) | (right.there & ~right.inside)
    return [
        (bound & left.missing & right.missing, Verdict.GONE),
        (bound & left.gone & _stays(right, "right_changed", rules.master is Side.RIGHT), Verdict.CREATE_LEFT),
        (bound & left.gone, _delete(Verdict.DELETE_RIGHT, rules.deletes, flows=rules.flows_right)),
        (bound & right.gone & _stays(left, "left_changed", rules.master is Side.LEFT), Verdict.CREATE_RIGHT),
        (bound & right.gone, _delete(Verdict.DELETE_LEFT, rules.deletes, flows=rules.flows_left)),
        (bound & (left.missing | right.missing), Verdict.VANISHED),
        (bound & outside & ~left.inside, _delete(Verdict.DELETE_RIGHT, rules.leaving, flows=rules.flows_right)),
        (bound & outside, _delete(Verdict.DELETE_LEFT, rules.leaving, flows=rules.flows_left)),
        (bound & pl.col("key_changed"), Verdict.KEY_CHANGED),
        (bound, Verdict.SYNC),
    ]


def _stays(other: _Presence, changed: str, is_master: bool) -> pl.Expr:
    """Deleted here, changed there: the row comes back only where the side that changed it is the master."""
    return other.seen & other.there & other.inside & pl.col(changed) & pl.lit(is_master)


def _delete(verdict: Verdict, policy: DeletePolicy, *, flows: bool) -> Verdict:
    return verdict if policy is DeletePolicy.DELETE and flows else Verdict.UNLINK


def _of_unbound(left: _Presence, right: _Presence, rules: Rules) -> list[tuple[pl.Expr, Verdict]]:
    left_here, right_here = left.there & left.inside, right.there & right.inside
    missing = (left.missing | ~left.seen) & (right.missing | ~right.seen)
    proven = pl.col("left_gone") | pl.col("right_gone")
    makes_right = pl.lit(rules.flows_right and rules.creates_right)
    makes_left = pl.lit(rules.flows_left and rules.creates_left)
    return [
        (missing & proven & pl.col("is_known"), Verdict.NOTHING),
        (missing & proven, Verdict.PARTNER_UNKNOWN),
        (missing, Verdict.VANISHED),
        ((left_here | right_here) & ~pl.col("has_key"), Verdict.KEY_MISSING),
        ((left_here | right_here) & pl.col("key_taken"), Verdict.KEY_TAKEN),
        (left_here & right_here, Verdict.SYNC),
        (left_here & ~right.there & makes_right, Verdict.CREATE_RIGHT),
        (right_here & ~left.there & makes_left, Verdict.CREATE_LEFT),
    ]
