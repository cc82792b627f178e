package session

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/hashtable"
	"github.com/throughline/throughline/internal/journey"
)

// Dump is a Table as a snapshot holds it. Equal tables give equal bytes.
type Dump []byte

// Old is a Session as snapshots held it before there were dumps of bytes.
type Old struct {
	ID    journey.ID `json:"id"`
	Start int64      `json:"start"`
	Last  int64      `json:"last"`
	Keys  []uint64   `json:"keys,omitempty"`
	IP    string     `json:"ip"`
	Agent uint64     `json:"agent"`
}

// UnmarshalJSON reads a dump's JSON, base64, and the list of an older snapshot.
func (d *Dump) UnmarshalJSON(text []byte) error {
	if len(text) == 0 || text[0] != '[' {
		return json.Unmarshal(text, (*[]byte)(d))
	}
	var old []Old
	if err := json.Unmarshal(text, &old); err != nil {
		return err
	}
	t, err := LoadOld(old)
	if err != nil {
		return err
	}
	*d = t.Dump()
	return nil
}

// dumpVersion leads a dump.
const dumpVersion = 1

// Dump writes down everything that what the Table does next depends on: the
// Sessions in the order in which they go, each with its keys in theirs; the places,
// those with Sessions in the order of their hashes with the Sessions from the last
// to come, then those without from the one that goes first; the shared keys.
func (t *Table) Dump() Dump {
	out := []byte{dumpVersion}
	number := make(map[uint32]uint64, t.live)
	out = binary.AppendUvarint(out, uint64(t.live))
	for _, b := range t.seen.seconds {
		for at := b.first; at != 0; {
			e := t.entries.at(at)
			number[at] = uint64(len(number)) + 1
			out = t.dumpEntry(out, e)
			if at = e.rings[ringSeen].next; at == b.first {
				break
			}
		}
	}
	var busy, idle []uint32
	for _, slot := range all(&t.byPlace) {
		if t.places.at(slot).head != 0 {
			busy = append(busy, slot)
		}
	}
	slices.SortFunc(busy, func(a, b uint32) int { return cmp.Compare(t.places.at(a).hash, t.places.at(b).hash) })
	for slot := t.idle; slot != 0; {
		idle = append(idle, slot)
		if slot = t.places.at(slot).next; slot == t.idle {
			break
		}
	}
	out = binary.AppendUvarint(out, uint64(len(busy)))
	for _, slot := range busy {
		p := t.places.at(slot)
		out = dumpPlace(out, p, number)
		for at := p.head; ; {
			out = binary.AppendUvarint(out, number[at])
			if at = t.entries.at(at).rings[ringPlace].next; at == p.head {
				break
			}
		}
		out = binary.AppendUvarint(out, 0)
	}
	out = binary.AppendUvarint(out, uint64(len(idle)))
	for _, slot := range idle {
		out = dumpPlace(out, t.places.at(slot), number)
	}
	out = binary.AppendUvarint(out, uint64(t.sharing))
	slot := t.shared
	for range t.sharing {
		slot = t.keys.at(slot).next
		k := t.keys.at(slot)
		out = binary.LittleEndian.AppendUint64(append(out, byte(k.kind)), k.hash)
	}
	return out
}

func (t *Table) dumpEntry(out []byte, e *Entry) []byte {
	out = binary.AppendUvarint(out, uint64(e.ID))
	out = binary.AppendVarint(out, e.Start)
	out = binary.AppendVarint(out, e.Last-e.Start)
	out = binary.AppendUvarint(out, uint64(e.behind))
	out = binary.LittleEndian.AppendUint32(out, e.agent)
	for s := e.keys; s != 0; {
		k := t.keys.at(s)
		out = append(out, byte(k.kind), k.flags)
		out = binary.LittleEndian.AppendUint64(out, k.hash)
		out = binary.AppendUvarint(out, uint64(k.from))
		out = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint16(out, k.used), k.former)
		s = k.next
	}
	return append(out, 0)
}

func dumpPlace(out []byte, p *place, number map[uint32]uint64) []byte {
	out = binary.LittleEndian.AppendUint64(out, p.hash)
	out = binary.AppendUvarint(out, uint64(p.last))
	out = binary.AppendUvarint(out, uint64(p.third))
	for _, m := range p.arrivals {
		out = binary.AppendUvarint(out, uint64(m))
	}
	for _, c := range p.clients {
		out = binary.AppendUvarint(out, uint64(c.seen))
		out = binary.AppendUvarint(out, number[c.owner])
		for _, m := range c.marks {
			out = binary.LittleEndian.AppendUint32(out, m)
		}
	}
	return out
}

