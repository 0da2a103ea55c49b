"""The engine's SQL: sets in, sets out, over a psycopg connection that the caller owns.

Functions do not open transactions; what must happen together is called together inside the caller's.
"""
