package judge

import (
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/expr"
	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/session"
	"github.com/throughline/throughline/internal/window"
)

// Bounds of one partition.
const (
	maxPending = 100_000
	maxWaiting = 512 << 20         // bytes, about, of Events that are pending
	maxLabels  = 200               // per Session
	pendingFor = 5 * 60 * 1000_000 // micros until an Event without response is completed
	tickEvents = 128               // completed by one tick, so that its journal entry stays small; the next goes on
	tickBytes  = 1 << 20           // of Events and Sessions, about, for the same reason
	maxFailing = 100               // distinct rules remembered as failing
)

// State is everything one partition knows. Not safe for concurrent use: one
// goroutine owns it.
type State struct {
	partition int
	policy    *policy.Snapshot
	lastID    journey.ID

	sessions *session.Table
	people   *identity.Index
	windows  *window.Store
	visits   map[journey.ID]*journey.Session
	pending  map[uint64]*pendingEvent
	held     int                // bytes of the pending, about
	waiting  map[journey.ID]int // pending Events by Session

	// numbers gives each window a number that stays while a revision in force asks
	// for it or a series is kept of it.
	numbers map[expr.Window]int32
	defs    []expr.Window
	plan    plan

	undo   undo
	links  []journey.ActorLink // that the input at hand made; in the journal's hands afterwards
	merged []journey.Session   // that it ended, being part of others
	doomed []uint64            // open Events that the tick at hand dropped when it was judged first
	swept  int64               // until when Commit is to forget; 0: not at all

	// What is only counted since the process started; nothing is decided by it.
	orphans, ruleErrors, overflow, labelsFull, panics, dropped int64
	failing                                                    []RuleFault // replaced whole, never changed
}

// pendingEvent is an Event observed at the request and not yet at the response.
type pendingEvent struct {
	Event journey.Event    `json:"event"`
	Who   identity.Visitor `json:"who"`
}

// plan is what the policy in force asks of the windows.
type plan struct {
	byWindow map[expr.Window]int32
	add      []planned // windows an Event may count in
	session  []int32   // windows whose subject is the Session
}

type planned struct {
	number int32
	def    expr.Window
	spec   window.Spec
}

// New returns the empty state of a partition, without a policy.
func New(partition int) *State {
	return &State{
		partition: partition,
		sessions:  session.New(), people: identity.New(identity.DefaultRules()), windows: window.New(),
		visits: map[journey.ID]*journey.Session{}, pending: map[uint64]*pendingEvent{}, waiting: map[journey.ID]int{},
		numbers: map[expr.Window]int32{},
	}
}

// Revision names the policy in force, "" before the first.
func (s *State) Revision() string {
	if s.policy == nil {
		return ""
	}
	return s.policy.Revision
}

// Policy returns the policy in force, nil before the first.
func (s *State) Policy() *policy.Snapshot { return s.policy }

// RuleFault says how often a rule failed since the process started.
type RuleFault struct {
	Rule  string // e.g. label many_failed_logins
	Count int64
	Last  string // what went wrong the last time
}

// ruleFailed counts a rule that erred or panicked.
func (s *State) ruleFailed(rule, why string) {
	s.ruleErrors++
	why = strings.ToValidUTF8(why[:min(len(why), 300)], "")
	list := slices.Clone(s.failing) // the old one may be in somebody's hands
	at := slices.IndexFunc(list, func(f RuleFault) bool { return f.Rule == rule })
	switch {
	case at >= 0:
		list[at].Count++
		list[at].Last = why
	case len(list) < maxFailing:
		list = append(list, RuleFault{rule, 1, why})
	}
	s.failing = list
}

// Stats counts a State. Failing is not to be changed.
type Stats struct {
	Sessions, Pending             int64
	Window                        window.Stats
	People                        identity.Stats
	RuleErrors, Orphans, Overflow int64
	SessionsEvicted               int64
	LabelsFull                    int64 // not placed, or forgotten, since a Session had too many
	Panics                        int64 // of the judge, each of which left the state as it was
	Dropped                       int64 // open Events let go of since the judge panicked on them
	Failing                       []RuleFault
}

// Live returns the counts. Orphans are responses whose request is not known;
// Overflow counts Events not opened since too many were pending.
func (s *State) Live() Stats {
	return Stats{
		Sessions: int64(s.sessions.Len()), Pending: int64(len(s.pending)),
		Window: s.windows.Stats(), People: s.people.Stats(),
		RuleErrors: s.ruleErrors, Orphans: s.orphans, Overflow: s.overflow,
		SessionsEvicted: s.sessions.Evicted(), LabelsFull: s.labelsFull,
		Panics: s.panics, Dropped: s.dropped, Failing: s.failing,
	}
}

// number is a window's: its own, one that nobody needs any more, or a new one.
func (s *State) number(w expr.Window, needed []expr.Window) int32 {
	if n, ok := s.numbers[w]; ok {
		return n
	}
	n := int32(slices.IndexFunc(s.defs, func(d expr.Window) bool {
		k := s.numbers[d]
		return s.windows.Of(k) == 0 && !slices.Contains(needed, d)
	}))
	if n < 0 {
		n = int32(len(s.defs))
		s.defs = append(s.defs, w)
	} else {
		delete(s.numbers, s.defs[n])
		s.defs = slices.Clone(s.defs) // the old ones may come back
		s.defs[n] = w
	}
	s.numbers[w] = n
	return n
}

// Panics counts what Live counts under that name.
func (s *State) Panics() int64 { return s.panics }

// setPolicy puts a compiled revision in force. Windows that both revisions have
// keep their state; new ones begin empty.
func (s *State) setPolicy(p *policy.Snapshot) {
	made := plan{byWindow: map[expr.Window]int32{}}
	for _, w := range p.Windows {
		n := s.number(w, p.Windows)
		made.byWindow[w] = n
		made.add = append(made.add, planned{n, w, specOf(w)})
		if w.Subject == "session" {
			made.session = append(made.session, n)
		}
	}
	s.policy, s.plan = p, made
	s.windows.Retire()
}

func specOf(w expr.Window) window.Spec {
	spec := window.Spec{Within: w.Within.Microseconds()}
	switch w.Op {
	case expr.Distinct:
		spec.Op = window.Distinct
	case expr.Sum:
		spec.Op = window.Sum
	case expr.FirstSeen:
		spec.Op = window.First
	case expr.Last:
		spec.Op = window.Last
	default:
		spec.Op = window.Count
	}
	return spec
}

// nextID gives an ID at a time, unique and rising within the partition.
func (s *State) nextID(at int64) journey.ID {
	id := journey.NewID(at, s.partition, 0)
	if id <= s.lastID {
		// The same millisecond, or an earlier one: go on from the last. Adding one
		// overflows from the sequence into the partition bits only past 4096, then
		// into the next millisecond.
		seq := int(s.lastID)&0xfff + 1
		at = s.lastID.Micros()
		if seq > 0xfff {
			seq, at = 0, at+1000
		}
		id = journey.NewID(at, s.partition, seq)
	}
	s.lastID = id
	return id
}
