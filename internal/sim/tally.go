package sim

import (
	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/session"
)

// tally keeps what was concluded beside the truth, as it is concluded: who is right
// is decided by what could be known then.
type tally struct {
	records []*record
	events  []event
	now     map[journey.ID]journey.ID        // what became of Spec IDs
	owned   map[journey.ID]map[int]*sessions // by Spec ID and person
	size    map[journey.ID]int               // Sessions of a Spec ID
	seen    map[int]bool                     // people
	links   []journey.ActorLink

	strong, right       int // first requests answered by a key
	fresh               int // people never seen before
	mistaken, lumped    int // of those, taken for another by a key; by address and browser
	returning, regained int // first requests of people seen before; answered rightly
	largest             int
	guesses             []guess
	wrong               map[Kind]int // answers, by circumstances
}

// record is a Session with its truth: that of its first request.
type record struct {
	number  int
	session journey.ID
	spec    journey.ID
	truth   Truth
	into    *record
}

type event struct {
	of    *record
	truth Truth
}

// sessions counts those of one person, and remembers the first.
type sessions struct{ n, first int }

// guess is a candidate's confidence and whether it was right.
type guess struct {
	confidence int
	right      bool
}

func newTally() *tally {
	return &tally{now: map[journey.ID]journey.ID{},
		owned: map[journey.ID]map[int]*sessions{}, size: map[journey.ID]int{}, seen: map[int]bool{}, wrong: map[Kind]int{}}
}

func (r *record) root() *record {
	for r.into != nil {
		r = r.into
	}
	return r
}

// who follows what became of a Spec ID.
func (t *tally) who(id journey.ID) journey.ID {
	for {
		into, ok := t.now[id]
		if !ok || into == id {
			return id
		}
		id = into
	}
}

// begin notes a new Session.
func (t *tally) begin(id journey.ID, r *Request) *record {
	c := &record{number: len(t.records), session: id, truth: r.Truth}
	t.records = append(t.records, c)
	return c
}

// answered judges what was said of a Session's first request.
func (t *tally) answered(c *record, a *identity.Answer) {
	person := c.truth.Person
	owner := t.owner(a.SpecID)
	if a.By != "" && c.truth.Kind != Robot { // it would flatter: a robot is always right
		t.strong++
		if owner == person {
			t.right++
		} else {
			t.wrong[c.truth.Kind]++
		}
	}
	for _, g := range a.Candidates {
		if c.truth.Kind == Robot { // nor can it be told from a crowd, which says nothing of people
			break
		}
		t.guesses = append(t.guesses, guess{g.Confidence, t.owner(g.SpecID) == person})
	}
	if c.truth.Kind == Robot {
		t.seen[person] = true
		t.place(c, a.SpecID)
		return
	}
	if t.seen[person] {
		t.returning++
		if a.By != "" && owner == person {
			t.regained++
		}
	} else {
		t.fresh++
		if a.By != "" {
			t.mistaken++
		}
	}
	t.seen[person] = true
	t.place(c, a.SpecID)
}

// joined notes a request that found a Session. A person whose very first one finds
// another's is taken for that one.
func (t *tally) joined(r *Request, j *session.Join) {
	if !t.seen[r.Truth.Person] {
		t.seen[r.Truth.Person] = true
		t.fresh++
		if j.Key.Kind != "" {
			t.mistaken++
		} else {
			t.lumped++
		}
	}
}

// owner is the person with most of a Spec ID's Sessions, of equals the first.
func (t *tally) owner(spec journey.ID) int {
	best, who := sessions{}, 0
	for person, s := range t.owned[t.who(spec)] {
		if s.n > best.n || s.n == best.n && s.first < best.first {
			best, who = *s, person
		}
	}
	return who
}

func (t *tally) event(c *record, spec journey.ID, r *Request) {
	t.events = append(t.events, event{c, r.Truth})
	t.assign(c, spec)
}

// assign moves a Session to the Spec ID that it belongs to by now.
func (t *tally) assign(c *record, spec journey.ID) {
	if c.into != nil {
		return // what was still to be completed of it says no more
	}
	if t.who(c.spec) != t.who(spec) {
		t.unplace(c)
		t.place(c, spec)
	}
	c.spec = spec
}

func (t *tally) place(c *record, spec journey.ID) {
	c.spec = spec
	w := t.who(spec)
	t.add(w, c.truth.Person, sessions{1, c.number})
}

func (t *tally) add(spec journey.ID, person int, s sessions) {
	if t.owned[spec] == nil {
		t.owned[spec] = map[int]*sessions{}
	}
	if o := t.owned[spec][person]; o != nil {
		o.n, o.first = o.n+s.n, min(o.first, s.first)
	} else {
		t.owned[spec][person] = &s
	}
	t.size[spec] += s.n
	t.largest = max(t.largest, t.size[spec])
}

func (t *tally) unplace(c *record) {
	w := t.who(c.spec)
	t.size[w]--
	if o := t.owned[w][c.truth.Person]; o.n > 1 {
		o.n--
	} else {
		delete(t.owned[w], c.truth.Person)
	}
}

// merged notes that a Session turned out to be part of another.
func (t *tally) merged(c, into *record) {
	t.unplace(c)
	c.into = into
}

// changed follows merges and splits.
func (t *tally) changed(changes []journey.SpecChange) {
	split := false
	parts := map[journey.ID]journey.ID{}
	for _, c := range changes {
		from, into := c.From, t.who(c.Into)
		t.now[c.From] = c.Into
		if c.Kind == journey.SpecSplit {
			split = true
			parts[c.From] = c.Into
			continue
		}
		if from == into || split {
			continue
		}
		for person, s := range t.owned[from] {
			t.add(into, person, *s)
		}
		delete(t.owned, from)
		delete(t.size, from)
	}
	if !split {
		return
	}
	clear(t.owned)
	clear(t.size)
	for _, c := range t.records {
		if c.into != nil {
			continue
		}
		if part, told := parts[c.session]; told { // what is stored of it moves
			c.spec = part
		}
		t.place(c, c.spec)
	}
}

func (t *tally) linked(links []journey.ActorLink) { t.links = append(t.links, links...) }
