"""Changes that a busy business would make, at random and yet the same for the same seed and rows.

wishes   what is asked for          values  plausible values by a column's type and name
picks    rows at random             plan    one change: table, row, what is done
runner   a thread that makes them through the service, or all at once without telling anybody
"""
