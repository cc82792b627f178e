package recognition

import (
	"hash/fnv"
	"strings"

	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/session"
)

// Config says how to measure one partition.
type Config struct {
	Partition int
	Sessions  session.Rules  // in force, until Policy says otherwise
	People    identity.Rules // MaxKeys bounds the memory
	// Policy reads the session rules of a revision found in the journal; nil: they
	// stay as they are.
	Policy func(bundle map[string]string) (session.Rules, bool)
	// MaxLabelled bounds the labelled sessions that are kept; 500,000 if 0.
	MaxLabelled int
}

func (c *Config) caps() Caps {
	return Caps{c.People.AccountsPerKey, c.People.DevicesPerAccount, c.People.SessionsPerID}
}

// Bounds of one Measure.
const (
	mostLabelled = 500_000
	mostPending  = 100_000
	pendingFor   = 5 * 60 * 1000_000 // micros, as the judge waits for a response
	mostNames    = 64                // browser families told apart
	labelKeys    = 4                 // strong keys remembered of a log-in
)

// Measure folds the entries of one partition, in order. Not safe for concurrent use.
type Measure struct {
	config   Config
	rules    session.Rules
	sessions *session.Table
	people   *identity.Index
	lastID   journey.ID

	visits  map[journey.ID]*visit // the live ones
	pending map[uint64]waiting
	labels  []*visit // in the order of their log-ins

	accounts map[uint64]uint32 // by a hash of the name: its place in used
	used     []account
	keys     map[uint64][]uint32 // accounts that signed in with a key, up to one past the cap
	families map[string]string   // names told apart

	from, to, entries, stitched int64
	beyond, orphans, overflow   int64
}

// visit is one session made anew, and the account that signed in to it.
type visit struct {
	id, spec  journey.ID
	first     journey.ID // Spec ID that the first request was answered with
	candidate journey.ID // the likeliest one then; 0 none
	by        string
	start     int64
	agent     string // of the first request that says one; the family once there is a label
	device    uint64
	account   uint32 // its place + 1; 0 none yet
	several   bool   // more than one account signed in
	kept      bool   // among the labels
	beyond    bool   // would be, but for their bound
	keys      [labelKeys]uint64
	into      *visit // turned out to be part of that
}

// waiting is a request whose response is still to come.
type waiting struct {
	visit *visit
	who   identity.Visitor
}

// account is what the truth knows of one.
type account struct {
	devices  []uint64 // up to one past the cap
	sessions int
}

// New begins a measurement.
func New(c Config) *Measure {
	if c.MaxLabelled <= 0 {
		c.MaxLabelled = mostLabelled
	}
	return &Measure{config: c, rules: c.Sessions, sessions: session.New(), people: identity.New(c.People),
		visits: map[journey.ID]*visit{}, pending: map[uint64]waiting{}, accounts: map[uint64]uint32{},
		keys: map[uint64][]uint32{}, families: map[string]string{}}
}

// Take folds the next entry.
func (m *Measure) Take(e *journey.Entry) {
	m.entries++
	if e.Judgement.Fault != "" { // it left no trace, and may have no time
		return
	}
	if m.from == 0 {
		m.from = e.Input.Time
	}
	m.from, m.to = min(m.from, e.Input.Time), max(m.to, e.Input.Time)
	m.people.Begin()
	defer m.people.End()
	switch {
	case e.Input.Kind == journey.InputPolicy:
		if m.config.Policy != nil {
			if r, ok := m.config.Policy(e.Input.Policy); ok {
				m.rules = r
			}
		}
	case e.Input.Kind == journey.InputTick:
		m.tick(e.Input.Time)
	case e.Input.Observation != nil:
		m.observe(e.Input.Observation, e.Judgement.Events)
		m.part()
	}
}

func (m *Measure) observe(o *journey.Observation, events []journey.Event) {
	switch o.Phase {
	case journey.PhaseRequest:
		if _, open := m.pending[o.Exchange]; open {
			return
		}
		v, who := m.stitch(o)
		if len(m.pending) >= mostPending {
			m.overflow++
			return
		}
		m.pending[o.Exchange] = waiting{v, who}
	case journey.PhaseResponse:
		w, open := m.pending[o.Exchange]
		if !open {
			m.orphans++
			return
		}
		delete(m.pending, o.Exchange)
		m.rename(o.Learned)
		v := w.visit.whole()
		m.learn(m.sessions.Get(v.id), v, &w.who, o)
		m.known(v, w.who.Keys)
		m.label(v, w.who.Keys, events)
	case journey.PhaseComplete:
		v, who := m.stitch(o)
		m.known(v, who.Keys)
		m.label(v, who.Keys, events)
	}
}

// whole follows merges.
func (v *visit) whole() *visit {
	for v.into != nil {
		v = v.into
	}
	return v
}

// tick lets go of what can take no more requests.
func (m *Measure) tick(now int64) {
	for x, w := range m.pending {
		if now-w.who.Time > pendingFor { // completed as failed: no label
			delete(m.pending, x)
		}
	}
	m.forget(m.sessions.Sweep(now, m.rules))
	m.people.Sweep(now)
}

func (m *Measure) forget(ended []journey.ID) {
	for _, id := range ended {
		delete(m.visits, id)
	}
}

// label takes a successful log-in or sign-up as the truth about a session, just as
// the judge takes it for proof.
func (m *Measure) label(v *visit, keys []journey.Key, events []journey.Event) {
	for i := range events {
		e := &events[i]
		if e.Outcome != journey.Success || e.Type != journey.AuthenticationAttempt && e.Type != journey.AccountCreate {
			continue
		}
		name, former := nameOf(e)
		if name != "" {
			m.signedIn(v, keys, m.place(name, former))
		}
	}
}

