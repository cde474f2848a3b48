/*
 * own.pml
 *	  A transaction that reads, changes and sets the same entry.
 *
 * The transaction may get, read the row, change it, set, start a savepoint and
 * go back to it, in any order, and then commits or aborts; in READ COMMITTED
 * or under one snapshot.  Besides, there are one other writer; the holder of a
 * lease that it has handed out, which sets elsewhere a value that this
 * transaction has read; and a reader.
 *
 * A value is a set again: bit 0 for the other writer's change, one bit for
 * each of CHANGES changes of our own.
 *
 * A statement changes rows first, and its trigger marks later.  What is read
 * inside a statement that fails does not leave the statement.
 */
#include "slot.pml"

#define NO_OWN_BYPASS 11		/* a get after an own change reads the cache */
#define NO_STATEMENT_BYPASS 12	/* ... while rows are changed and not marked */
#define NO_OWN_CHANGE_COUNTER 13	/* a set ignores changes since its miss */
#define NO_LATER_CHANGES 14		/* ... nor, once accepted, those after it */
#define NO_SAVEPOINT_CHANGE 15	/* going back to a savepoint is no change */
#define NO_SAVEPOINT_SETS 16	/* ... and takes no set back */
#define LATEST_MISS 17			/* the last miss counts, not the first */
#define NO_PUSH_AT_LEASE 18		/* marks wait for commit in spite of a lease */
#define PUBLISH_AT_SET 19		/* a set is published at once */

#define OWN_HIT 31				/* of an own set after an own change */
#define HIT_OF_WRITE_THROUGH 32	/* elsewhere, of a value with own changes */
#define HIT_OF_SAVEPOINT_SET 33	/* elsewhere, of what was set after the savepoint */
#define HIT_OF_HANDED_LEASE 34	/* of what the holder of the lease set */

/* a pending set; level 0, or 1 when it was made after the savepoint */
typedef Pending
{
	bool there;
	bool undone;				/* its savepoint was rolled back */
	bool nested;				/* for a witness */
	byte value;
	byte version;
	byte change;
	View miss
};

/* the other writer */
byte other;						/* its id */
byte other_committed;

/* our transaction, as far as others have to do with it */
byte me;						/* its id, 0: none yet */
byte own;						/* its changes that were not rolled back */
bool me_committed;

/* the lease that it handed out, and the value that went with it */
View lease;
bool leased, told;
byte told_value;

/* the cache */
bool stored;
byte entry_value, entry_version;
mtype = { US, LEASE_HOLDER };
mtype entry_by;
bool entry_nested;

hidden byte I1_holds, I2_holds, I3_holds;
hidden byte version, found, since;

#define others_row(view) (other_committed && has(view.seen, other))
#define row(view) \
	(others_row(view) | (me_committed && has(view.seen, me) -> own : 0))

inline publish(what, stamp, who, is_nested)
{
	entry_value = what;
	entry_version = stamp;
	entry_by = who;
	entry_nested = is_nested;
	stored = true
}

proctype other_writer()
{
	d_step { begun++; other = begun; printf("other writer takes its id\n") }
	if
	:: d_step { printf("other writer marks\n"); push(other, false) }
		if
		:: d_step {
				printf("other writer commits\n");
				other_committed = true;
				ended = ended | bit(other)
			}
		:: d_step { printf("other writer aborts\n"); ended = ended | bit(other) }
		fi
	:: d_step { printf("other writer aborts\n"); ended = ended | bit(other) }
	fi
}

inline push_own()
{
	if
	:: me != 0 && last_change != 0 && !pushed ->
		printf("we mark\n");
		push(me, false);
		pushed = true
	:: else
	fi
}

/* our present snapshot; in REPEATABLE READ it knows nothing of our id */
inline our_snapshot()
{
	if
	:: repeatable -> present.seen = fixed.seen; present.xmin = fixed.xmin
	:: else -> take_snapshot(present, me)
	fi
}

