"""Command lines of which a test changes a word or two."""

from collections.abc import Sequence


def with_words(usual: Sequence[str], *more: str) -> list[str]:
    """The usual words, ``more`` in the place of those of the same option.

    Args:
        usual: A command line, each option of it in one word.
        more: Options, in one word each.
    """
    given = {word.partition("=")[0] for word in more}
    return [*(word for word in usual if word.partition("=")[0] not in given), *more]
