/*
 * protocol.pml
 *	  Mark, set and get between sessions.
 *
 * WRITERS transactions change what one entry depends on, and end in any order.
 * A filler misses, reads the value in that statement or a later one, and sets
 * it whenever it likes: in its own transaction, or elsewhere with a lease.  A
 * reader gets under a snapshot as old as it likes.  With TRUNCATE a writer may
 * also empty the table, which old snapshots notice.  With CRASH the server may
 * crash once: shared memory is gone, prepared transactions survive unmarked,
 * and ids that no WAL knows of are given out again.
 *
 * A value is the set of the writers that it reflects.  Every writer changes
 * it, so two snapshots agree on the value only if they see the same committed
 * writers.
 *
 * One filler and one reader are enough: neither fills nor gets change the
 * slot, and an entry is checked by its own stamp alone.  One slot is enough:
 * an entry's slots are checked one by one, under the same view.  PREPARE is a
 * writer that stays MARKED for as long as it likes.
 *
 * FEWER leaves out aborts and leases, for histories that need four writers; with
 * TWICE a writer may mark twice.  With CRASH it takes its snapshot when it marks.
 */
#include "slot.pml"

#define MARK_AT_COMMIT 21			/* the mark follows the commit */
#define LATEST_SNAPSHOT_AT_SET 22	/* check under the set's snapshot, not the miss's */
#define LEASE_IS_XMAX 23			/* the lease forgets which transactions were running */
#define NO_F0 24					/* old transactions count after a crash */
#define NO_LEASE_SALT 25			/* leases from before a crash are honoured */

#define HIT_BY_OLD_SNAPSHOT 31		/* which does not see all that have ended */
#define HIT_BELOW_MARK 32			/* of an entry older than the slot's last mark */
#define HIT_OF_LATE_SET 33			/* a writer ended between miss and set */
#define HIT_OF_LEASE 34				/* the set came with a lease */
#define HIT_AFTER_OVERFLOW 35		/* a mark has left the ring */
#define HIT_AFTER_TRUNCATE 36		/* rows have vanished for old snapshots */
#define HIT_AFTER_CRASH 37			/* and after marks since then */
#define HIT_WITH_OLD_WRITER 38	/* the same while a transaction older than all marks runs */

mtype = { UNBORN, RUNNING, CHANGED, READY, MARKED, VISIBLE, RETURNED, ABORTED, GONE };

mtype state[WRITERS + 1] = UNBORN;
byte committed;
byte returned;					/* their COMMIT has come back to the client */
byte truncated;					/* their rows are gone for every snapshot */
#ifdef TWICE
byte twice;						/* who has marked and will again */
#endif
byte lock_shared;				/* transactions that change the table */
byte lock_exclusive;			/* the one that truncates it; 0: none */

mtype = { NOTHING, LEASE, UNDER_WAY };
mtype filler_has = NOTHING;
bool reader_has_snapshot;
byte f0 = 1;					/* the next id when the server started */
byte starts;					/* crashes so far; the salt of leases */

bool stored;
byte entry_value, entry_version;
bool entry_late, entry_leased;	/* which invariant, which witness */

hidden byte I1_holds, I4_holds, I5_holds;

#define row(view) (committed & view.seen & ~truncated)

inline end_transaction(x)
{
	ended = ended | bit(x);
	lock_shared = lock_shared & ~bit(x);
	lock_exclusive = (lock_exclusive == x -> 0 : lock_exclusive)
}

