"""The run that is served now, and how another takes its place while questions are answered."""

import logging
import threading
from pathlib import Path

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference.finding import find_file
from recbole_drepmrec.serving.served import Served

LOG = logging.getLogger("recbole_drepmrec.serving")

Stamp = tuple[str, int, int, int] | None
"""What tells a file from the one that replaced it; None where there is no file."""


class Current:
    """The run that is served now; ``served`` is replaced as a whole.

    A question takes ``served`` once, and is answered by that run to its end.

    Args:
        path: The run's folder or inference file, or a link to one, read anew at each renewal.

    Attributes:
        served: The run.

    Raises:
        UserError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = self._stamp_now()
        self.served = Served.load(path)
        self._wanted = threading.Event()
        self._ended = False

    def renew(self) -> bool:
        """Read the run again and serve it; if that fails, keep the one there is, and log one line.

        Returns:
            Whether it was replaced.
        """
        self._stamp = self._stamp_now()  # before it is read: what changes meanwhile is seen later
        try:
            fresh = Served.load(self.path)
        except UserError as error:
            LOG.error("kept %s: %s", self.served.run, error)
            return False
        except Exception as error:  # whatever a file does, the old run goes on answering
            LOG.error("kept %s: %s: %s", self.served.run, type(error).__name__, error)
            return False
        self.served = fresh
        users, items = len(fresh.recommender.users), len(fresh.recommender.items)
        LOG.info("now serving %s, %d users and %d items", fresh.run, users, items)
        return True

    def ask(self) -> None:
        """Have the thread of ``keep_fresh`` renew it; may be called by a signal's handler."""
        self._wanted.set()

    def keep_fresh(self, every: float) -> threading.Thread:
        """Renew it in a thread of its own: when asked to, and when the file is another.

        Args:
            every: Seconds between two looks at the file; 0 looks never.
        """
        thread = threading.Thread(target=self._watch, args=(every,), daemon=True, name="swap")
        thread.start()
        return thread

    def end(self) -> None:
        """Let the thread end."""
        self._ended = True
        self._wanted.set()

    def _watch(self, every: float) -> None:
        while True:
            asked = self._wanted.wait(every or None)
            if self._ended:
                return
            self._wanted.clear()  # before it is read: who asks meanwhile gets another one
            if asked or self._changed():
                self.renew()

    def _changed(self) -> bool:
        stamp = self._stamp_now()
        return stamp is not None and stamp != self._stamp

    def _stamp_now(self) -> Stamp:
        try:
            file = find_file(self.path).resolve()
            state = file.stat()
        except (UserError, OSError):
            return None
        return str(file), state.st_ino, state.st_mtime_ns, state.st_size
