"""The one error that is the user's to mend, and how others become it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from recbole_drepmrec.suggestions import nearest


class UserError(Exception):
    """A mistake in what was given: a file, an id, a key or a value.

    The message says what was given, what was expected and what to change. The command line prints
    it without a traceback and exits with code 2.
    """


class UnknownIdError(UserError):
    """Ids that a run does not know.

    Args:
        kind: ``user`` or ``item``.
        first: The first of them.
        message: As any other's.
    """

    def __init__(self, kind: str, first: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.first = first


class MissingOptionError(UserError):
    """An option that a command cannot do without.

    Args:
        option: Its name, without dashes.
        expected: What should have been given.
    """

    def __init__(self, option: str, expected: str) -> None:
        super().__init__(f"--{option} is missing, expected {expected}")
        self.option = option


class UnknownKeyError(UserError):
    """A configuration key that no model has.

    Args:
        key: What was given.
        known: What there is.
        what: What it might have been.
    """

    def __init__(self, key: str, known: Iterable[str], what: str = "configuration key") -> None:
        self.key = key
        self.known = frozenset(known)
        super().__init__(f"there is no {what} '{key}'{nearest(key, self.known) or '.'}")


@contextmanager
def going_on_when_repeated() -> Iterator[None]:
    """Let who presses Ctrl-C know that the command can be given again.

    Raises:
        KeyboardInterrupt: With that as its text.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command, given again, goes on where it was") from None


@contextmanager
def recbole_complaints(about: str) -> Iterator[None]:
    """Turn what RecBole raises at a wrong value, or at a missing package, into the user's error.

    Args:
        about: What was being done, to begin the message with.
    """
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"{about}: the package '{error.name}' is needed and not installed; install it with pip."
        ) from error
    except KeyError as error:
        missing = " ".join(map(str, error.args))  # str(error) would say np.str_('...')
        raise UserError(f"{about}: RecBole finds no '{missing}'.") from error
    except (ValueError, TypeError, NotImplementedError, IndexError) as error:
        raise UserError(f"{about}: {error}") from error