/* cq_cache_lookup(): hit, and found */
inline lookup()
{
	our_snapshot();
	if
	:: pending[1].there -> version = pending[1].version;
		found = pending[1].value; since = pending[1].change
	:: !pending[1].there && pending[0].there -> version = pending[0].version;
		found = pending[0].value; since = pending[0].change
	:: else -> version = entry_version; found = entry_value; since = 0
	fi;
	hit = (pending[0].there || pending[1].there || stored) &&
		!(in_statement && keeps(NO_STATEMENT_BYPASS)) &&
		!(last_change > since && keeps(NO_OWN_BYPASS));
	if
	:: hit -> visibility_get(version, present); hit = ok
	:: else
	fi
}

/* cq_misses_remember(): the first miss of the transaction, for good */
inline remember()
{
	if
	:: !missed || !keeps(LATEST_MISS) ->
		have_value = have_value && missed;
		missed_change = (missed -> missed_change : change);
		p.seen = present.seen;
		p.xmin = present.xmin;
		missed = true
	:: else
	fi
}

/* cq_cache_set(): checked now, and again at PRE_COMMIT */
inline set()
{
	if
	:: in_statement || (last_change > missed_change &&
			keeps(NO_OWN_CHANGE_COUNTER)) -> ok = false
	:: else -> visibility_set(p, me)
	fi;
	printf("we set %x: accepted = %d\n", value, ok);
	if
	:: ok && keeps(PUBLISH_AT_SET) ->
		pending[level].there = true;
		pending[level].undone = false;
		pending[level].nested = level;
		pending[level].value = value;
		pending[level].version = slot.version;
		pending[level].change = missed_change;
		pending[level].miss.seen = p.seen;
		pending[level].miss.xmin = p.xmin
	:: ok && !keeps(PUBLISH_AT_SET) -> publish(value, slot.version, US, level)
	:: else
	fi
}

/* A set made after the savepoint is now one of the transaction's. */
inline move_pending_up()
{
	pending[0].there = true;
	pending[0].undone = pending[1].undone;
	pending[0].nested = pending[1].nested;
	pending[0].value = pending[1].value;
	pending[0].version = pending[1].version;
	pending[0].change = pending[1].change;
	pending[0].miss.seen = pending[1].miss.seen;
	pending[0].miss.xmin = pending[1].miss.xmin;
	forget_pending()
}

inline forget_pending()
{
	pending[1].there = false;
	pending[1].undone = false;
	pending[1].nested = false;
	pending[1].value = 0;
	pending[1].version = 0;
	pending[1].change = 0;
	pending[1].miss.seen = 0;
	pending[1].miss.xmin = 0
}