// all lists what a table holds.
func all(t *hashtable.Table[uint32]) []uint32 {
	out := make([]uint32, 0, t.Len())
	for i := range hashtable.Segments {
		t.Segment(i, func(at uint32) bool {
			out = append(out, at)
			return true
		})
	}
	return out
}

// Load rebuilds a Table from a dump.
func Load(dump Dump) (*Table, error) {
	t, d := New(), decoder{left: dump}
	if len(dump) == 0 { // of a state that had no Table yet
		return t, nil
	}
	if v := d.byte(); v != dumpVersion {
		return nil, fmt.Errorf("sessions: dump has version %d, this build reads %d", v, dumpVersion)
	}
	var slots []uint32
	for range d.count() {
		at, err := t.loadEntry(&d)
		if err != nil {
			return nil, err
		}
		slots = append(slots, at)
	}
	for range d.count() {
		if err := t.loadPlace(&d, slots, true); err != nil {
			return nil, err
		}
	}
	for range d.count() {
		if err := t.loadPlace(&d, slots, false); err != nil {
			return nil, err
		}
	}
	for range d.count() {
		as, hash := kind(d.byte()), d.fixed()
		if d.err == nil && (as < kindConnection || as >= kindAccount || t.byKey.Find(hash) != 0) {
			return nil, fmt.Errorf("sessions: shared key %x stands twice or has kind %d", hash, as)
		}
		if d.err != nil || t.sharing == maxShared {
			return nil, fmt.Errorf("sessions: %w", errCut)
		}
		slot := t.newKey(key{hash: hash, kind: as})
		t.setKey(hash, slot)
		t.share(slot)
	}
	if d.err != nil || len(d.left) > 0 {
		return nil, fmt.Errorf("sessions: %w", errCut)
	}
	for _, at := range slots {
		if e := t.entries.at(at); e.place == 0 {
			return nil, fmt.Errorf("sessions: session %s has no place", e.ID)
		}
	}
	return t, nil
}

func (t *Table) loadEntry(d *decoder) (uint32, error) {
	id, start := journey.ID(d.bounded(1<<63-1)), d.signed()
	last := start + d.signed()
	behind, agent := uint32(d.bounded(1<<32-1)), d.half()
	if d.err != nil {
		return 0, fmt.Errorf("sessions: %w", d.err)
	}
	if id == 0 || t.byID.Find(uint64(id)) != 0 || last < start {
		return 0, fmt.Errorf("sessions: session %d stands twice, or ends before it starts", id)
	}
	at := t.begin(Entry{ID: id, Start: start, Last: last, agent: agent, behind: behind})
	e := t.entries.at(at)
	for as := kind(d.byte()); as != 0; as = kind(d.byte()) {
		k := key{owner: at, kind: as, flags: d.byte()}
		k.hash = d.fixed()
		k.from, k.used, k.former = journey.ID(d.bounded(1<<63-1)), d.quarter(), d.half()
		if d.err != nil {
			break
		}
		if as > kindAccount {
			return 0, fmt.Errorf("sessions: session %d has a key of kind %d", id, as)
		}
		if as == kindAccount {
			if e.Accounts >= maxAccounts || t.owns(e, k.hash) {
				return 0, fmt.Errorf("sessions: session %d has an account twice, or more than %d", id, maxAccounts)
			}
			t.append(at, t.newKey(k))
			continue
		}
		if e.nkeys >= maxKeys || t.byKey.Find(k.hash) != 0 {
			return 0, fmt.Errorf("sessions: key %x stands twice, or session %d has more than %d", k.hash, id, maxKeys)
		}
		t.bind(at, k)
	}
	if d.err != nil {
		return 0, fmt.Errorf("sessions: %w", d.err)
	}
	return at, nil
}

