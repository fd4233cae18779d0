"""The one error that is the user's to mend."""


class UserError(Exception):
    """A mistake in what was given: a file, an id, a key or a value.

    The message says what was given, what was expected and what to change. The command line prints
    it without a traceback and exits with code 2.
    """
