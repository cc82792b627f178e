// Package session stitches requests into Sessions: by strong keys (the origin's
// own session cookie or token, known by its keyed hash) or, when there is no
// doubt, by address and browser. Every join has a reason that people read. The
// judge owns a Table; it gives every time and every new ID.
package session

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

// Rules steer stitching. Times are micros.
type Rules struct{ Timeout, MaxAge int64 }

// weakWithin is how long address and browser alone join.
const weakWithin = int64(30 * time.Minute / time.Microsecond)

// maxLive bounds the table; past it the Sessions seen longest ago go.
const maxLive = 1_000_000

// maxKeys bounds the strong keys remembered of one Session.
const maxKeys = 16

// Request is what stitching looks at.
type Request struct {
	Time  int64
	IP    string
	Agent uint64
	Keys  []journey.Key
}

// Entry is a live Session's evidence.
type Entry struct {
	ID    journey.ID `json:"id"`
	Start int64      `json:"start"`
	Last  int64      `json:"last"`
	Keys  []uint64   `json:"keys,omitempty"`
	IP    string     `json:"ip"`
	Agent uint64     `json:"agent"`
}

type weakKey struct {
	ip    string
	agent uint64
}

// Table holds the live Sessions of one partition. Not safe for concurrent use.
type Table struct {
	live    map[journey.ID]*Entry
	byKey   map[uint64]journey.ID
	byWeak  map[weakKey][]journey.ID // in order of their IDs
	evicted int64
	due     map[int64][]*Entry // to look at, by the minute in which they may have run out
	planned Rules              // what due was planned with
	looked  int                // Sessions that the last Sweep looked at

	noting  bool // changes are remembered
	changes []change
}

// New returns an empty Table.
func New() *Table {
	return &Table{live: map[journey.ID]*Entry{}, byKey: map[uint64]journey.ID{}, byWeak: map[weakKey][]journey.ID{}, due: map[int64][]*Entry{}}
}

// Join is a request's place: its Session, and why.
type Join struct {
	Entry  *Entry
	New    bool
	Reason string
	Key    journey.Key  // by which it joined, if by one
	Ended  []journey.ID // Sessions that had run out when their key came back
}

// Stitch finds the Session of a request or starts one under the ID that newID
// gives.
func (t *Table) Stitch(r Request, rules Rules, newID func() journey.ID) Join {
	why := ""
	var ended []journey.ID
	for _, k := range r.Keys {
		id, known := t.byKey[k.Hash]
		if !known {
			continue
		}
		e := t.live[id]
		if e != nil && alive(e, r.Time, rules) {
			t.touch(e, r)
			return Join{e, false, keyName(k), k, ended}
		}
		if e != nil {
			why = "first request after " + pause(r.Time-e.Last, rules)
			ended = append(ended, e.ID)
			t.drop(e)
		}
	}
	if e, refused := t.weak(r, rules); e != nil {
		t.touch(e, r)
		return Join{Entry: e, Reason: "same address and browser, no other candidate", Ended: ended}
	} else if why == "" {
		why = refused
	}
	if why == "" {
		why = "first request"
	}
	e := &Entry{ID: newID(), Start: r.Time, Last: r.Time, IP: r.IP, Agent: r.Agent}
	t.note(change{did: didBegin, e: e})
	t.live[e.ID] = e
	t.schedule(e)
	t.list(weakKey{r.IP, r.Agent}, e.ID)
	t.touch(e, r)
	return Join{Entry: e, New: true, Reason: why, Ended: ended}
}

func alive(e *Entry, now int64, rules Rules) bool {
	return now-e.Last <= rules.Timeout && now-e.Start <= rules.MaxAge
}

func pause(d int64, rules Rules) string {
	if d > rules.Timeout {
		return fmt.Sprintf("%v without any", (time.Duration(d) * time.Microsecond).Round(time.Minute))
	}
	return "the session reached its maximum age"
}

func keyName(k journey.Key) string {
	if k.Kind == "bearer" {
		return "bearer token"
	}
	return "session cookie"
}

// weak joins by address and browser only when exactly one Session could be
// meant. It is refused when that Session holds a key which this request lacks:
// then somebody else may be behind the same address.
func (t *Table) weak(r Request, rules Rules) (*Entry, string) {
	var found *Entry
	n := 0
	// From the newest: behind an address with very many, the first two settle it.
	ids := t.byWeak[weakKey{r.IP, r.Agent}]
	for i := len(ids) - 1; i >= 0 && n < 2; i-- {
		id := ids[i]
		if e := t.live[id]; e != nil && alive(e, r.Time, rules) && r.Time-e.Last <= weakWithin {
			found, n = e, n+1
		}
	}
	switch {
	case n == 0:
		return nil, ""
	case n > 1:
		return nil, "first request; several sessions share its address and browser"
	case len(found.Keys) > 0:
		return nil, "first request; the session of the same address and browser has a session key that this one lacks"
	}
	return found, ""
}

// touch moves a Session on and binds the request's named keys to it.
func (t *Table) touch(e *Entry, r Request) {
	t.changing(e)
	e.Last = max(e.Last, r.Time)
	for _, k := range slices.Backward(r.Keys) { // the surest last, and so kept longest
		if k.Named {
			t.Learn(e, k.Hash)
		}
	}
	if e.IP != r.IP || e.Agent != r.Agent {
		t.unlist(weakKey{e.IP, e.Agent}, e.ID)
		e.IP, e.Agent = r.IP, r.Agent
		t.list(weakKey{e.IP, e.Agent}, e.ID)
	}
}

