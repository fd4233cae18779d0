"""RecBole's log on the console."""

import logging

import colorlog
from recbole.utils.logger import RemoveColorFilter, log_colors_config

from recbole_drepmrec.terminal import is_watched


def log_to_console(level: str) -> None:
    """Start RecBole's console log, closing the handlers of an earlier run.

    It is coloured if it is watched: in a file colours are signs that nobody can read.

    Args:
        level: RecBole's ``state``: debug, info, warning, error or critical.
    """
    logger = logging.getLogger()
    for handler in logger.handlers[:]:
        if isinstance(handler, logging.FileHandler | colorlog.StreamHandler):
            logger.removeHandler(handler)
            handler.close()
    watched = is_watched()
    console = colorlog.StreamHandler()
    console.setFormatter(
        colorlog.ColoredFormatter(
            "%(log_color)s%(asctime)s %(levelname)s  %(message)s",
            "%d %b %H:%M",
            log_colors=log_colors_config,
            no_color=not watched,
        )
    )
    if not watched:
        console.addFilter(RemoveColorFilter())
    logger.addHandler(console)
    logger.setLevel(level.upper())
