/*
 * slot.pml
 *	  One dependency slot and its two rules: slots.h, visibility.c and view.h of
 *	  src/cache, line for line.
 *
 * Transaction ids are small: 1, 2, ...; a set of them is a bit mask.  Id 0 is
 * that of an empty place in the ring and has always ended.
 *
 * BROKEN names the one rule that is left out, or the one witness that is
 * looked for: a good thing which must be seen to happen, since a cache that
 * never hits is never wrong either.
 */
#ifndef BROKEN
#define BROKEN 0
#endif
#define keeps(rule) (BROKEN != rule)
#define witness(name, happened) (BROKEN == name && (happened))

/* The rules on the slot that can be left out. */
#define NO_SET_RULE 1			/* a set is stored without a check */
#define NO_SET_RING 2			/* ... checked against the floor alone */
#define NO_SET_FLOOR 3			/* ... checked against the ring alone */
#define NO_AFTER 4				/* get: writers above v are not checked */
#define NO_UPTO 5				/* get: writers up to v are not checked */
#define NEWEST_ONLY 6			/* get: of the ring, only the newest writer is */
#define NO_FLOOR 7				/* get: the floor is not checked */
#define NO_RING_LIMIT 8			/* get: lost marks above v are not missed */
#define FLOOR_IS_LATEST 9		/* the floor is the last id pushed out */
#define NO_BARRIER 10			/* get: the barrier is not checked */

#define bit(x) (1 << (x))
#define has(mask, x) (((mask) >> (x)) & 1)

typedef View
{
	byte seen;					/* the ids that had ended, one's own, and 0 */
	byte xmin					/* the lowest id that had not ended */
};

typedef Slot
{
	byte version;
	byte barrier;
	byte floor;
	byte ring[RING]				/* writer of mark n at [n % RING] */
};

byte begun;						/* the ids given out so far: 1 .. begun */
byte ended = bit(0);			/* as every new snapshot sees it */
Slot slot;

/* results, and what is used on the way; only inside of d_step */
hidden byte ok;
hidden byte n;
hidden byte w;
hidden byte hit;
hidden View present;

/* A snapshot: own is the id of the transaction that takes it, 0 for none. */
inline take_snapshot(view, own)
{
	view.seen = ended | bit(own);
	view.xmin = 1;
	do
	:: has(ended, view.xmin) -> view.xmin++
	:: else -> break
	od
}

/* A lease is the snapshot's xmin: what is below has ended, nothing else. */
#define lease_of(view) (bit(view.xmin) - 1)

inline push(writer, is_barrier)
{
	slot.version++;
	w = slot.ring[slot.version % RING];
	if
	:: w > slot.floor || (w > 0 && !keeps(FLOOR_IS_LATEST)) -> slot.floor = w
	:: else
	fi;
	slot.ring[slot.version % RING] = writer;
	if
	:: is_barrier -> slot.barrier = slot.version
	:: else
	fi
}

/* ok = may a value read under view p be recorded under slot.version? */
inline visibility_set(p, own)
{
	ok = slot.floor < p.xmin || !keeps(NO_SET_FLOOR);
	n = 0;
	do
	:: n < RING ->
		w = slot.ring[n];
		ok = ok && (w == own || has(p.seen, w) || !keeps(NO_SET_RING));
		n++
	:: else -> break
	od;
	ok = ok || !keeps(NO_SET_RULE)
}

/* ok = may view r be served what was recorded under version v? */
inline visibility_get(v, r)
{
	ok = (v >= slot.barrier || !keeps(NO_BARRIER)) &&
		(slot.version - v <= RING || !keeps(NO_RING_LIMIT)) &&
		(slot.floor < r.xmin || !keeps(NO_FLOOR));
	n = slot.version;
	do
	:: n > 0 && slot.version - n < RING ->
		w = slot.ring[n % RING];
		if
		:: n > v && keeps(NO_AFTER) -> ok = ok && !has(r.seen, w)
		:: n <= v && keeps(NO_UPTO) -> ok = ok && has(r.seen, w)
		:: else
		fi;
		n = (keeps(NEWEST_ONLY) -> n - 1 : 0)
	:: else -> break
	od
}