// Learn binds a strong key to a Session; a key that another one held moves. Beyond
// the bound the key longest unused goes, so that made-up keys push out none in use.
func (t *Table) Learn(e *Entry, key uint64) {
	if id, known := t.byKey[key]; known {
		if id == e.ID {
			if last := len(e.Keys) - 1; e.Keys[last] != key { // in use: others go first
				t.changing(e)
				kept := slices.DeleteFunc(slices.Clone(e.Keys), func(k uint64) bool { return k == key })
				e.Keys = append(kept, key)
			}
			return
		}
		if other := t.live[id]; other != nil {
			t.changing(other)
			other.Keys = slices.DeleteFunc(slices.Clone(other.Keys), func(k uint64) bool { return k == key })
		}
	}
	t.changing(e)
	if len(e.Keys) >= maxKeys {
		t.unbind(e.Keys[0])
		e.Keys = slices.Clone(e.Keys[1:])
	}
	e.Keys = append(e.Keys, key)
	t.bind(key, e.ID)
}

// Rename gives a strong key another hash of it, unless that is somebody's already.
func (t *Table) Rename(from, to uint64) {
	id, known := t.byKey[from]
	if _, taken := t.byKey[to]; !known || taken {
		return
	}
	e := t.live[id]
	if e == nil {
		return
	}
	t.changing(e)
	e.Keys = slices.Clone(e.Keys)
	for i := range e.Keys {
		if e.Keys[i] == from {
			e.Keys[i] = to
		}
	}
	t.unbind(from)
	t.bind(to, id)
}

// Get returns a live Session's evidence, nil when it has ended.
func (t *Table) Get(id journey.ID) *Entry { return t.live[id] }

// minute is how finely Sweep plans.
const minute = int64(time.Minute / time.Microsecond)

// schedule has Sweep look at a Session when it may have run out. One that was
// touched meanwhile is then put off again: each stands in one place.
func (t *Table) schedule(e *Entry) {
	at := min(e.Last+t.planned.Timeout, e.Start+t.planned.MaxAge) / minute
	t.due[at] = append(t.due[at], e)
	t.note(change{did: didSchedule, at: at})
}

// Sweep ends the Sessions that can take no more requests, and returns their IDs
// in order. It can't be taken back.
func (t *Table) Sweep(now int64, rules Rules) []journey.ID {
	t.End()
	var ended []journey.ID
	t.looked = 0
	if rules != t.planned {
		t.planned, t.due = rules, map[int64][]*Entry{}
		for _, e := range t.live {
			t.schedule(e)
		}
	}
	for at, list := range t.due {
		if at > now/minute {
			continue
		}
		delete(t.due, at)
		for _, e := range list {
			t.looked++
			switch {
			case t.live[e.ID] != e:
			case alive(e, now, rules):
				t.schedule(e)
			default:
				ended = append(ended, e.ID)
			}
		}
	}
	if over := len(t.live) - len(ended) - maxLive; over > 0 {
		left := make([]*Entry, 0, len(t.live))
		for _, e := range t.live {
			if alive(e, now, rules) {
				left = append(left, e)
			}
		}
		slices.SortFunc(left, func(a, b *Entry) int { return cmp.Or(cmp.Compare(a.Last, b.Last), cmp.Compare(a.ID, b.ID)) })
		for _, e := range left[:over+maxLive/10] {
			ended = append(ended, e.ID)
			t.evicted++
		}
	}
	slices.Sort(ended)
	for _, id := range ended {
		t.drop(t.live[id])
	}
	return ended
}

func (t *Table) drop(e *Entry) {
	t.unlist(weakKey{e.IP, e.Agent}, e.ID)
	for _, k := range e.Keys {
		if t.byKey[k] == e.ID {
			t.unbind(k)
		}
	}
	t.note(change{did: didDrop, e: e})
	delete(t.live, e.ID)
}

// list notes a Session under its address and browser; unlist takes it off.
func (t *Table) list(w weakKey, id journey.ID) {
	ids := t.byWeak[w]
	i, listed := slices.BinarySearch(ids, id)
	if listed {
		return
	}
	t.note(change{did: didList, w: w, id: id})
	t.byWeak[w] = slices.Insert(ids, i, id)
}

func (t *Table) unlist(w weakKey, id journey.ID) {
	ids := t.byWeak[w]
	i, listed := slices.BinarySearch(ids, id)
	if !listed {
		return
	}
	t.note(change{did: didUnlist, w: w, id: id})
	switch {
	case len(ids) == 1:
		delete(t.byWeak, w)
	case i == 0: // Sessions end in the order of their IDs, mostly
		t.byWeak[w] = ids[1:]
	default:
		t.byWeak[w] = slices.Delete(ids, i, i+1)
	}
}

// Len is the number of live Sessions; Evicted how many the bound ended.
func (t *Table) Len() int       { return len(t.live) }
func (t *Table) Evicted() int64 { return t.evicted }

// Dump returns the live Sessions in the order of their IDs.
func (t *Table) Dump() []Entry {
	out := make([]Entry, 0, len(t.live))
	for _, e := range t.live {
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Load rebuilds a Table from a dump.
func Load(dump []Entry) *Table {
	t := New()
	for _, d := range dump {
		e := d
		t.live[e.ID] = &e
		t.schedule(&e)
		w := weakKey{e.IP, e.Agent}
		t.byWeak[w] = append(t.byWeak[w], e.ID)
		for _, k := range e.Keys {
			t.byKey[k] = e.ID
		}
	}
	return t
}
