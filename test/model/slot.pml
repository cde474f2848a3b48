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
#define NO_SET_RING 2			/* ... checked without the writers in the ring */
#define NO_AFTER 3				/* get: writers above v are not checked */
#define NO_UPTO 4				/* get: writers up to v are not checked */
#define NEWEST_ONLY 5			/* get: of the ring, only the newest writer is */
#define NO_BARRIER 6			/* get: the barrier is not checked */
#define NO_SPANS 7				/* who leaves the ring running is forgotten */
#define NO_SPAN_CHECK 8			/* ... or is not looked at */
#define NO_PROOF 9				/* nothing proves that the others have ended */
#define ANY_PROOF 10			/* a mark proves more than it knows */
#define PROOF_ABOVE 11			/* get: marks above v prove, too */
#define PROOF_KEPT 12			/* when a span is cleared older marks still prove */
#define LATE_PROOF 13			/* a mark made after its writer's end proves */

#ifndef OWN_PROOF
#define OWN_PROOF (-1)			/* see own.pml */
#endif

#define bit(x) (1 << (x))
#define has(mask, x) (((mask) >> (x)) & 1)

typedef View
{
	byte seen;					/* the ids that had ended, one's own, and 0 */
	byte xmin					/* the lowest id that had not ended */
};

/*
 * A mark knows that w(1) ... w(upto) had ended before it was made, but for those
 * in spans.  The product keeps version - upto, in a byte; and spans of ids, which
 * are wider than one id when they have to be.
 */
#define UNKNOWN 255

typedef Slot
{
	byte version;
	byte barrier;
	byte spans;					/* writers that left the ring before they ended */
	byte ring[RING];			/* writer of mark n at [n % RING] */
	byte upto[RING]
};

byte begun;						/* the ids given out so far: 1 .. begun */
byte ended = bit(0);			/* as every new snapshot sees it */
Slot slot;

/* results, and what is used on the way; only inside of d_step */
hidden byte ok;
hidden byte n;
hidden byte w;
hidden byte q;
hidden byte e;
hidden byte proof;
hidden byte lost;
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

/*
 * Add a mark.  had_ended: the ids that had ended when the writer took a snapshot
 * to that end, its own among them; 0: it could not take one.
 */
inline push(writer, is_barrier, had_ended)
{
	q = had_ended;
	if
	:: (slot.spans & q) != 0 ->
		slot.spans = slot.spans & ~q;
		n = 0;
		do
		:: n < RING && keeps(PROOF_KEPT) -> slot.upto[n] = UNKNOWN; n++
		:: else -> break
		od
	:: else
	fi;
	e = slot.upto[slot.version % RING];
	e = (e == UNKNOWN -> 0 : e);
	slot.version++;
	w = slot.ring[slot.version % RING];
	if
	:: slot.version > RING && e < slot.version - RING ->
		slot.spans = slot.spans | (has(q, w) || !keeps(NO_SPANS) -> 0 : bit(w));
		e = slot.version - RING
	:: else
	fi;
	do
	:: e < slot.version - 1 && has(q, slot.ring[(e + 1) % RING]) -> e++
	:: else -> break
	od;
	slot.ring[slot.version % RING] = writer;
	slot.upto[slot.version % RING] = (q == 0 -> UNKNOWN : e);
	if
	:: is_barrier -> slot.barrier = slot.version
	:: else
	fi
}

/* may a mark prove something about the writers that are no longer in the ring? */
#define proves(m, own) \
	(slot.upto[(m) % RING] != UNKNOWN && \
	(slot.ring[(m) % RING] != own || own == 0 || !keeps(OWN_PROOF)) && \
	(slot.upto[(m) % RING] + RING >= slot.version || !keeps(ANY_PROOF)))

/*
 * Does the view see all writers that are no longer in the ring?  If it sees the
 * writer of a mark, it was taken after that mark was made.
 */
inline check_lost()
{
	ok = ok && (proof || !keeps(NO_PROOF)) && (lost == 0 || !keeps(NO_SPAN_CHECK))
}

/* ok = may a value read under view p be recorded under slot.version? */
inline visibility_set(p, own)
{
	ok = true;
	proof = slot.version <= RING;
	n = slot.version;
	do
	:: n > 0 && slot.version - n < RING ->
		w = slot.ring[n % RING];
		ok = ok && (w == own || has(p.seen, w) || !keeps(NO_SET_RING));
		proof = proof || ((w == own || has(p.seen, w)) && proves(n, own));
		n--
	:: else -> break
	od;
	lost = slot.spans & ~p.seen;
	check_lost();
	ok = ok || !keeps(NO_SET_RULE)
}

/* ok = may view r be served what was recorded under version v?  own: as above */
inline visibility_get(v, r, own)
{
	ok = v >= slot.barrier || !keeps(NO_BARRIER);
	proof = slot.version <= RING;
	n = slot.version;
	do
	:: n > 0 && slot.version - n < RING ->
		w = slot.ring[n % RING];
		if
		:: n > v -> ok = ok && (!has(r.seen, w) || !keeps(NO_AFTER));
			proof = proof || (proves(n, own) && !keeps(PROOF_ABOVE))
		:: else -> ok = ok && (has(r.seen, w) || !keeps(NO_UPTO) ||
				(n < slot.version && !keeps(NEWEST_ONLY)));
			proof = proof || (has(r.seen, w) && proves(n, own))
		fi;
		n--
	:: else -> break
	od;
	lost = slot.spans & ~r.seen;
	check_lost()
}