func (t *Table) loadPlace(d *decoder, slots []uint32, busy bool) error {
	p := place{hash: d.fixed(), last: uint32(d.bounded(1<<32 - 1)), third: uint32(d.bounded(1<<32 - 1))}
	for i := range p.arrivals {
		p.arrivals[i] = uint32(d.bounded(1<<32 - 1))
	}
	for i := range p.clients {
		c := &p.clients[i]
		c.seen = uint32(d.bounded(1<<32 - 1))
		if n := d.bounded(uint64(len(slots))); n > 0 {
			c.owner = slots[n-1]
		}
		for m := range c.marks {
			c.marks[m] = d.half()
		}
	}
	if d.err != nil {
		return fmt.Errorf("sessions: %w", d.err)
	}
	if t.byPlace.Find(p.hash) != 0 {
		return fmt.Errorf("sessions: place %x stands twice", p.hash)
	}
	slot := t.newPlace(p)
	t.setPlace(p.hash, slot)
	here := t.places.at(slot)
	for busy {
		n := d.bounded(uint64(len(slots)))
		if n == 0 {
			break
		}
		at := slots[n-1]
		if t.entries.at(at).place != 0 {
			return fmt.Errorf("sessions: session %s is at two places", t.entries.at(at).ID)
		}
		t.entries.at(at).place = slot
		here.head = t.join(ringPlace, here.head, at)
	}
	if d.err != nil {
		return fmt.Errorf("sessions: %w", d.err)
	}
	if busy != (here.head != 0) {
		return fmt.Errorf("sessions: nobody is at place %x", p.hash)
	}
	for i, c := range here.clients {
		if c.owner != 0 && (t.entries.at(c.owner).place != slot || i > 0 && here.clients[0].owner == c.owner) {
			return fmt.Errorf("sessions: a client of place %x is not there, or twice", p.hash)
		}
	}
	if !busy {
		t.idling(slot)
	}
	return nil
}

// LoadOld rebuilds a Table from what older snapshots held.
func LoadOld(old []Old) (*Table, error) {
	t := New()
	old = slices.Clone(old)
	slices.SortFunc(old, func(a, b Old) int { return cmp.Or(cmp.Compare(a.Last, b.Last), cmp.Compare(a.ID, b.ID)) })
	for _, o := range old {
		if o.ID <= 0 || t.byID.Find(uint64(o.ID)) != 0 || o.Last < o.Start {
			return nil, fmt.Errorf("sessions: session %d stands twice, or ends before it starts", o.ID)
		}
		at := t.begin(Entry{ID: o.ID, Start: o.Start, Last: o.Last, agent: short(o.Agent)})
		for _, h := range o.Keys {
			if t.byKey.Find(h) != 0 || t.entries.at(at).nkeys >= maxKeys {
				return nil, fmt.Errorf("sessions: key %x stands twice, or session %d has more than %d", h, o.ID, maxKeys)
			}
			t.bind(at, key{hash: h, used: minuteOf(o.Last), kind: kindCookie, flags: standing})
		}
		t.enter(at, placeHash(o.IP, o.Agent))
		t.sighted(at, o.Last)
	}
	return t, nil
}

var errCut = errors.New("the dump is cut short or damaged")

// decoder reads a dump; after the first error it gives zeros.
type decoder struct {
	left []byte
	err  error
}

func (d *decoder) advance(n int) bool {
	if n <= 0 || n > len(d.left) {
		d.err, d.left = errCut, nil
		return false
	}
	d.left = d.left[n:]
	return true
}

// count is a number of things that take at least a byte each.
func (d *decoder) count() uint64 { return d.bounded(uint64(len(d.left))) }

func (d *decoder) bounded(most uint64) uint64 {
	v, n := binary.Uvarint(d.left)
	if !d.advance(n) {
		return 0
	}
	if v > most {
		d.err, d.left = errCut, nil
		return 0
	}
	return v
}

func (d *decoder) signed() int64 {
	v, n := binary.Varint(d.left)
	if !d.advance(n) {
		return 0
	}
	return v
}

func (d *decoder) fixed() (v uint64) {
	if at := d.left; d.advance(8) {
		v = binary.LittleEndian.Uint64(at)
	}
	return v
}

func (d *decoder) half() (v uint32) {
	if at := d.left; d.advance(4) {
		v = binary.LittleEndian.Uint32(at)
	}
	return v
}

func (d *decoder) quarter() (v uint16) {
	if at := d.left; d.advance(2) {
		v = binary.LittleEndian.Uint16(at)
	}
	return v
}

func (d *decoder) byte() (v byte) {
	if at := d.left; d.advance(1) {
		v = at[0]
	}
	return v
}
