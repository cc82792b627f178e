package recognition

import (
	"cmp"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

// Tally is what was counted of one partition, or several: counts add up, which
// keeps each partition's sessions in memory only while it is read.
type Tally struct {
	from, to, entries, sessions int64
	labelled, accounts, specs   int64

	overall  group
	strange  ratio // new accounts given another's Spec ID
	families map[string]*group
	kinds    map[string]*group
	leftOut  LeftOut
	caps     Caps
}

// Caps are the bounds past which evidence no longer speaks for one user.
type Caps struct{ AccountsPerKey, DevicesPerAccount, SessionsPerUser int }

type group struct {
	sessions                                    int64
	pairPrecision, pairRecall                   ratio
	cubedPrecision, cubedRecall                 ratio
	strong, candidate                           ratio // of those who returned
	strongWrong, candidateWrong, unansweredOnes int64
}

// NoKey names the sessions whose first request no key made known.
const NoKey = "none"

// answered is one session with its label, as the Tally is made of it.
type answered struct {
	id        journey.ID
	start     int64
	account   uint32
	spec      journey.ID // at the end
	first     journey.ID // the first request's answer, as that one is known at the end
	candidate journey.ID // the likeliest one given then, likewise; 0 none
	by        string     // kind of key; "" new
	family    string
}

// NewTally counts nothing yet.
func NewTally(caps Caps) *Tally {
	return &Tally{families: map[string]*group{}, kinds: map[string]*group{}, caps: caps}
}

// count takes the sessions of one partition whose label holds.
func (t *Tally) count(all []answered) {
	slices.SortFunc(all, func(a, b answered) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.id, b.id)) })
	type both struct {
		spec    journey.ID
		account uint32
	}
	ofSpec, ofAccount, ofBoth := map[journey.ID]int64{}, map[uint32]int64{}, map[both]int64{}
	for i := range all {
		a := &all[i]
		ofSpec[a.spec]++
		ofAccount[a.account]++
		ofBoth[both{a.spec, a.account}]++
	}
	t.labelled += int64(len(all))
	t.specs += int64(len(ofSpec))
	t.accounts += int64(len(ofAccount))

	known, had, owned := map[uint32]bool{}, map[both]bool{}, map[journey.ID]bool{}
	for i := range all {
		a := &all[i]
		groups := t.groupsOf(a)
		for _, g := range groups {
			g.sessions++
			right, spec, account := ofBoth[both{a.spec, a.account}], ofSpec[a.spec], ofAccount[a.account]
			g.pairPrecision.pairs(right-1, spec-1)
			g.pairRecall.pairs(right-1, account-1)
			g.cubedPrecision.weigh(float64(right) / float64(spec))
			g.cubedRecall.weigh(float64(right) / float64(account))
			if known[a.account] {
				g.first(a, had[both{a.first, a.account}], had[both{a.candidate, a.account}])
			}
		}
		if !known[a.account] {
			t.strange.count(a.by != "" && owned[a.first])
		}
		known[a.account], had[both{a.spec, a.account}], owned[a.spec] = true, true, true
	}
}

// groupsOf are the groups that a session counts in.
func (t *Tally) groupsOf(a *answered) [3]*group {
	by := a.by
	if by == "" {
		by = NoKey
	}
	return [3]*group{&t.overall, groupIn(t.families, a.family), groupIn(t.kinds, by)}
}

func groupIn(m map[string]*group, name string) *group {
	g := m[name]
	if g == nil {
		g = &group{}
		m[name] = g
	}
	return g
}

// first counts how the first request of one who came back was answered.
func (g *group) first(a *answered, right, candidateRight bool) {
	strong := a.by != ""
	g.strong.count(strong && right)
	g.candidate.count(!strong && a.candidate != 0 && candidateRight)
	switch {
	case strong && !right:
		g.strongWrong++
	case !strong && a.candidate == 0:
		g.unansweredOnes++
	case !strong && !candidateRight:
		g.candidateWrong++
	}
}

