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
 * A statement changes rows first, and its trigger marks later.
 *
 * Commands have ids.  A snapshot sees the own changes of commands before its
 * own.  Most steps are commands of their own, with a new snapshot; but one
 * snapshot may be kept, as that of a cursor, or of a statement whose functions
 * take the other steps, and be used again for gets, reads and sets.  It takes
 * CURSOR for that, and a lease is handed out without it.
 */
#define OWN_PROOF 55			/* the own mark proves what had ended before it */
#define LEASE_WITH_OWN 56		/* the lease takes the own id as ended */

#include "slot.pml"

#define NO_OWN_BYPASS 41		/* a get after an own change reads the cache */
#define NO_STATEMENT_BYPASS 42	/* ... while rows are changed and not marked */
#define NO_OWN_CHANGE 43		/* a set ignores changes since its miss */
#define NO_LATER_CHANGES 44		/* ... once accepted, those after it */
#define NO_SAVEPOINT_CHANGE 45	/* going back to a savepoint is no change */
#define NO_SAVEPOINT_SETS 46	/* ... and takes no set back */
#define LATEST_MISS 47			/* the last miss counts, not the first */
#define NO_PUSH_AT_LEASE 48		/* marks wait for commit in spite of a lease */
#define PUBLISH_AT_SET 49		/* a set is published at once */
#define NO_COMMAND_ID 50		/* a miss is as late as its step, not as its snapshot */
#define NO_COMMAND_OF_GET 51	/* a get of an own set is, too */
#define NO_COMMAND_OF_SET 52	/* a set's own snapshot does not count */
#define NO_BREAK 53				/* a statement that failed has changed nothing */
#define NO_BREAK_MARK 54		/* ... not even after a lease */

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
	byte curcid;
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
hidden byte curcid;				/* of the snapshot present */
hidden byte least;
hidden View older;

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
	:: d_step { printf("other writer marks\n"); push(other, false, ended) }
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

/* our changes that a snapshot of that command id sees */
#define own_row(id) \
	((has(own, 1) && made[1] < id -> bit(1) : 0) | \
	(has(own, 2) && made[2] < id -> bit(2) : 0))

inline push_own()
{
	if
	:: me != 0 && last_change != 0 && !pushed ->
		printf("we mark\n");
		push(me, false, ended | bit(me));
		pushed = true
	:: else
	fi
}

/* the snapshot of this step; in REPEATABLE READ it knows nothing of our id */
inline our_snapshot()
{
	if
	:: using_kept -> present.seen = kept.seen; present.xmin = kept.xmin;
		curcid = kept_curcid
	:: else ->
		if
		:: repeatable -> present.seen = fixed.seen; present.xmin = fixed.xmin
		:: else -> take_snapshot(present, me)
		fi;
		/* CommandCounterIncrement() */
		if
		:: cid_used -> cid++; cid_used = false
		:: else
		fi;
		curcid = cid
	fi
}

/* GetCurrentCommandId(true); a snapshot must be above it */
inline use_command(after)
{
	after = cid + 1;
	cid_used = true
}

/* cq_cache_lookup(): hit, and found */
inline lookup()
{
	our_snapshot();
	least = (keeps(NO_COMMAND_OF_GET) -> curcid : 99);
	if
	:: pending[1].there -> version = pending[1].version;
		found = pending[1].value; since = pending[1].curcid
	:: !pending[1].there && pending[0].there -> version = pending[0].version;
		found = pending[0].value; since = pending[0].curcid
	:: else -> version = entry_version; found = entry_value; since = 0
	fi;
	since = (since < least -> since : least);
	hit = (pending[0].there || pending[1].there || stored) &&
		!(in_statement && keeps(NO_STATEMENT_BYPASS)) &&
		!(last_change > since && keeps(NO_OWN_BYPASS)) &&
		!((pending[0].there || pending[1].there) && last_break > since);
	if
	:: hit -> visibility_get(version, present, me); hit = ok
	:: else
	fi
}

inline forget_value(so)
{
	if
	:: so -> have_value = false; value = 0; value_kept = false
	:: else
	fi
}

/* cq_misses_remember(): the oldest miss of the transaction, for good */
inline remember()
{
	curcid = (keeps(NO_COMMAND_ID) -> curcid : cid + 1);
	if
	:: !missed || !keeps(LATEST_MISS) ->
		forget_value(!missed);
		p_curcid = (missed -> p_curcid : curcid);
		p_kept = using_kept;
		p.seen = present.seen;
		p.xmin = present.xmin;
		missed = true
	:: else ->
		/* snapshots are nested, and so are these masks */
		if
		:: present.seen < p.seen -> p.seen = present.seen; p.xmin = present.xmin
		:: else
		fi;
		p_kept = p_kept || using_kept;
		p_curcid = (curcid < p_curcid -> curcid : p_curcid)
	fi
}