proctype transaction()
{
	View fixed;
	bool repeatable;

	byte changes;				/* statements so far, rolled back ones too */
	bool in_statement;
	byte change, last_change;	/* the own-change counter */
	bool pushed;

	bool missed;
	View p;
	byte missed_change;
	bool have_value;			/* read since the miss, in the same place */
	byte value;

	byte level;
	bool savepoint_used;
	byte own_at_savepoint, change_at_savepoint;
	Pending pending[2];

	if
	:: skip
	:: d_step { take_snapshot(fixed, 0); repeatable = true }
	fi;

	do
	/* a get: a hit is what we would read, a miss is remembered */
	:: d_step {
			lookup();
			printf("we get %x: hit = %d, the row is %x\n", found, hit,
				others_row(present) | own);
			I3_holds = !hit || found == (others_row(present) | own);
			assert(I3_holds);
			assert(!witness(OWN_HIT, hit && own != 0));
			if
			:: !hit -> remember()
			:: else
			fi;
			skip
		}
	:: d_step {
			!leased && !in_statement ->
			our_snapshot();
			printf("we hand out a lease\n");
			lease.xmin = present.xmin;
			lease.seen = lease_of(present);
			leased = true;
			have_value = false;
			if
			:: keeps(NO_PUSH_AT_LEASE) -> push_own()
			:: else
			fi;
			skip
		}

	:: d_step {
			missed || leased ->
			our_snapshot();
			value = others_row(present) | own;
			have_value = true;
			printf("we read %x\n", value)
		}
	:: d_step {
			leased && have_value && !in_statement && !told ->
			printf("we tell the lease's holder\n");
			told = true;
			told_value = value
		}
	:: d_step { missed && have_value -> set(); skip }

	/* a statement: its rows are changed ... */
	:: d_step {
			changes < CHANGES && !in_statement ->
			printf("we change the row\n");
			if
			:: me == 0 -> begun++; me = begun
			:: else
			fi;
			changes++;
			own = own | bit(changes);
			in_statement = true
		}
	/* ... and marked */
	:: d_step {
			in_statement ->
			change++;
			last_change = change;
			in_statement = false;
			if
			:: leased && keeps(NO_PUSH_AT_LEASE) -> push_own()
			:: else
			fi;
			skip
		}

	:: d_step {
			!savepoint_used && !in_statement ->
			printf("we start a savepoint\n");
			savepoint_used = true;
			level = 1;
			own_at_savepoint = own;
			change_at_savepoint = change
		}
	:: d_step {
			level == 1 ->
			printf("we roll back to the savepoint, and release it\n");
			level = 0;
			own = own_at_savepoint;
			have_value = have_value && !in_statement;
			value = (have_value -> value : 0);
			in_statement = false;
			if
			:: change > change_at_savepoint && keeps(NO_SAVEPOINT_CHANGE) ->
				change++;
				last_change = change
			:: else
			fi;
			if
			:: pending[1].there && keeps(NO_SAVEPOINT_SETS) -> forget_pending()
			:: pending[1].there && !keeps(NO_SAVEPOINT_SETS) ->
				pending[1].undone = true;
				move_pending_up()
			:: else
			fi;
			skip
		}
	:: d_step {
			level == 1 && !in_statement ->
			printf("we release the savepoint\n");
			level = 0;
			if
			:: pending[1].there -> move_pending_up()
			:: else
			fi;
			skip
		}
	:: d_step {
			me != 0 ->
			printf("we abort\n");
			own = 0;
			ended = ended | bit(me)
		} -> goto end
	:: level == 0 && !in_statement -> break
	od;
	skip;						/* no jump may end in a d_step */

	/* PRE_COMMIT: the marks, then the sets */
	d_step { push_own() }
	d_step {
		if
		:: pending[0].there ->
			visibility_set(pending[0].miss, me);
			if
			:: last_change > pending[0].change && keeps(NO_LATER_CHANGES) &&
				keeps(NO_OWN_CHANGE_COUNTER) -> ok = false
			:: else
			fi;
			pending[0].version = slot.version;
			pending[0].there = ok
		:: else
		fi
	}
	d_step {
		printf("we commit\n");
		me_committed = true;
		ended = ended | bit(me)
	}
	d_step {
		pending[0].there ->
		printf("we publish %x\n", pending[0].value);
		publish(pending[0].value, pending[0].version, US, pending[0].nested);
		/* what was rolled back reaches no other session */
		I2_holds = !pending[0].undone;
		assert(I2_holds)
	}
end:
	skip
}

proctype lease_holder()
{
	d_step {
		told ->
		visibility_set(lease, 0);
		printf("the lease's holder sets %x: stored = %d\n", told_value, ok);
		if
		:: ok -> publish(told_value, slot.version, LEASE_HOLDER, false)
		:: else
		fi
	}
}

proctype reader()
{
	View r;

	d_step { printf("reader takes a snapshot\n"); take_snapshot(r, 0) }
	d_step {
		stored ->
		visibility_get(entry_version, r);
		printf("reader gets %x: hit = %d, the row is %x\n", entry_value, ok,
			row(r));
		/* no hit was set by a transaction that has not committed */
		I2_holds = !ok || entry_by != US || me_committed;
		assert(I2_holds);
		/* a hit is what the query would return */
		I1_holds = !ok || entry_value == row(r);
		assert(I1_holds);

		assert(!witness(HIT_OF_WRITE_THROUGH, ok && entry_by == US && entry_value > 1));
		assert(!witness(HIT_OF_SAVEPOINT_SET, ok && entry_nested));
		assert(!witness(HIT_OF_HANDED_LEASE, ok && entry_by == LEASE_HOLDER))
	}
}

init
{
	atomic {
		run other_writer();
		run transaction();
		run lease_holder();
		run reader()
	}
}
