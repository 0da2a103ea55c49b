class Refused(Exception):
    """A request that was not carried out. Its text is a sentence for the person who asked; nothing was changed."""
