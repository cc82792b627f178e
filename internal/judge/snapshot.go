package judge

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/throughline/throughline/internal/expr"
	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/session"
	"github.com/throughline/throughline/internal/window"
)

// snapshotVersion is the version of the dump written by this build. Version 1 had
// no checksum; until version 2 each series of a window was JSON of its own, and until
// 3 each Session and each key.
const snapshotVersion = 4

// dump is a State as a snapshot holds it. Every list is in a fixed order, so
// that equal states give equal bytes.
type dump struct {
	Version   int               `json:"version"`
	Partition int               `json:"partition"`
	Policy    map[string]string `json:"policy,omitempty"`
	LastID    journey.ID        `json:"last_id"`
	Defs      []expr.Window     `json:"defs"`
	Sessions  session.Dump      `json:"sessions"`
	Visits    []journey.Session `json:"visits"`
	Pending   []pendingDump     `json:"pending"`
	People    identity.Dump     `json:"people"`
	Series    []byte            `json:"series,omitempty"`
	Windows   []window.Old      `json:"windows,omitempty"` // until version 2
}

type pendingDump struct {
	Exchange uint64 `json:"x"`
	pendingEvent
}

// Snapshot writes the state: a line of JSON and a line with its SHA-256. Equal
// states give equal bytes.
func (s *State) Snapshot(w io.Writer) error {
	d := dump{Version: snapshotVersion, Partition: s.partition, LastID: s.lastID, Defs: s.defs,
		Sessions: s.sessions.Dump(), People: s.people.Dump(), Series: s.windows.Dump()}
	if s.policy != nil {
		d.Policy = s.policy.Bundle
	}
	for _, v := range s.visits {
		d.Visits = append(d.Visits, *v)
	}
	slices.SortFunc(d.Visits, func(a, b journey.Session) int { return cmp.Compare(a.ID, b.ID) })
	for x, p := range s.pending {
		d.Pending = append(d.Pending, pendingDump{x, *p})
	}
	slices.SortFunc(d.Pending, func(a, b pendingDump) int { return cmp.Compare(a.Event.ID, b.Event.ID) })
	b, sum := bufio.NewWriterSize(w, 1<<16), sha256.New()
	if err := json.NewEncoder(io.MultiWriter(b, sum)).Encode(d); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if _, err := fmt.Fprintf(b, "%x\n", sum.Sum(nil)); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return b.Flush()
}

// Restore reads what Snapshot wrote. One that is cut short, damaged or of a later
// version is an error.
func Restore(r io.Reader) (*State, error) {
	var d dump
	b := bufio.NewReaderSize(r, 1<<16)
	line, err := b.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("read snapshot: cut short: %w", err)
	}
	if err := json.Unmarshal(line, &d); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if d.Version < 1 || d.Version > snapshotVersion {
		return nil, fmt.Errorf("snapshot has version %d, this build reads 1 to %d", d.Version, snapshotVersion)
	}
	if d.Version > 1 {
		sum, err := io.ReadAll(io.LimitReader(b, 2*sha256.Size+2))
		if err != nil {
			return nil, fmt.Errorf("read snapshot: %w", err)
		}
		if want := fmt.Sprintf("%x\n", sha256.Sum256(line)); string(sum) != want {
			return nil, errors.New("read snapshot: damaged: its checksum does not match")
		}
	}
	s := New(d.Partition)
	s.lastID = d.LastID
	if s.define(d.Defs); len(s.numbers) != len(d.Defs) {
		return nil, errors.New("read snapshot: a window is defined twice")
	}
	if s.sessions, err = session.Load(d.Sessions); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if s.people, err = identity.Load(d.People, identity.DefaultRules()); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if d.Version < 3 {
		s.windows, err = window.LoadOld(d.Windows, s.specOf)
	} else {
		s.windows, err = window.Load(d.Series, s.specOf)
	}
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	for i := range d.Visits {
		s.visits[d.Visits[i].ID] = &d.Visits[i]
	}
	for i := range d.Pending {
		p := &d.Pending[i]
		if s.visits[p.Event.SessionID] == nil {
			return nil, fmt.Errorf("read snapshot: event %s is of no session", p.Event.ID)
		}
		s.pending[p.Exchange] = &p.pendingEvent
		s.held += eventSize(&p.Event)
		s.waiting[p.Event.SessionID]++
	}
	if d.Policy != nil {
		snap, faults := policy.Compile(d.Policy)
		if len(faults) > 0 {
			return nil, fmt.Errorf("read snapshot: its policy no longer compiles: %s", faults[0])
		}
		s.setPolicy(snap)
	}
	return s, nil
}

// define numbers the windows anew, by their place.
func (s *State) define(defs []expr.Window) {
	s.defs = defs
	clear(s.numbers)
	for i, w := range defs {
		s.numbers[w] = int32(i)
	}
}

func (s *State) specOf(n int32) (window.Spec, bool) {
	if n < 0 || int(n) >= len(s.defs) {
		return window.Spec{}, false
	}
	return specOf(s.defs[n]), true
}
