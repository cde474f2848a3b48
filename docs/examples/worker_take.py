#!/usr/bin/env python3
"""A worker for work in the same database: consumes in the transaction of the work.

Usage: worker_take.py QUEUE MODULE:FUNCTION

The function gets the connection, in a transaction, and the message.  When it
raises an exception, what it did is rolled back and the message is delivered
again, up to the queue's max_attempts.  See worker.py, of which this uses parts.
"""

import time

from worker import log, main

PAUSE = 1.0


def take(conn, queue, handle):
    """One message, done with all that its work has written, or not at all."""
    with conn.transaction():
        message = conn.execute("SELECT * FROM cq.queue_take(%s)", (queue,)).fetchone()
        if message is not None:
            handle(conn, message)


def work(server, queue, handle):
    while True:
        server.wait(queue)
        try:
            server.run(lambda conn: take(conn, queue, handle))
        except Exception:
            log.exception("rolled back")
            # it is back at once, and would use up its attempts in no time
            with server.stop.interrupts():
                time.sleep(PAUSE)


if __name__ == "__main__":
    main(work)