// Add takes in what was counted of other partitions.
func (t *Tally) Add(o *Tally) {
	if o.from != 0 && (t.from == 0 || o.from < t.from) {
		t.from = o.from
	}
	t.to = max(t.to, o.to)
	t.entries += o.entries
	t.sessions += o.sessions
	t.labelled += o.labelled
	t.accounts += o.accounts
	t.specs += o.specs
	t.overall.add(&o.overall)
	t.strange.add(o.strange)
	for name, g := range o.families {
		groupIn(t.families, name).add(g)
	}
	for name, g := range o.kinds {
		groupIn(t.kinds, name).add(g)
	}
	a, b := &t.leftOut, &o.leftOut
	a.Unlabelled += b.Unlabelled
	a.SeveralAccounts += b.SeveralAccounts
	a.SharedAccounts += b.SharedAccounts
	a.SharedAccountsUsed += b.SharedAccountsUsed
	a.SharedDevices += b.SharedDevices
	a.BeyondLimit += b.BeyondLimit
	a.WithoutRequest += b.WithoutRequest
	a.ForgottenKeys += b.ForgottenKeys
	a.OpenedBeyondPending += b.OpenedBeyondPending
}

func (g *group) add(o *group) {
	g.sessions += o.sessions
	g.pairPrecision.add(o.pairPrecision)
	g.pairRecall.add(o.pairRecall)
	g.cubedPrecision.add(o.cubedPrecision)
	g.cubedRecall.add(o.cubedRecall)
	g.strong.add(o.strong)
	g.candidate.add(o.candidate)
	g.strongWrong += o.strongWrong
	g.candidateWrong += o.candidateWrong
	g.unansweredOnes += o.unansweredOnes
}

func (g *group) quality() Quality {
	return Quality{Sessions: g.sessions, PairPrecision: g.pairPrecision.rate(), PairRecall: g.pairRecall.rate(),
		CubedPrecision: g.cubedPrecision.rate(), CubedRecall: g.cubedRecall.rate()}
}

func (g *group) firstRequest() FirstRequest {
	return FirstRequest{Returning: g.strong.of, Strong: g.strong.rate(), StrongWrong: g.strongWrong,
		Candidate: g.candidate.rate(), CandidateWrong: g.candidateWrong, Unanswered: g.unansweredOnes}
}

// Report is what the counts say.
func (t *Tally) Report() Report {
	r := Report{From: moment(t.from), To: moment(t.to), Entries: t.entries, Sessions: t.sessions,
		Labelled: t.labelled, Accounts: t.accounts, SpecIDs: t.specs,
		Overall: t.overall.quality(), First: t.overall.firstRequest(), False: t.strange.rate(), LeftOut: t.leftOut}
	r.Families = t.byFamily()
	r.Kinds = t.byKind()
	r.Notes = notes(&r, t.caps)
	return r
}

func moment(micros int64) *time.Time {
	if micros == 0 {
		return nil
	}
	t := time.UnixMicro(micros).UTC()
	return &t
}

// Families beyond these are told together.
const (
	mostFamilies  = 12
	otherFamilies = "other"
)

func (t *Tally) byFamily() []Group {
	names := make([]string, 0, len(t.families))
	for name := range t.families {
		if name != otherFamilies {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(t.families[b].sessions, t.families[a].sessions), cmp.Compare(a, b))
	})
	rest := group{}
	if g := t.families[otherFamilies]; g != nil {
		rest.add(g)
	}
	for len(names) > mostFamilies {
		rest.add(t.families[names[len(names)-1]])
		names = names[:len(names)-1]
	}
	out := make([]Group, 0, len(names)+1)
	for _, name := range names {
		out = append(out, t.families[name].told(name))
	}
	if rest.sessions > 0 {
		out = append(out, rest.told(otherFamilies))
	}
	return out
}

// byKind tells of every kind of key that Spec IDs go by, whether it occurred or not:
// that one never did is worth knowing.
func (t *Tally) byKind() []Group {
	out := []Group{}
	for _, kind := range append(journey.KeyKinds(), NoKey) {
		g := t.kinds[kind]
		if g == nil && kind == journey.KeyConnection { // says who is connected, never who somebody is
			continue
		}
		if g == nil {
			g = &group{}
		}
		out = append(out, g.told(kind))
	}
	return out
}

func (g *group) told(name string) Group {
	return Group{Name: name, Quality: g.quality(), First: g.firstRequest()}
}
