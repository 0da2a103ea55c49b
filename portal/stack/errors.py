class StackError(Exception):
    """Why the group cannot start: one line for the person who started it, with what to do."""
