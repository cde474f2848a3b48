#!/usr/bin/env node
// A worker: hands the messages of a queue to a function, up to ten at a time.
//
// Usage: worker.mjs QUEUE MODULE
//
// The module's default export gets the message, an object with the columns of
// cq.message.  When it throws, or the promise that it returns is rejected, the
// message is delivered again later, up to the queue's max_attempts.  Connects as
// the package pg does (PGHOST, PGUSER, ...).  SIGTERM and SIGINT end the worker
// once the messages in hand are done.

import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import pg from 'pg'

const BATCH = 10
const WAIT = '10 s'
const PAUSE_MIN = 500
const PAUSE_MAX = 30_000

const [queue, file] = process.argv.slice(2)
const { default: handle } = await import(pathToFileURL(resolve(file)))

// one connection for the work, one to call it off
const pool = new pg.Pool({ max: 2, idleTimeoutMillis: 0, connectionTimeoutMillis: 10_000 })
pool.on('error', () => {}) // of an idle connection: the next query gets a new one
pool.on('connect', (client) => client.on('error', () => {})) // its query fails as well

const stop = new AbortController()
let waiting
for (const name of ['SIGTERM', 'SIGINT']) {
  process.on(name, () => {
    stop.abort()
    if (waiting) pool.query('SELECT pg_cancel_backend($1)', [waiting.processID]).catch(() => {})
  })
}

// Not an error of the statement: the server is not there, or going, or coming.
function connectionFailed(error) {
  return !(error instanceof pg.DatabaseError) || /^(08|57P|53300)/.test(error.code)
}

// Do what needs the server, again if the connection did not last.
async function persist(ask) {
  for (let pause = PAUSE_MIN; ; pause = Math.min(2 * pause, PAUSE_MAX)) {
    try {
      return await ask()
    } catch (error) {
      if (!connectionFailed(error) || stop.signal.aborted) throw error
      console.error(`worker: no connection, trying again: ${error.message}`)
    }
    await sleep(pause * (0.5 + Math.random() / 2), null, { signal: stop.signal }).catch(() => {})
  }
}

async function rows(sql, ...values) {
  return (await persist(() => pool.query(sql, values))).rows
}

// Wait for a message, for a while, or for the end.
async function wait() {
  let client
  try {
    client = await pool.connect()
    waiting = client
    if (!stop.signal.aborted) await client.query('CALL cq.queue_wait($1, $2)', [queue, WAIT])
    client.release()
  } catch (error) {
    client?.release(error)
    if (!stop.signal.aborted) throw error
  } finally {
    waiting = undefined
  }
}

// Returns the receipt of a message that is done, nothing if it has failed.
async function work(message) {
  try {
    await handle(message)
    return message.receipt
  } catch (error) {
    console.error(`worker: message ${message.msg_id} failed:`, error)
    await rows('SELECT cq.queue_nack($1, $2, error => $3)', queue, message.receipt, String(error))
  }
}

async function workOn(messages) {
  const receipts = messages.map((message) => message.receipt)
  const heartbeat = setInterval(() => {
    pool
      .query('SELECT cq.queue_extend($1, receipt) FROM unnest($2::text[]) AS receipt', [queue, receipts])
      .catch((error) => console.error(`worker: leases not extended: ${error.message}`))
  }, messages[0].lease_ms / 3)
  try {
    const done = (await Promise.all(messages.map(work))).filter(Boolean)
    const [{ settled }] = await rows('SELECT cq.queue_ack($1, VARIADIC $2) AS settled', queue, done)
    if (settled < done.length) console.error('worker: leases were over, messages are delivered again')
  } finally {
    clearInterval(heartbeat)
  }
}

while (!stop.signal.aborted) {
  await persist(wait)
  if (stop.signal.aborted) break
  const messages = await rows(
    `SELECT *, 1000 * extract(epoch FROM lease_until - clock_timestamp())::float8 AS lease_ms
     FROM cq.queue_receive($1, $2)`, queue, BATCH)
  if (messages.length > 0) await workOn(messages)
}
await pool.end()
