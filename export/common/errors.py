"""The one error an export ends with."""


class ExportError(Exception):
    """An export cannot go on; the message says what is wrong, where, and what to do.

    Raised before anything is published, so the model repository is as it was.
    """
