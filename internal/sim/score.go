package sim

import (
	"cmp"
	"maps"
	"slices"

	"github.com/throughline/throughline/internal/identity"
)

// Score is how good Sessions, Spec IDs and links were.
type Score struct {
	Requests, Visits, People, Sessions int

	Session, SessionItems   Agreement // of exchanges with visits: by pairs, item by item
	Identity, IdentityItems Agreement // of Sessions with people

	StrongAnswers     int     // first requests of Sessions that were answered by a key
	StrongPrecision   float64 // of those, named after the person
	Recognised        float64 // first requests of people seen before that a key named rightly
	FalseRecognition  float64 // people whose very first request was taken for another's by a key
	FalseJoin         float64 // or by address and browser, while that other one was there
	Candidates        int
	CandidateError    float64 // mean distance between confidence and how often it was right
	CandidateWorst    float64 // the largest, of steps of ten per cent with hundreds of candidates
	LargestCluster    int     // most Sessions that one Spec ID ever had
	Cap               int
	RingRecall        float64 // pairs of actors of a ring that a link relates
	LinkPrecision     float64 // linked pairs of people who are of one ring or home
	LinksChangeNobody bool    // without links the Sessions have the same Spec IDs
}

// Run has a population browse a site, and scores what the engine makes of it.
func Run(site Site, seed uint64, a Assumptions) Score {
	t, plain := drive(site, seed, a, true), drive(site, seed, a, false)
	s := t.score()
	s.LinksChangeNobody = slices.EqualFunc(t.records, plain.records, func(a, b *record) bool {
		return a.session == b.session && t.who(a.spec) == plain.who(b.spec)
	})
	return s
}

func drive(site Site, seed uint64, a Assumptions, links bool) *tally {
	t := newTally()
	d := newDriver(t, links)
	for r := range Simulate(site, seed, a) {
		d.fold(r)
	}
	return t
}

func (t *tally) score() Score {
	s := Score{Requests: len(t.events), People: len(t.seen), StrongAnswers: t.strong, StrongPrecision: ratio(t.right, t.strong),
		Recognised: ratio(t.regained, t.returning), FalseRecognition: ratio(t.mistaken, t.fresh), FalseJoin: ratio(t.lumped, t.fresh),
		LargestCluster: t.largest, Cap: identity.DefaultRules().SessionsPerID, Candidates: len(t.guesses)}
	var found, truth []int
	visits := map[int]bool{}
	for _, e := range t.events {
		found, truth = append(found, e.of.root().number), append(truth, e.truth.Visit)
		visits[e.truth.Visit] = true
	}
	s.Visits = len(visits)
	s.Session, s.SessionItems = Agree(found, truth)
	found, truth = nil, nil
	for _, c := range t.records {
		if c.into == nil {
			s.Sessions++
			found, truth = append(found, int(t.who(c.spec))), append(truth, c.truth.Person)
		}
	}
	s.Identity, s.IdentityItems = Agree(found, truth)
	s.CandidateError, s.CandidateWorst = t.calibration()
	s.RingRecall, s.LinkPrecision = t.related()
	return s
}

// many is how many candidates a step of ten per cent has to have to be judged alone.
const many = 200

// calibration is how far, in steps of ten per cent, candidates are from being right
// as often as they say: on average over all, and at worst.
func (t *tally) calibration() (mean, worst float64) {
	var n, right, said [10]int
	for _, g := range t.guesses {
		b := min(g.confidence/10, 9)
		n[b]++
		said[b] += g.confidence
		if g.right {
			right[b] += 100
		}
	}
	off := 0
	for b := range n {
		d := max(right[b]-said[b], said[b]-right[b])
		if off += d; n[b] >= many {
			worst = max(worst, float64(d)/100/float64(n[b]))
		}
	}
	if len(t.guesses) == 0 {
		return 0, 0
	}
	return float64(off) / 100 / float64(len(t.guesses)), worst
}

// related compares the people whom links relate with rings and homes.
func (t *tally) related() (recall, precision float64) {
	type pair struct{ a, b int }
	truth := map[int]Truth{}
	for _, c := range t.records {
		truth[c.truth.Person] = c.truth
	}
	linked := map[pair]bool{}
	for _, l := range t.links {
		a, b := t.owner(l.A), t.owner(l.B)
		if a != b && a != 0 && b != 0 {
			linked[pair{min(a, b), max(a, b)}] = true
		}
	}
	good := 0
	for p := range linked {
		a, b := truth[p.a], truth[p.b]
		if a.Ring != 0 && a.Ring == b.Ring || a.Home != 0 && a.Home == b.Home {
			good++
		}
	}
	actors := slices.SortedFunc(maps.Values(truth), func(a, b Truth) int { return cmp.Compare(a.Person, b.Person) })
	pairs, found := 0, 0
	for i, a := range actors {
		for _, b := range actors[i+1:] {
			if a.Ring != 0 && a.Ring == b.Ring {
				pairs++
				if linked[pair{a.Person, b.Person}] {
					found++
				}
			}
		}
	}
	return ratio(found, pairs), ratio(good, len(linked))
}
