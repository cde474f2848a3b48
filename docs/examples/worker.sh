#!/bin/bash
# A worker: hands the messages of a queue to a command, one at a time.
#
# Usage: worker.sh QUEUE COMMAND [ARGUMENT...]
#
# The command gets the body on its standard input, and QUEUE, MSG_ID and ATTEMPT
# in its environment.  When it fails, the message is delivered again later, up to
# the queue's max_attempts, and what it wrote to standard error is the reason.
# Connects as psql does (PGHOST, PGSERVICE, ...).  SIGTERM and SIGINT end the
# worker once the message in hand is done.
# shellcheck disable=SC2317
set -u

queue=$1
shift
export PGCLIENTENCODING=UTF8
stop=
trap 'stop=yes' TERM INT
exec 3>&1

# runs the SQL on standard input; exit code 2: no connection
psql=(psql -XAtqw -F $'\t' -v ON_ERROR_STOP=1 -v queue="$queue")

say()
{
	echo "worker: $*" >&2
}

# Sleep, but not through a signal: traps run while the shell waits, not while a
# program in the foreground does.
nap()
{
	sleep "$1" > /dev/null 2>&1 &
	wait $!
	kill $! 2> /dev/null
}

# Run a function until it has found the server, with longer and longer pauses.
persist()
{
	local pause=1 status

	while :; do
		"$@"
		status=$?
		if [ "$status" != 2 ] || [ -n "$stop" ]; then
			return "$status"
		fi
		say "no connection, trying again in $pause s"
		nap "$pause.$((RANDOM % 10))"
		pause=$((pause < 16 ? 2 * pause : 30))
	done
}

await()
{
	local pid status

	"${psql[@]}" <<< "CALL cq.queue_wait(:'queue', '10 s')" > /dev/null &
	pid=$!
	wait "$pid"
	status=$?
	while [ -n "$stop" ] && kill -INT "$pid" 2> /dev/null; do
		sleep 0.1
	done
	return "$status"
}

receive()
{
	message=$("${psql[@]}" <<- 'SQL'
		SELECT msg_id, attempt, receipt,
			round(extract(epoch FROM lease_until - clock_timestamp()) / 3, 3), body
		FROM cq.queue_receive(:'queue')
	SQL
	)
}

settle()
{
	settled=$("${psql[@]}" -v receipt="$receipt" -v error="$error" <<< "$settle_sql")
}

# What is no want of a connection ends the worker: its supervisor has to know.
fail()
{
	[ -z "$stop" ] || exit 0
	exit "$1"
}

while [ -z "$stop" ]; do
	persist await || fail $?
	[ -z "$stop" ] || break
	persist receive || fail $?
	[ -n "$message" ] || continue
	IFS=$'\t' read -r msg_id attempt receipt third body <<< "$message"

	# while the command works, another session extends the lease
	"${psql[@]}" -v receipt="$receipt" > /dev/null \
		<<< "SELECT cq.queue_extend(:'queue', :'receipt') \\watch $third" &
	heart=$!
	error=$(QUEUE=$queue MSG_ID=$msg_id ATTEMPT=$attempt \
		"$@" <<< "$body" 2>&1 >&3 3>&-)
	status=$?
	kill "$heart" 2> /dev/null
	wait "$heart" 2> /dev/null

	[ -z "$error" ] || printf '%s\n' "$error" >&2
	error=$(iconv -c -f UTF-8 -t UTF-8 <<< "${error:0:1000}")
	if [ "$status" = 0 ]; then
		settle_sql="SELECT cq.queue_ack(:'queue', :'receipt') = 1"
	else
		say "message $msg_id failed with exit code $status"
		error=${error:-exit code $status}
		settle_sql="SELECT cq.queue_nack(:'queue', :'receipt', error => :'error')"
	fi
	persist settle || fail $?
	[ "$settled" = t ] || say "message $msg_id: the lease was over, it is delivered again"
done
exit 0
