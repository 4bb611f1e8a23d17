"""What was opened before a fork belongs to the parent alone: sockets, locked files, sessions with a database, threads.

A child has copies of them. What it sends, writes or closes there, it does to the parent, too: answers go to the wrong
process, two processes write one file, and a selector that both share forgets the sockets of the parent.
"""

import os

from attrs import field, frozen

WHERE = "such as at the first use, in Celery's worker_process_init, or in post_worker_init of gunicorn"
"""Where a child makes what it needs, for messages."""


@frozen
class OwnProcess:
    """The process that opened something."""

    number: int = field(factory=os.getpid)

    @property
    def is_here(self) -> bool:
        """Whether this is that process, and no child that was forked from it."""
        return self.number == os.getpid()
