"""Rows of the demo data as both services take them."""

Value = str | int | float | bool | None
Row = dict[str, Value]  # JSON of one row; a column that is not there is left to the service
