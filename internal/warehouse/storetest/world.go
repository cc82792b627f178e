package storetest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

const second = int64(time.Second / time.Microsecond)

// now is the time the backend's clock shows.
func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// world is a made-up past of one partition: what a store must hold after all
// batches, kept plainly, so that every answer can be computed the slow way.
type world struct {
	events   []journey.Event
	sessions map[journey.ID]*journey.Session
	batches  []warehouse.Batch
	ends     []uint64 // last sequence of each batch
	changes  []journey.SpecChange
	links    []journey.ActorLink
	merged   journey.ID // a Session that others were merged into
}

// newWorld lets a number of Sessions happen over ten days.
func newWorld(seed uint64, sessions int) *world {
	r := rand.New(rand.NewPCG(seed, 7))
	w := &world{sessions: map[journey.ID]*journey.Session{}}
	start := now().Add(-10 * 24 * time.Hour).UnixMicro()
	var open []journey.ID
	var batch warehouse.Batch
	seq, at, made := uint64(0), start, 0
	for made < sessions || len(open) > 0 {
		at += r.Int64N(600 * second)
		if made < sessions && (len(open) == 0 || r.IntN(3) == 0) {
			made++
			s := &journey.Session{ID: journey.NewID(at, 1, made), SpecID: journey.ID(1000 + r.IntN(20)), Site: pick(r, "shop", "bank"),
				Start: at, IP: fmt.Sprintf("192.0.2.%d", r.IntN(9)), Country: pick(r, "US", "DE", ""), City: pick(r, "Berlin", "Köln"),
				UserAgent: "Chrome 130 on Windows", Account: pick(r, "", "ann", "bob")}
			w.identify(r, s)
			w.sessions[s.ID] = s
			open = append(open, s.ID)
		}
		n := r.IntN(len(open))
		s := w.sessions[open[n]]
		seq += uint64(1 + r.IntN(3)) // entries without an Event lie between
		e := w.happen(r, s, at, int(seq))
		batch.Events = append(batch.Events, e)
		batch.Sequences = append(batch.Sequences, seq)
		w.relate(r, &batch, &e, seq)
		if s.Events > 2+r.IntN(8) {
			open = append(open[:n], open[n+1:]...)
		}
		if len(batch.Events) >= 1+r.IntN(60) {
			w.cut(&batch, seq)
		}
	}
	w.cut(&batch, seq+5)
	return w
}

// cut ends a batch: each Session in it as it is now.
func (w *world) cut(b *warehouse.Batch, end uint64) {
	seen := map[journey.ID]bool{}
	for _, e := range b.Events {
		if !seen[e.SessionID] {
			seen[e.SessionID] = true
			b.Sessions = append(b.Sessions, copySession(w.sessions[e.SessionID]))
		}
	}
	w.batches = append(w.batches, *b)
	w.ends = append(w.ends, end)
	*b = warehouse.Batch{}
}

func copySession(s *journey.Session) journey.Session {
	c := *s
	c.Labels = append([]journey.Label(nil), s.Labels...)
	c.Signatures = append([]journey.Signature(nil), s.Signatures...)
	return c
}