/* cq_cache_set(): checked now, and again at PRE_COMMIT */
inline set()
{
	our_snapshot();
	if
	:: keeps(NO_COMMAND_OF_SET) ->
		older.seen = (present.seen < p.seen -> present.seen : p.seen);
		older.xmin = (present.seen < p.seen -> present.xmin : p.xmin);
		least = (curcid < p_curcid -> curcid : p_curcid)
	:: else -> older.seen = p.seen; older.xmin = p.xmin; least = p_curcid
	fi;
	if
	:: in_statement || (last_change > least && keeps(NO_OWN_CHANGE)) ||
			last_break > least -> ok = false
	:: else -> visibility_set(older, me)
	fi;
	printf("we set %x: accepted = %d\n", value, ok);
	if
	:: ok && keeps(PUBLISH_AT_SET) ->
		pending[level].there = true;
		pending[level].undone = false;
		pending[level].nested = level;
		pending[level].value = value;
		pending[level].version = slot.version;
		pending[level].curcid = least;
		pending[level].miss.seen = older.seen;
		pending[level].miss.xmin = older.xmin
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
	pending[0].curcid = pending[1].curcid;
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
	pending[1].curcid = 0;
	pending[1].miss.seen = 0;
	pending[1].miss.xmin = 0
}

proctype transaction()
{
	View fixed;
	bool repeatable;

	byte changes;				/* statements so far, rolled back ones too */
	byte made[CHANGES + 1];		/* command ids of the changes */
	bool in_statement;
	byte cid;					/* the current command id */
	bool cid_used;
	byte last_change, last_break;	/* the lowest command id above them; 0: none */
	bool pushed;

	View kept;					/* the snapshot of a cursor */
	byte kept_curcid;
	bool is_kept, kept_nested, kept_closed, using_kept;

	bool missed;
	View p;
	byte p_curcid;
	bool p_kept;				/* it is not later than the kept snapshot */
	bool have_value;			/* read since the miss, in the same place */
	bool value_kept;			/* under the kept snapshot */
	byte value;

	byte level;
	bool savepoint_used, marked_since;
	byte own_at_savepoint;
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
				others_row(present) | own_row(curcid));
			I3_holds = !hit || found == (others_row(present) | own_row(curcid));
			assert(I3_holds);
			assert(!witness(OWN_HIT, hit && own != 0));
			if
			:: !hit -> remember()
			:: else
			fi;
			skip
		}
#ifndef CURSOR
	:: d_step {
			!leased && !in_statement ->
			our_snapshot();
			printf("we hand out a lease\n");
			lease.xmin = present.xmin;
			lease.seen = (keeps(LEASE_WITH_OWN) ->
				present.seen & ~bit(me) : present.seen);
			leased = true;
			forget_value(true);
			if
			:: keeps(NO_PUSH_AT_LEASE) -> push_own()
			:: else
			fi;
			skip
		}
#endif

	:: d_step {
			missed || leased ->
			our_snapshot();
			value = others_row(present) | own_row(curcid);
			have_value = true;
			value_kept = using_kept;
			printf("we read %x\n", value)
		}
#ifndef CURSOR
	:: d_step {
			leased && have_value && !in_statement && !told ->
			printf("we tell the lease's holder\n");
			told = true;
			told_value = value
		}
#endif
	/* no rule can tell that a value is older than its miss and its set */
	:: d_step {
			missed && have_value && (p_kept || using_kept || !value_kept) ->
			set();
			skip
		}
#ifdef CURSOR
	:: d_step {
			!is_kept ->
			printf("we open a cursor\n");
			our_snapshot();
			kept.seen = present.seen;
			kept.xmin = present.xmin;
			kept_curcid = curcid;
			kept_nested = level;
			is_kept = true
		}
	:: d_step {
			is_kept && !kept_closed -> using_kept = !using_kept;
			printf("under the cursor's snapshot: %d\n", using_kept)
		}
#endif

	/* a statement: its rows are changed ... */
	:: d_step {
			changes < CHANGES && !in_statement ->
			printf("we change the row\n");
			if
			:: me == 0 -> begun++; me = begun
			:: else
			fi;
			changes++;
			if
			:: cid_used -> cid++
			:: else
			fi;
			cid_used = true;
			made[changes] = cid;
			own = own | bit(changes);
			in_statement = true
		}
	/* ... and marked */
	:: d_step {
			in_statement ->
			use_command(last_change);
			marked_since = level;
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
			own_at_savepoint = own
		}
	:: d_step {
			level == 1 ->
			printf("we roll back to the savepoint, and release it\n");
			level = 0;
			own = own_at_savepoint;
			if
			:: kept_nested ->
				forget_value(value_kept);
				using_kept = false;
				kept_closed = true
			:: else
			fi;
			if
			:: in_statement && keeps(NO_BREAK) -> use_command(last_break)
			:: else
			fi;
			if
			:: in_statement && leased && keeps(NO_BREAK_MARK) -> push(me, false, 0)
			:: else
			fi;
			in_statement = false;
			if
			:: marked_since && keeps(NO_SAVEPOINT_CHANGE) -> use_command(last_change)
			:: else
			fi;
			marked_since = false;
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
			marked_since = false;
			kept_nested = false;
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
			if
			:: in_statement && leased && keeps(NO_BREAK_MARK) -> push(me, false, 0)
			:: else
			fi;
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
			:: last_change > pending[0].curcid && keeps(NO_LATER_CHANGES) &&
				keeps(NO_OWN_CHANGE) -> ok = false
			:: last_break > pending[0].curcid -> ok = false
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
		visibility_get(entry_version, r, 0);
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
