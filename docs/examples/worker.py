#!/usr/bin/env python3
"""A worker: hands the messages of a queue to a function, one at a time.

Usage: worker.py QUEUE MODULE:FUNCTION

The function gets the message, with the columns of cq.message as attributes.
When it raises an exception, the message is delivered again later, up to the
queue's max_attempts.  Connects as libpq does (PGHOST, PGSERVICE, ...).
SIGTERM and SIGINT end the worker once the message in hand is done.
"""

import importlib
import logging
import os
import random
import signal
import sys
import threading
import time
from contextlib import contextmanager

import psycopg
from psycopg.rows import namedtuple_row

WAIT = "10 s"
PAUSE_MIN, PAUSE_MAX = 0.5, 30.0

log = logging.getLogger("worker")


class Stop:
    """Whether to stop: at once where nothing is in hand, else when it is done."""

    def __init__(self):
        self.requested = self.idle = False
        signal.signal(signal.SIGTERM, self.request)
        signal.signal(signal.SIGINT, self.request)

    def request(self, signum, frame):
        self.requested = True
        if self.idle:
            self.idle = False
            raise KeyboardInterrupt

    @contextmanager
    def interrupts(self):
        before, self.idle = self.idle, True
        try:
            if self.requested:
                raise KeyboardInterrupt
            yield
        finally:
            self.idle = before and not self.requested


class Server:
    """A connection that comes back."""

    def __init__(self, stop):
        self.stop = stop
        self.conn = None

    def run(self, work):
        """Call work(connection), again if the connection did not last."""
        pause = PAUSE_MIN
        while True:
            try:
                if self.conn is None or self.conn.closed:
                    self.conn = connect()
                return work(self.conn)
            except psycopg.OperationalError as error:
                if self.conn is not None and not self.conn.closed:
                    raise  # not for want of a connection
                log.warning("no connection, trying again: %s", error)
            with self.stop.interrupts():
                time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, PAUSE_MAX)

    def row(self, sql, *args):
        return self.run(lambda conn: conn.execute(sql, args).fetchone())

    def wait(self, queue):
        with self.stop.interrupts():
            self.row("CALL cq.queue_wait(%s, %s)", queue, WAIT)


def connect():
    return psycopg.connect(autocommit=True, row_factory=namedtuple_row, connect_timeout=10)


@contextmanager
def heartbeat(message):
    """Extend the lease for as long as it takes, over connections of its own."""
    done = threading.Event()

    def beat():
        while not done.wait(message.lease_s / 3):
            try:
                with connect() as conn:
                    conn.execute("SELECT cq.queue_extend(%s, %s)", (message.queue, message.receipt))
            except psycopg.Error as error:
                log.warning("message %s: lease not extended: %s", message.msg_id, error)

    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def work(server, queue, handle):
    while True:
        server.wait(queue)
        message = server.row(
            "SELECT *, extract(epoch FROM lease_until - clock_timestamp())::float8 AS lease_s"
            " FROM cq.queue_receive(%s)", queue)
        if message is None:
            continue  # somebody else was faster
        try:
            with heartbeat(message):
                handle(message)
        except Exception as error:
            log.exception("message %s failed", message.msg_id)
            settled = server.row("SELECT cq.queue_nack(%s, %s, error => %s)", queue,
                                 message.receipt, f"{type(error).__name__}: {error}")
        else:
            settled = server.row("SELECT cq.queue_ack(%s, %s)", queue, message.receipt)
        if not settled[0]:
            log.warning("message %s: the lease was over, it is delivered again", message.msg_id)


def function(name):
    module, _, attribute = name.partition(":")
    sys.path.insert(0, os.getcwd())
    return getattr(importlib.import_module(module), attribute)


def main(work):
    logging.basicConfig(format="%(name)s: %(message)s")
    queue, name = sys.argv[1:]
    stop = Stop()
    try:
        work(Server(stop), queue, function(name))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main(work)
