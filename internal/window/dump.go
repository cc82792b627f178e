package window

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Dump returns every series in the order of its key, as Load reads it. Equal
// stores give equal bytes. A series is its window, subject, shape and latest time,
// then its total, or its entries: times as differences, since they lie close
// together.
func (s *Store) Dump() []byte {
	all := make([]uint32, 0, len(s.index))
	for _, at := range s.index {
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b uint32) int { return compareKeys(s.slot(a).key, s.slot(b).key) })
	out := make([]byte, 0, 32*len(all))
	for _, at := range all {
		x := s.slot(at)
		out = binary.AppendUvarint(out, uint64(x.key.Window))
		out = binary.LittleEndian.AppendUint64(out, uint64(x.key.Subject))
		out = append(out, byte(x.shape))
		out = binary.AppendVarint(out, x.last)
		if x.shape == total {
			out = binary.AppendVarint(out, x.a)
			continue
		}
		out = binary.AppendUvarint(out, uint64(x.n))
		before := x.last
		for i := range int(x.n) {
			e := s.get(x, i)
			out = binary.AppendVarint(out, e.T-before)
			before = e.T
			if x.shape == values {
				out = binary.AppendVarint(out, e.V)
			}
		}
	}
	return out
}

// Load rebuilds a Store from a dump; spec gives each window's. The next Sweep
// looks at everything.
func Load(dump []byte, spec func(window int32) (Spec, bool)) (*Store, error) {
	s, d := New(), decoder{left: dump}
	for len(d.left) > 0 && d.err == nil {
		k := Key{int32(d.bounded(1<<31 - 1)), int64(d.fixed())}
		as, last := shape(d.byte()), d.signed()
		if d.err != nil {
			break
		}
		at, err := s.begin(k, last, spec)
		if err != nil {
			return nil, err
		}
		x := s.slot(at)
		if as != x.shape {
			return nil, fmt.Errorf("windows: series %d/%d has shape %d, its window has %d", k.Window, k.Subject, as, x.shape)
		}
		if as == total {
			x.a = d.signed()
			continue
		}
		n, before := d.bounded(maxEntries), last
		for i := range int(n) {
			e := entry{T: before + d.signed()}
			if as == values {
				e.V = d.signed()
			}
			if d.err != nil {
				break
			}
			if i > 0 && e.T < before || i > 0 && as == one {
				return nil, fmt.Errorf("windows: series %d/%d is not in the order of time", k.Window, k.Subject)
			}
			before = e.T
			s.put(x, i, e)
		}
	}
	if d.err != nil {
		return nil, fmt.Errorf("windows: %w", d.err)
	}
	return s, nil
}

// begin makes the series of a key that must be new.
func (s *Store) begin(k Key, last int64, spec func(window int32) (Spec, bool)) (uint32, error) {
	w, defined := spec(k.Window)
	if !defined {
		return 0, fmt.Errorf("windows: window %d is not defined", k.Window)
	}
	if _, twice := s.index[k]; twice {
		return 0, fmt.Errorf("windows: series %d/%d stands twice", k.Window, k.Subject)
	}
	at := s.create(k, w.shape(), last)
	s.schedule(at, 0)
	return at, nil
}

// Old is a series as snapshots held it before version 3.
type Old struct {
	Window  int32   `json:"w"`
	Subject int64   `json:"s"`
	Entries []entry `json:"e,omitempty"`
	Total   int64   `json:"n,omitempty"`
	Last    int64   `json:"l"`
}

// LoadOld rebuilds a Store from what older snapshots held.
func LoadOld(dump []Old, spec func(window int32) (Spec, bool)) (*Store, error) {
	s := New()
	for _, d := range dump {
		k := Key{d.Window, d.Subject}
		at, err := s.begin(k, d.Last, spec)
		if err != nil {
			return nil, err
		}
		x := s.slot(at)
		if x.shape == total {
			x.a = d.Total
			continue
		}
		if len(d.Entries) > maxEntries || x.shape == one && len(d.Entries) > 1 {
			return nil, fmt.Errorf("windows: series %d/%d has %d entries", k.Window, k.Subject, len(d.Entries))
		}
		for i, e := range d.Entries {
			if i > 0 && e.T < d.Entries[i-1].T {
				return nil, fmt.Errorf("windows: series %d/%d is not in the order of time", k.Window, k.Subject)
			}
			s.put(x, i, e)
		}
	}
	return s, nil
}

var errCut = errors.New("cut short or damaged")

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

func (d *decoder) fixed() uint64 {
	if len(d.left) < 8 {
		d.advance(0)
		return 0
	}
	v := binary.LittleEndian.Uint64(d.left)
	d.left = d.left[8:]
	return v
}

func (d *decoder) byte() byte {
	if len(d.left) < 1 {
		d.advance(0)
		return 0
	}
	b := d.left[0]
	d.left = d.left[1:]
	return b
}