// nameOf is the account of a log-in; where it is kept as a keyed hash also the hash
// by the key that is being retired.
func nameOf(e *journey.Event) (name, former string) {
	for _, id := range [2]string{"username", "email"} {
		for i := range e.Elements {
			if el := &e.Elements[i]; el.ID == id && el.Value != "" {
				return el.Value, el.Former
			}
		}
	}
	return "", ""
}

// place finds or makes the place of an account.
func (m *Measure) place(name, former string) uint32 {
	h := digest(name)
	at, known := m.accounts[h]
	if !known && former != "" {
		at, known = m.accounts[digest(former)]
	}
	if !known {
		at = uint32(len(m.used))
		m.used = append(m.used, account{})
	}
	m.accounts[h] = at
	return at
}

func (m *Measure) signedIn(v *visit, keys []journey.Key, at uint32) {
	a := &m.used[at]
	if d := deviceOf(v, keys); d != 0 && len(a.devices) <= m.config.People.DevicesPerAccount && !has(a.devices, d) {
		a.devices = append(a.devices, d)
	}
	strong := hashes(keys)
	for _, k := range strong {
		if who := m.keys[k]; len(who) <= m.config.People.AccountsPerKey && !has(who, at) {
			m.keys[k] = append(who, at)
		}
	}
	switch {
	case v.account == 0:
		v.account = at + 1
	case v.account != at+1:
		v.several = true
	}
	if v.kept || !m.keep(v) {
		return
	}
	v.kept = true
	v.agent = m.family(v.agent)
	copy(v.keys[:], strong)
}

// deviceOf tells the devices of an account apart as the identity index does.
func deviceOf(v *visit, keys []journey.Key) uint64 {
	device, kind := v.device, ""
	for _, k := range keys {
		if k.Kind == journey.KeyDevice || k.Kind == journey.KeyTicket && kind != journey.KeyDevice {
			device, kind = k.Hash, k.Kind
		}
	}
	return device
}

// keep adds a labelled session, up to the bound.
func (m *Measure) keep(v *visit) bool {
	if len(m.labels) >= m.config.MaxLabelled {
		if !v.beyond {
			v.beyond = true
			m.beyond++
		}
		return false
	}
	m.labels = append(m.labels, v)
	return true
}

func has[T comparable](list []T, one T) bool {
	for _, x := range list {
		if x == one {
			return true
		}
	}
	return false
}

// family is a browser's name without version and system: "Chrome 130 on Windows"
// is Chrome. Visitors choose what they call themselves, so names are bounded.
func (m *Measure) family(agent string) string {
	name, _, _ := strings.Cut(agent, " on ")
	if at := strings.LastIndexByte(name, ' '); at > 0 && at+1 < len(name) && name[at+1] >= '0' && name[at+1] <= '9' {
		name = name[:at]
	}
	if name == "" {
		name = "unknown"
	}
	if known, ok := m.families[name]; ok {
		return known
	}
	if len(m.families) >= mostNames {
		return otherFamilies
	}
	name = strings.Clone(name) // the rest of the entry goes
	m.families[name] = name
	return name
}

// Tally counts what was folded. The Measure can take more afterwards.
func (m *Measure) Tally() *Tally {
	t := NewTally(m.config.caps())
	t.from, t.to, t.entries, t.sessions = m.from, m.to, m.entries, m.stitched
	for i := range m.used {
		m.used[i].sessions = 0
	}
	whole := m.labels[:0:0]
	for _, v := range m.labels {
		if v.into == nil {
			whole = append(whole, v)
			if !v.several {
				m.used[v.account-1].sessions++
			}
		}
	}
	left := &t.leftOut
	left.BeyondLimit, left.WithoutRequest, left.OpenedBeyondPending = m.beyond, m.orphans, m.overflow
	left.ForgottenKeys = m.people.Stats().Dropped
	left.Unlabelled = m.stitched - int64(len(whole)) - m.beyond
	for i := range m.used {
		if m.sharedAccount(uint32(i)) {
			left.SharedAccounts++
		}
	}
	all := make([]answered, 0, len(whole))
	for _, v := range whole {
		switch {
		case v.several:
			left.SeveralAccounts++
		case m.sharedAccount(v.account - 1):
			left.SharedAccountsUsed++
		case m.sharedDevice(v):
			left.SharedDevices++
		default:
			all = append(all, m.answered(v))
		}
	}
	t.count(all)
	return t
}

func (m *Measure) answered(v *visit) answered {
	a := answered{id: v.id, start: v.start, account: v.account, spec: m.people.Current(v.spec), first: m.people.Current(v.first),
		by: v.by, family: v.agent}
	if v.candidate != 0 {
		a.candidate = m.people.Current(v.candidate)
	}
	return a
}

// sharedAccount says that more used an account than one user.
func (m *Measure) sharedAccount(at uint32) bool {
	a := &m.used[at]
	return len(a.devices) > m.config.People.DevicesPerAccount || a.sessions > m.config.People.SessionsPerID
}

// sharedDevice says that a log-in came with a key that many accounts used.
func (m *Measure) sharedDevice(v *visit) bool {
	for _, k := range v.keys {
		if k != 0 && len(m.keys[k]) > m.config.People.AccountsPerKey {
			return true
		}
	}
	return false
}

func digest(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}