proctype writer(byte x)
{
	byte had_ended;				/* its snapshot for the mark; 0: none yet */

	do
	/* ids are given out in order; the writers are all alike */
	:: d_step {
			state[x] == UNBORN && begun == x - 1 ->
			printf("writer %d takes its id\n", x);
			begun = x;
			had_ended = 0;
			state[x] = RUNNING
		}
	:: d_step {
			state[x] == RUNNING && lock_exclusive == 0 ->
			printf("writer %d changes the row\n", x);
			lock_shared = lock_shared | bit(x);
			state[x] = CHANGED
		}
#ifdef TRUNCATE
	:: d_step {
			state[x] == RUNNING && lock_exclusive == 0 && lock_shared == 0 ->
			printf("writer %d truncates the table, then adds a row\n", x);
			lock_exclusive = x;
			state[x] = CHANGED
		}
#endif
	/* PRE_COMMIT or PRE_PREPARE: a snapshot, then the mark */
#ifndef CRASH
	:: d_step {
			state[x] == CHANGED ->
			printf("writer %d takes a snapshot\n", x);
			had_ended = ended | bit(x);
			state[x] = READY
		}
	:: d_step {
			state[x] == READY ->
#else
	:: d_step {
			state[x] == CHANGED ->
			had_ended = ended | bit(x);
#endif
			if
			:: keeps(MARK_AT_COMMIT) ->
				printf("writer %d marks\n", x);
				push(x, lock_exclusive == x, had_ended)
			:: else
			fi;
			had_ended = 0;
			state[x] = MARKED
		}
#ifdef TWICE
	/* a mark that is pushed early, or one that becomes a barrier */
	:: d_step {
			state[x] == MARKED && !has(twice, x) ->
			printf("writer %d will mark again\n", x);
			twice = twice | bit(x);
			state[x] = CHANGED
		}
#endif
	/* the commit itself is one instant, in which a truncated table is empty */
	:: d_step {
			state[x] == MARKED ->
			printf("writer %d commits\n", x);
			truncated = (lock_exclusive == x -> committed : truncated);
			committed = committed | bit(x);
			end_transaction(x);
			state[x] = VISIBLE
		}
	/* the commit callback; then the client hears of it */
	:: d_step {
			state[x] == VISIBLE ->
			if
			:: keeps(MARK_AT_COMMIT)
			:: else ->
				printf("writer %d marks\n", x);
				push(x, false, 0)
			fi;
			printf("writer %d returns from COMMIT\n", x);
			returned = returned | bit(x);
			state[x] = RETURNED
		}
#ifndef FEWER
	:: d_step {
			state[x] == RUNNING || state[x] == CHANGED || state[x] == READY ||
			state[x] == MARKED ->
			printf("writer %d aborts\n", x);
			end_transaction(x);
			had_ended = 0;
			state[x] = ABORTED
		}
#ifndef CRASH
	/* the abort callback */
	:: d_step {
			state[x] == ABORTED ->
			printf("writer %d marks after its end\n", x);
			push(x, false, (keeps(LATE_PROOF) -> 0 : ended));
			state[x] = GONE
		}
#endif
#endif
	od
}

proctype filler()
{
	View p;						/* of the miss */
	bool leased;
	bool refused;
	byte ended_then;			/* at the miss */
	byte lease_start;			/* server start of the lease */
	byte value;

	d_step {
		printf("filler misses\n");
		take_snapshot(p, 0);
		ended_then = ended;
		refused = p.xmin < f0 && keeps(NO_F0);
		filler_has = UNDER_WAY
	}
	if
	:: skip
#ifndef FEWER
	:: d_step {
			printf("filler is given a lease\n");
			leased = true;
			lease_start = starts;
			p.xmin = (keeps(LEASE_IS_XMAX) -> p.xmin : begun + 1);
			p.seen = lease_of(p);
			filler_has = LEASE
		}
#endif
	fi;

	/* read in the statement that missed (REPEATABLE READ: or later) */
	if
	:: d_step {
			!leased && lock_exclusive == 0 ->
			value = row(p);
			printf("filler reads %x under the miss's snapshot\n", value)
		}
	/* read in a later statement */
	:: d_step {
			lock_exclusive == 0 ->
			take_snapshot(present, 0);
			value = row(present);
			printf("filler reads %x under a later snapshot\n", value)
		}
	fi;

	/* PRE_COMMIT of the set's transaction checks ... */
	d_step {
		filler_has = UNDER_WAY;
		refused = refused ||
			(leased && lease_start != starts && keeps(NO_LEASE_SALT));
		take_snapshot(present, 0);
		entry_late = ended != ended_then;
		if
		:: keeps(LATEST_SNAPSHOT_AT_SET) -> visibility_set(p, 0)
		:: else -> visibility_set(present, 0)
		fi;
		refused = refused || !ok;
		entry_leased = leased;
		entry_value = value;
		entry_version = slot.version;
		printf("filler sets %x: stored = %d, version %d\n", value, !refused,
			entry_version)
	}
	/* ... and COMMIT publishes */
	!refused -> stored = true
}

proctype reader()
{
	View r;
	byte returned_before;

	d_step {
		printf("reader takes a snapshot\n");
		take_snapshot(r, 0);
		returned_before = returned;
		reader_has_snapshot = true
	}
	d_step {
		stored && (r.xmin >= f0 || !keeps(NO_F0)) ->
		visibility_get(entry_version, r, 0);
		hit = ok;
		printf("reader gets %x: hit = %d, the row is %x\n", entry_value, hit,
			row(r));

		/* whose COMMIT had returned before the snapshot, is in the value */
		I5_holds = !hit || (returned_before & ~truncated & ~entry_value) == 0;
		assert(I5_holds);
#ifndef I5_ALONE
		/* a hit is what the query would return */
		I1_holds = !hit || entry_late || entry_value == row(r);
		assert(I1_holds);
		/* the same when a writer had ended between the miss and the set */
		I4_holds = !hit || !entry_late || entry_value == row(r);
		assert(I4_holds);
#endif

		if
		:: hit ->
			assert(!witness(HIT_BY_OLD_SNAPSHOT, r.seen != ended));
			assert(!witness(HIT_BELOW_MARK, slot.version > entry_version));
			assert(!witness(HIT_OF_LATE_SET, entry_late));
			assert(!witness(HIT_OF_LEASE, entry_leased));
			assert(!witness(HIT_AFTER_OVERFLOW, slot.version > RING));
			assert(!witness(HIT_WITH_OLD_WRITER, 
				slot.version > RING && !has(r.seen, 1) && state[1] == RUNNING));
			assert(!witness(HIT_AFTER_TRUNCATE, truncated));
			assert(!witness(HIT_AFTER_CRASH, starts > 0 && slot.version > 0))
		:: else
		fi
	}
}

#ifdef CRASH
/*
 * Sessions die with the server, and what they have set goes too; so only a
 * crash matters that finds a filler with a lease, or none, and no reader yet.
 * Ids above "known" have left no trace in the WAL.  Other transactions may
 * have committed in vain (synchronous_commit = off), prepared ones have not.
 */
proctype crash()
{
	byte known, x;

	select(known : 0 .. WRITERS);
	atomic {
		filler_has != UNDER_WAY && !reader_has_snapshot && known <= begun;
		printf("the server crashes\n");
		x = begun;
		do
		:: x == 0 -> break
		:: x > known && state[x] != MARKED ->
			printf("writer %d never was\n", x);
			state[x] = UNBORN;
			ended = ended & ~bit(x);
			committed = committed & ~bit(x);
			returned = returned & ~bit(x);
			lock_shared = lock_shared & ~bit(x);
			begun--;
			x--
		:: else ->
			known = (x > known -> x : known);
			if
			:: state[x] == MARKED ->
				printf("writer %d was prepared\n", x)
			:: state[x] == VISIBLE || state[x] == RETURNED ||
				state[x] == ABORTED || state[x] == GONE
			:: else ->
				printf("writer %d is rolled back\n", x);
				committed = committed & ~bit(x);
				returned = returned & ~bit(x);
				end_transaction(x);
				state[x] = GONE
			fi;
			x--
		od;
		d_step {
			slot.version = 0;
			slot.spans = 0;
			n = 0;
			do
			:: n < RING -> slot.ring[n] = 0; slot.upto[n] = 0; n++
			:: else -> break
			od;
			f0 = begun + 1;
			starts++
		}
	}
}
#endif

init
{
	byte x = 1;

	atomic {
		do
		:: x <= WRITERS -> run writer(x); x++
		:: else -> break
		od;
		run filler();
		run reader();
#ifdef CRASH
		run crash()
#endif
	}
}
