// Package identity gives each Session its Spec ID: the one name of a user across
// Sessions and devices. First version: a union over strong keys (the origin's
// session keys) and confirmed accounts, with caps past which a key is shared and
// joins nobody. The judge owns an Index; it reads no clock.
package identity

import (
	"cmp"
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// Caps past which evidence no longer joins (DESIGN: poison caps).
const (
	accountsPerKey = 4
	keysPerAccount = 8
	sessionsPerID  = 300
	maxEvidence    = 2_000_000
)

// evidence is a strong key or an account and whom it speaks for.
type evidence struct {
	Spec   journey.ID `json:"s"`
	Last   int64      `json:"t"`           // event time of the latest use
	Links  []uint64   `json:"l,omitempty"` // accounts of a key, keys of an account
	Shared bool       `json:"x,omitempty"`
	From   journey.ID `json:"e,omitempty"` // the Event whose response taught a key
}

// Index remembers evidence. Not safe for concurrent use.
type Index struct {
	keys     map[uint64]*evidence
	accounts map[uint64]*evidence
	parent   map[journey.ID]journey.ID // of merged Spec IDs
	sessions map[journey.ID]int        // by Spec ID, of those with evidence
	limit    int                       // of each map, before it forgets
	dropped  int64

	noting  bool // changes are remembered
	changes []change
}

// New returns an empty Index.
func New() *Index {
	return &Index{keys: map[uint64]*evidence{}, accounts: map[uint64]*evidence{},
		parent: map[journey.ID]journey.ID{}, sessions: map[journey.ID]int{}, limit: maxEvidence}
}

// Current follows merges to the ID that survived.
func (x *Index) Current(id journey.ID) journey.ID {
	for {
		p, ok := x.parent[id]
		if !ok || p >= id { // the older survives: anything else would be a damaged snapshot
			return id
		}
		id = p
	}
}

// Knows tells whether a key was taught by a response, or seen under a session's
// name, in whatever Session.
func (x *Index) Knows(key uint64) bool { return x.keys[key] != nil }

// Start names a new Session: the Spec ID its strong keys were known under, or a
// new one, its own ID.
func (x *Index) Start(session journey.ID, keys []uint64, now int64) journey.ID {
	spec := session
	for _, k := range keys {
		if e := x.keys[k]; e != nil && !e.Shared {
			id := x.Current(e.Spec)
			if x.sessions[id] < sessionsPerID {
				spec = id
				break
			}
			x.noteKey(k, e)
			e.Shared, e.Links = true, nil
		}
	}
	if len(keys) > 0 {
		x.noteSessions(spec)
		x.sessions[spec]++
	}
	for _, k := range keys {
		x.Learn(spec, k, now, 0)
	}
	return spec
}

// Learn notes that a strong key belongs to a Spec ID, and the Event whose response
// taught it (0: it came with a request, under a session's name).
func (x *Index) Learn(spec journey.ID, key uint64, now int64, from journey.ID) {
	e := x.keys[key]
	x.noteKey(key, e)
	if e == nil {
		spec = x.Current(spec)
		x.keys[key] = &evidence{Spec: spec, Last: now, From: from}
		x.noteSessions(spec)
		x.sessions[spec] = max(x.sessions[spec], 1)
		return
	}
	e.Last = max(e.Last, now)
}

// Rename gives what is known under a key another hash of it, unless something is
// known under that already.
func (x *Index) Rename(from, to uint64) {
	e := x.keys[from]
	if e == nil || x.keys[to] != nil {
		return
	}
	x.noteKey(from, e)
	x.noteKey(to, nil)
	moved := *e
	delete(x.keys, from)
	x.keys[to] = &moved
	for _, account := range moved.Links {
		a := x.accounts[account]
		if a == nil {
			continue
		}
		if i := slices.Index(a.Links, from); i >= 0 {
			x.noteAccount(account, a)
			a.Links = slices.Clone(a.Links)
			a.Links[i] = to
		}
	}
}

// LearnedFrom returns the Event whose response taught a key; 0 when none did, or
// it is forgotten.
func (x *Index) LearnedFrom(key uint64) journey.ID {
	if e := x.keys[key]; e != nil {
		return e.From
	}
	return 0
}

// Confirm notes that the user of a Session, known by its keys, has proven to own
// an account, and returns the Spec ID from here on. Of two that turn out to be
// one user's the older survives.
func (x *Index) Confirm(spec journey.ID, keys []uint64, account uint64, now int64) journey.ID {
	spec = x.Current(spec)
	a := x.accounts[account]
	x.noteAccount(account, a)
	if a == nil {
		a = &evidence{Spec: spec}
		x.accounts[account] = a
	}
	a.Last = max(a.Last, now)
	kiosk := false // its accounts are not one user
	for _, k := range keys {
		e := x.keys[k]
		x.noteKey(k, e)
		if e == nil {
			e = &evidence{Spec: spec}
			x.keys[k] = e
		}
		e.Last = max(e.Last, now)
		e.link(account, accountsPerKey)
		a.link(k, keysPerAccount)
		kiosk = kiosk || e.Shared
	}
	if a.Shared || kiosk {
		return spec
	}
	other := x.Current(a.Spec)
	if other != spec && x.sessions[spec]+x.sessions[other] > sessionsPerID {
		a.Shared, a.Links = true, nil
		return spec
	}
	return x.merge(spec, other)
}

func (e *evidence) link(to uint64, most int) {
	if e.Shared || slices.Contains(e.Links, to) {
		return
	}
	if len(e.Links) >= most {
		e.Shared, e.Links = true, nil
		return
	}
	e.Links = append(e.Links, to)
}

func (x *Index) merge(a, b journey.ID) journey.ID {
	if a == b {
		return a
	}
	old, young := min(a, b), max(a, b)
	x.noteParent(young)
	x.noteSessions(old)
	x.noteSessions(young)
	x.parent[young] = old
	x.sessions[old] += x.sessions[young]
	delete(x.sessions, young)
	return old
}

// Sweep forgets the evidence used longest ago when there is too much of it. It
// can't be taken back.
func (x *Index) Sweep() {
	x.End()
	for _, m := range []map[uint64]*evidence{x.keys, x.accounts} {
		if len(m) <= x.limit {
			continue
		}
		all := sorted(m)
		slices.SortStableFunc(all, func(a, b uint64) int { return cmp.Compare(m[a].Last, m[b].Last) })
		for _, k := range all[:len(all)-x.limit*9/10] {
			delete(m, k)
			x.dropped++
		}
	}
	if len(x.sessions) > 2*x.limit || len(x.parent) > x.limit {
		x.prune()
	}
}

// prune forgets the Spec IDs that no evidence speaks for any more, and of the
// merges those of the oldest IDs.
func (x *Index) prune() {
	used := map[journey.ID]bool{}
	for _, m := range []map[uint64]*evidence{x.keys, x.accounts} {
		for _, e := range m {
			e.Spec = x.Current(e.Spec)
			used[e.Spec] = true
		}
	}
	for id := range x.sessions {
		if !used[id] {
			delete(x.sessions, id)
			x.dropped++
		}
	}
	ids := make([]journey.ID, 0, len(x.parent))
	for id := range x.parent {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids[:max(0, len(ids)-x.limit*9/10)] {
		delete(x.parent, id)
		x.dropped++
	}
}

// Stats counts the index.
type Stats struct{ Keys, Accounts, Merged, Dropped int64 }

// Stats returns the counts.
func (x *Index) Stats() Stats {
	return Stats{int64(len(x.keys)), int64(len(x.accounts)), int64(len(x.parent)), x.dropped}
}

func sorted(m map[uint64]*evidence) []uint64 {
	out := make([]uint64, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Dump is the index as a snapshot holds it, in the order of its keys.
type Dump struct {
	Keys     []item     `json:"keys,omitempty"`
	Accounts []item     `json:"accounts,omitempty"`
	Parents  [][2]int64 `json:"parents,omitempty"`
	Sessions [][2]int64 `json:"sessions,omitempty"`
	Dropped  int64      `json:"dropped,omitempty"`
}

type item struct {
	K uint64 `json:"k"`
	evidence
}

// Dump returns the index.
func (x *Index) Dump() Dump {
	d := Dump{Dropped: x.dropped}
	for _, k := range sorted(x.keys) {
		d.Keys = append(d.Keys, item{k, *x.keys[k]})
	}
	for _, k := range sorted(x.accounts) {
		d.Accounts = append(d.Accounts, item{k, *x.accounts[k]})
	}
	for k, v := range x.parent {
		d.Parents = append(d.Parents, [2]int64{int64(k), int64(v)})
	}
	for k, v := range x.sessions {
		d.Sessions = append(d.Sessions, [2]int64{int64(k), int64(v)})
	}
	for _, p := range [][][2]int64{d.Parents, d.Sessions} {
		slices.SortFunc(p, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	}
	return d
}

// Load rebuilds an Index from a dump.
func Load(d Dump) *Index {
	x := New()
	for _, i := range d.Keys {
		e := i.evidence
		x.keys[i.K] = &e
	}
	for _, i := range d.Accounts {
		e := i.evidence
		x.accounts[i.K] = &e
	}
	for _, p := range d.Parents {
		x.parent[journey.ID(p[0])] = journey.ID(p[1])
	}
	for _, p := range d.Sessions {
		x.sessions[journey.ID(p[0])] = int(p[1])
	}
	x.dropped = d.Dropped
	return x
}
