"""Failed records turned into sync errors for people: what happened, where, and what to do."""

import polars as pl

from syncengine.decide import Verdict
from syncengine.errors import ErrorClass
from syncengine.pipeline.work import Work
from syncengine.remedies import remedy_for
from syncengine.repository.outcomes import ERROR_COLUMNS
from syncengine.states import Side

_VERDICTS: dict[Verdict, tuple[ErrorClass, str]] = {
    Verdict.VANISHED: (
        ErrorClass.MISSING,
        "The row was reported as changed but is not there any more, and nothing proves that it was deleted.",
    ),
    Verdict.PARTNER_UNKNOWN: (
        ErrorClass.MISSING,
        "A row was deleted that was never paired with a row of the other side, so nothing was deleted there.",
    ),
    Verdict.KEY_MISSING: (ErrorClass.DATA, "The integration key is not complete, so the row cannot be paired."),
    Verdict.KEY_CHANGED: (
        ErrorClass.DATA,
        (
            "The integration key of a paired row was changed. The other side cannot follow; both rows were left as they"
            " are."
        ),
    ),
    Verdict.KEY_TAKEN: (
        ErrorClass.DUPLICATE,
        "The integration key belongs to another row already, or to a row that the map's filter leaves out.",
    ),
}


def errors_of(work: Work, failed: pl.DataFrame) -> pl.DataFrame:
    """One sync error a failed record (ERROR_SCHEMA)."""
    goes_left = pl.col("right_event") & ~pl.col("left_event")
    refused_left = pl.col("left_error_class_refused").is_not_null()
    target = (
        pl.when(refused_left)
        .then(pl.lit(work.environments[Side.LEFT]))
        .otherwise(pl.lit(work.environments[Side.RIGHT]))
    )
    refused_message = pl.coalesce("left_refused_message", "right_refused_message")
    is_refused = refused_message.is_not_null()
    error_class = pl.coalesce(
        "left_error_class_refused",
        "right_error_class_refused",
        pl.when("is_loop").then(pl.lit(ErrorClass.LOOP.value)),
        "problem_error_class",
        _by_verdict(0),
    )
    loop = pl.lit(
        "The target changes this record after each of our writes, again and again. Both sides were left as they are."
    )
    message = (
        pl.when(is_refused)
        .then(target + pl.lit(" refused the record: ") + refused_message)
        .when("is_loop")
        .then(loop)
        .otherwise(pl.coalesce("problem_message", _by_verdict(1)))
    )
    errors = failed.with_columns(
        side=pl.when(refused_left | goes_left).then(pl.lit("right")).otherwise(pl.lit("left")),
        error_class=error_class,
        message=message,
        code=pl.coalesce("left_refused_code", "right_refused_code"),
        raw=pl.coalesce("left_refused_raw", "right_refused_raw"),
        column=pl.when(~is_refused).then("problem_column"),
        key=pl.coalesce("written_key", "key", "left_id", "right_id"),
    )
    return errors.with_columns(remedy=_remedies(errors)).select(ERROR_COLUMNS)


def _remedies(errors: pl.DataFrame) -> pl.Series:
    """What to do, a text for each kind of refusal."""
    kinds = errors.select("error_class", "code")
    texts = {kind: remedy_for(ErrorClass(kind[0]), kind[1] or "") for kind in kinds.unique().iter_rows()}
    return pl.Series([texts[kind] for kind in kinds.iter_rows()], dtype=pl.String)


def _by_verdict(part: int) -> pl.Expr:
    texts = {str(verdict): str(entry[part]) for verdict, entry in _VERDICTS.items()}
    return pl.col("verdict").replace_strict(texts, default=None, return_dtype=pl.String)