// happen adds an Event to a Session.
func (w *world) happen(r *rand.Rand, s *journey.Session, at int64, n int) journey.Event {
	e := journey.Event{ID: journey.NewID(at, 1, n), SessionID: s.ID, SpecID: s.SpecID, Site: s.Site, Time: at, Duration: r.Int64N(9000),
		Name: pick(r, "Login through API", "Login through Form", "Home"), Type: journey.EventType(pick(r, "page_view", "authentication_attempt", "transaction")),
		Spec: "spec/login", Method: pick(r, "GET", "POST"), Status: 200, Outcome: journey.Success, JoinReason: "cookie sid", Revision: "r1", Sync: r.IntN(2) == 0}
	e.Elements = []journey.Element{
		entity("ip", s.IP), {ID: "country", Value: s.Country}, {ID: "url_path", Value: fmt.Sprintf("/p/%d", r.IntN(6))},
		{ID: "failure_reason", Value: pick(r, "declined", "stolen", "lost")},
	}
	if r.IntN(2) == 0 {
		e.Elements = append(e.Elements, entity("email", fmt.Sprintf("u%d@example.com", r.IntN(40))))
	}
	if e.Type == journey.Transaction {
		e.Elements = append(e.Elements, journey.Element{ID: "transaction_amount", Value: pick(r, "10.00", "129.90", "7")},
			entity("card_number", "h"+strconv.Itoa(r.IntN(12))))
	}
	if r.IntN(6) == 0 {
		l := journey.Label{ID: pick(r, "many_logins", "new_device", "odd"), Title: "T", Severity: "high", Points: 20, EventID: e.ID, Time: at,
			Evidence: []journey.Evidence{{What: `session.count("x","10m")`, Value: "27"}}}
		e.Labels = append(e.Labels, l)
		s.Labels = append(s.Labels, l)
		s.Points += l.Points
	}
	if to := min(journey.Rating(s.Points/40), journey.Malicious); to != s.Rating {
		e.RatingChange = &journey.RatingChange{From: s.Rating, To: to, Reason: fmt.Sprintf("points %d", s.Points)}
		s.Rating = to
		if to == journey.Malicious {
			sig := journey.Signature{ID: "takeover", Title: "Takeover", Rating: to, Labels: []string{"odd"}, EventID: e.ID, Time: at}
			e.Signatures = append(e.Signatures, sig)
			s.Signatures = append(s.Signatures, sig)
		}
	}
	e.Rating, e.Points = s.Rating, s.Points
	s.Last = at
	s.Events++
	w.events = append(w.events, e)
	return e
}

// identify says how a Session's visitor was known, and of some that they were part
// of another's.
func (w *world) identify(r *rand.Rand, s *journey.Session) {
	s.Recognised = pick(r, "", journey.KeyCookie, journey.KeyTicket)
	if s.Recognised == "" && r.IntN(3) == 0 {
		s.Candidates = []journey.Candidate{{SpecID: 1001, Confidence: 87, Reasons: []string{"same address", "same 'device'"}}, {SpecID: 1002, Confidence: 3}}
	}
	switch {
	case w.merged == 0:
		w.merged = s.ID
	case r.IntN(9) == 0:
		s.MergedInto = w.merged
	}
}

// relate lets an Event change who is known as whom, and link some.
func (w *world) relate(r *rand.Rand, b *warehouse.Batch, e *journey.Event, seq uint64) {
	for range r.IntN(3) {
		c := journey.SpecChange{Kind: pick(r, journey.SpecMerged, journey.SpecSplit), From: e.SpecID, Into: journey.ID(1000 + r.IntN(20)), Time: e.Time, Reason: "shared 'cookie'"}
		w.changes = append(w.changes, c)
		b.Changes = append(b.Changes, warehouse.Change{SpecChange: c, Sequence: seq})
	}
	if r.IntN(4) == 0 {
		l := journey.ActorLink{A: 1000, B: journey.ID(1001 + r.IntN(4)), Element: pick(r, "card_number", "phone"), Hash: 1<<62 + int64(r.IntN(2)), EventID: e.ID, Time: e.Time}
		w.links = append(w.links, l)
		b.Links = append(b.Links, l)
	}
}

// apply writes all batches.
func (w *world) apply(b Backend, partition int, fail func(error)) {
	from := uint64(1)
	for i := range w.batches {
		if err := b.Apply(ctx(), partition, from, w.ends[i], w.batches[i]); err != nil {
			fail(err)
			return
		}
		from = w.ends[i] + 1
	}
}

func entity(id, value string) journey.Element {
	return journey.Element{ID: id, Value: value, Entity: true, Hash: hash(id, value)}
}

// hash stands in for the keyed hash: FNV-1a of 63 bits.
func hash(id, value string) int64 {
	h := uint64(14695981039346656037)
	for _, c := range []byte(id + "|" + value) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return int64(h >> 1)
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }
