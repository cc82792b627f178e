package identity

import (
	"github.com/throughline/throughline/internal/hashtable"
	"github.com/throughline/throughline/internal/journey"
)

const micros = int64(24 * 60 * 60 * 1_000_000) // of a day

// dayOf returns the day of a time, counted from the first that an ID can have.
func dayOf(t int64) uint16 {
	return uint16(min(max((t-journey.Epoch*1000)/micros, 0), 60000))
}

// shortLife is how many days what no later Session will bring is remembered.
const shortLife = 2

// life is how many days an entry is remembered after its latest use.
func (x *Index) life(k kind) int {
	if k == token || k == visit {
		return min(shortLife, x.days)
	}
	return x.days
}

// bucket is a queue of entries that end on one day, if not used again.
type bucket struct{ first, last ref }

// ends is the day at whose end an entry is forgotten.
func (x *Index) ends(r ref) int {
	e := x.at(r)
	return int(e.day) + x.life(e.kind())
}

// enlist puts an entry at the end of the bucket of its day.
func (x *Index) enlist(r ref) { x.queue(r, x.ends(r)) }

func (x *Index) queue(r ref, day int) {
	low := int(x.nums[swept])
	i := min(max(day, low), low+len(x.buckets)-1) % len(x.buckets)
	b := x.buckets[i]
	x.edit(r).later = packed{}
	if b.last == 0 {
		b.first = r
	} else {
		x.edit(b.last).later = pack(r)
	}
	b.last = r
	x.setBucket(i, b)
}

// unqueue takes the first entry from a bucket; 0 when it is empty.
func (x *Index) unqueue(i int) ref {
	b := x.buckets[i]
	r := b.first
	if r == 0 {
		return 0
	}
	b.first = x.at(r).later.unpack()
	if b.first == 0 {
		b.last = 0
	}
	x.setBucket(i, b)
	return r
}

// sweepWork bounds one Sweep, in entries looked at: well below a millisecond.
const sweepWork = 4096

// Sweep forgets some of what was not used for long. It does a bounded amount of
// work, and what is left is for the next. It can't be taken back.
func (x *Index) Sweep(now int64) {
	x.End()
	today := int64(dayOf(now))
	for work := 0; x.nums[swept] < today && work < sweepWork; {
		i := int(x.nums[swept]) % len(x.buckets)
		r := x.unqueue(i)
		switch {
		case r == 0 && x.entries() == 0:
			x.nums[swept] = today
		case r == 0:
			x.nums[swept]++
			work++
		case x.ends(r) < int(today):
			work += x.drop(r)
		default:
			x.queue(r, max(x.ends(r), int(x.nums[swept])+1))
			work++
		}
	}
	x.sweepLeaves(today)
	day := uint16(today)
	x.pairs.age(day)
	x.blocks.age(day)
	x.seen.age(day)
	x.related.age(day)
	x.linked.age(day)
}

func (x *Index) entries() int64 { return x.nums[keys] + x.nums[accounts] + x.nums[visits] }

// limitWork bounds how many entries are looked at to make room for those of one
// input.
const limitWork = 64

// trim forgets what would be forgotten first when there are too many entries. What
// is used while there is no better one to forget moves behind the others.
func (x *Index) trim() {
	for work := 0; x.entries() > int64(x.rules.MaxKeys) && work < limitWork; work++ {
		low := int(x.nums[swept])
		for day := low; day < low+len(x.buckets); day++ {
			r := x.unqueue(day % len(x.buckets))
			if r == 0 {
				continue
			}
			if end := x.ends(r); end > day && day < low+len(x.buckets)-1 {
				x.queue(r, end)
			} else {
				work += x.drop(r) / 16
				x.set(dropped, x.nums[dropped]+1)
			}
			break
		}
	}
}

// leafDays is how long a Session's evidence is found by the Session, too. Where its
// ID was a Spec ID that is now another, that lasts as long as the evidence.
const leafDays = 7

// sweepLeaves takes some entries from the table of leaves that need not be there.
func (x *Index) sweepLeaves(today int64) {
	var old [256]ref
	number := int(x.nums[hand])
	x.nums[hand] = (x.nums[hand] + 1) % hashtable.Segments
	some := old[:0]
	x.leaves.Segment(number, func(r ref) bool {
		if int64(x.at(r).day)+leafDays < today && (x.at(r).many == 0 || x.idOf(r) == x.at(r).leaf) {
			some = append(some, r)
		}
		return len(some) < len(old)
	})
	for _, r := range some {
		x.leaves.Remove(r)
	}
}
