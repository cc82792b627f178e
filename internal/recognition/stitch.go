package recognition

import (
	"slices"

	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/session"
)

// What follows is what the judge does with an observation (internal/judge: place,
// learn, known, part), but for accounts, of which it learns nothing. A test holds the two
// together.

// stitch finds the session of a request, or begins one, and who its visitor is.
func (m *Measure) stitch(o *journey.Observation) (*visit, identity.Visitor) {
	m.rename(o.Keys)
	m.rename(o.Learned)
	who := identity.Observed(o)
	who.Keys = m.strong(o.Keys)
	keys := who.Keys
	join := m.sessions.Stitch(session.Request{Time: o.Time, IP: o.IP, Agent: o.Agent, Device: o.Device, Multiplexed: o.Multiplexed, Keys: keys, Beside: o.Beside,
		Another: func(id journey.ID) bool { v := m.visits[id]; return v != nil && m.people.Another(v.spec, keys) }},
		m.rules, func() journey.ID { return m.nextID(o.Time) })
	m.forget(join.Ended)
	id := join.Entry.ID
	who.Session = id
	v := m.visits[id]
	if v == nil {
		answer := m.people.Start(who)
		v = &visit{id: id, spec: answer.SpecID, first: answer.SpecID, by: answer.By, start: o.Time, device: o.Device}
		if len(answer.Candidates) > 0 {
			v.candidate = answer.Candidates[0].SpecID
		}
		m.visits[id] = v
		m.stitched++
	} else {
		carried := who.Keys
		who.Keys = m.sessions.Keys(join.Entry, make([]journey.Key, 0, 8))
		m.teach(v, &who, carried)
	}
	m.absorb(v, join.Merged)
	if v.agent == "" {
		v.agent = o.UserAgent
	}
	m.known(v, who.Keys)
	m.learn(join.Entry, v, &who, o)
	return v, who
}

// rename moves what is known of keys while the key of keyed hashes is replaced.
func (m *Measure) rename(keys []journey.Key) {
	for _, k := range keys {
		if k.Former == 0 || k.Former == k.Hash {
			continue
		}
		m.sessions.Rename(k.Former, k.Hash)
		m.people.Rename(k.Former, k.Hash)
		if who, known := m.keys[k.Former]; known && m.keys[k.Hash] == nil {
			m.keys[k.Hash] = who
		}
	}
}

// strong returns the keys that join: those under a session's name, and those that
// a response has taught.
func (m *Measure) strong(keys []journey.Key) []journey.Key {
	var out []journey.Key
	for _, k := range keys {
		if k.Named = k.Named || m.people.Knows(k.Hash); k.Named {
			out = append(out, k)
		}
	}
	return out
}

// hashes are those of the keys that say who somebody is.
func hashes(keys []journey.Key) []uint64 {
	var out []uint64
	for _, k := range keys {
		if k.Kind != journey.KeyConnection {
			out = append(out, k.Hash)
		}
	}
	return out
}

func (m *Measure) teach(v *visit, who *identity.Visitor, keys []journey.Key) {
	for _, k := range keys {
		if k.Kind != journey.KeyConnection {
			v.spec = m.people.Learn(v.spec, *who, k)
		}
	}
}

// known follows what has become known of a visitor since.
func (m *Measure) known(v *visit, keys []journey.Key) {
	list := hashes(keys)
	v.spec = m.people.Of(v.spec, list[:min(len(list), 16)])
}

// part has live sessions go with their part when people are told apart.
func (m *Measure) part() {
	split := func(c journey.SpecChange) bool { return c.Kind == journey.SpecSplit }
	if slices.ContainsFunc(m.people.Changes(), split) {
		for _, moved := range m.people.Moves(live{m}) {
			m.visits[moved.Session].spec = moved.SpecID
		}
	}
}

// live are the sessions that live, as identity asks for them.
type live struct{ m *Measure }

func (l live) SpecOf(id journey.ID) journey.ID {
	if v := l.m.visits[id]; v != nil {
		return v.spec
	}
	return 0
}

func (l live) Holder(key uint64) (journey.ID, []journey.Key) {
	e := l.m.sessions.Holder(key)
	if e == nil {
		return 0, nil
	}
	return e.ID, l.m.sessions.Keys(e, nil)
}

// learn binds the keys that a response set to session and visitor.
func (m *Measure) learn(e *session.Entry, v *visit, who *identity.Visitor, o *journey.Observation) {
	for _, k := range o.Learned {
		if e != nil {
			m.sessions.Learn(e, k, 0)
		}
	}
	m.teach(v, who, o.Learned)
	who.Keys = append(who.Keys[:len(who.Keys):len(who.Keys)], o.Learned...)
}

// absorb makes one of sessions that turned out to be the same: what the earliest
// first request was answered with counts, and the accounts of all.
func (m *Measure) absorb(v *visit, merged []journey.ID) {
	for _, id := range merged {
		w := m.visits[id]
		if w == nil || w == v {
			continue
		}
		delete(m.visits, id)
		m.stitched--
		w.into = v
		if w.start < v.start {
			v.start, v.first, v.candidate, v.by = w.start, w.first, w.candidate, w.by
		}
		if v.agent == "" {
			v.agent = w.agent
		}
		v.several = v.several || w.several || v.account != 0 && w.account != 0 && v.account != w.account
		if v.account == 0 {
			v.account = w.account
		}
		if w.kept && !v.kept { // it takes the other's place among the labels
			v.kept, v.keys, v.agent = true, w.keys, w.agent
			m.labels = append(m.labels, v)
		}
	}
}

// nextID gives an ID at a time, unique and rising within the partition.
func (m *Measure) nextID(at int64) journey.ID {
	m.lastID = max(journey.NewID(at, m.config.Partition, 0), m.lastID+1)
	return m.lastID
}
