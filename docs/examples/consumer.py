#!/usr/bin/env python3
"""A member of a group: hands the records of a topic to a function.

Usage: consumer.py TOPIC GROUP MODULE:FUNCTION

The function gets the connection, in a transaction, and the record, with the
columns of cq.record as attributes.  What it does in that transaction is
committed together with the group's offsets: once for each record.  When it
raises an exception, the whole batch is rolled back and read again.  SIGTERM and
SIGINT end it once the batch in hand is done.  See worker.py, of which this uses
parts.
"""

import logging
import os
import socket
import sys
import time

import psycopg
from worker import WAIT, Server, Stop, function, log

PAUSE = 1.0


def batch(conn, topic, group, member, generation, handle):
    """What there is to read, and its offsets, in one transaction with the work."""
    with conn.transaction():
        for record in conn.execute(
                "SELECT * FROM cq.topic_poll(%s, %s, %s, 100, %s, auto_commit => true)",
                (topic, group, member, generation)).fetchall():
            handle(conn, record)


def consume(server, topic, group, member, handle):
    generation = None
    while True:
        try:
            if generation is None:
                generation = server.row("SELECT cq.group_join(%s, %s, %s)", topic, group, member)[0]
            with server.stop.interrupts():
                server.row("CALL cq.topic_wait(%s, %s, %s, %s, generation => %s)",
                           topic, group, member, WAIT, generation)
            server.run(lambda conn: batch(conn, topic, group, member, generation, handle))
        except psycopg.errors.ObjectNotInPrerequisiteState:
            log.warning("not a member any more, joining again")
            generation = None
        except psycopg.errors.SerializationFailure:
            log.warning("a partition was lost, its new owner reads again")
        except Exception:
            log.exception("rolled back")
            with server.stop.interrupts():
                time.sleep(PAUSE)


def main():
    logging.basicConfig(format="%(name)s: %(message)s")
    topic, group, name = sys.argv[1:]
    member = f"{socket.gethostname()}-{os.getpid()}"
    server = Server(Stop())
    handle = function(name)
    try:
        consume(server, topic, group, member, handle)
    except KeyboardInterrupt:
        pass
    if server.conn is not None and not server.conn.closed:
        server.conn.execute("SELECT cq.group_leave(%s, %s, %s)", (topic, group, member))


if __name__ == "__main__":
    main()
