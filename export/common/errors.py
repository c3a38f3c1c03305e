"""The error of an export."""


class ExportError(Exception):
    """An export cannot continue; the message has the problem, its place and the remedy.

    Raised before anything is published, so the model repository is unchanged.
    """
