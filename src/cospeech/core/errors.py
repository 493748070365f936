"""Errors a user can make. Everything else is a bug and keeps its traceback."""


class UserError(ValueError):
    """Something the user gave cannot be used.

    The message is one line that says what was got, what is allowed and what to do. The command
    line prints it alone and ends with exit status 2.
    """
