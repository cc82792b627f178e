package storetest

import (
	"cmp"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// changes compares what is told of changes with all there were; batches that come
// twice add nothing.
func (s suite) changes(t *testing.T) {
	b, w := s.fresh(t), newWorld(21, 60)
	from := uint64(1)
	for i := range w.batches {
		for range 2 {
			if err := b.Apply(ctx(), 1, from, w.ends[i], w.batches[i]); err != nil {
				t.Fatal(err)
			}
		}
		from = w.ends[i] + 1
	}
	if len(w.changes) < 50 {
		t.Fatalf("only %d changes", len(w.changes))
	}
	for _, ids := range [][]journey.ID{nil, {77}, {1003}, {1004, 1005, 77}} {
		var of, to []journey.SpecChange
		ever := map[journey.ID]bool{}
		for _, c := range w.changes {
			if slices.Contains(ids, c.Into) {
				ever[c.From] = true
			}
		}
		for _, c := range w.changes {
			if slices.Contains(ids, c.From) {
				of = append(of, c)
			}
			if ever[c.From] {
				to = append(to, c)
			}
		}
		if got, err := b.ChangesOf(ctx(), ids); err != nil || !reflect.DeepEqual(got, of) {
			t.Errorf("of %v: %v\n got %v\nwant %v", ids, err, got, of)
		}
		if got, err := b.ChangesTo(ctx(), ids); err != nil || !reflect.DeepEqual(got, to) {
			t.Errorf("to %v: %v\n got %v\nwant %v", ids, err, got, to)
		}
	}
	if _, err := b.ChangesOf(ctx(), make([]journey.ID, warehouse.MaxSpecIDs+1)); err == nil {
		t.Error("any number of Spec IDs is taken")
	}
}

func (s suite) links(t *testing.T) {
	b, w := s.filled(t, 60)
	type key struct {
		a, b    journey.ID
		element string
		hash    int64
	}
	of := func(ids ...journey.ID) (out []journey.ActorLink) {
		seen := map[key]bool{}
		for _, l := range w.links {
			k := key{l.A, l.B, l.Element, l.Hash}
			if (slices.Contains(ids, l.A) || slices.Contains(ids, l.B)) && !seen[k] {
				seen[k] = true
				out = append(out, l)
			}
		}
		slices.SortFunc(out, func(x, y journey.ActorLink) int { return -cmp.Compare(x.Time, y.Time) })
		return out
	}
	if len(of(1000)) < 8 || len(w.links) <= len(of(1000)) {
		t.Fatalf("%d links, %d of them different", len(w.links), len(of(1000)))
	}
	for _, ids := range [][]journey.ID{nil, {1000}, {1002}, {1003, 1004}, {77}} {
		want := of(ids...)
		got, total, err := b.Links(ctx(), ids, 500)
		if err != nil || total != int64(len(want)) || !reflect.DeepEqual(got, want) {
			t.Errorf("of %v: %d, %v\n got %v\nwant %v", ids, total, err, got, want)
		}
		few, total, err := b.Links(ctx(), ids, 2)
		if err != nil || total != int64(len(want)) || len(few) != min(2, len(want)) || len(few) > 0 && !reflect.DeepEqual(few, want[:len(few)]) {
			t.Errorf("two of %v: %d, %v: %v", ids, total, err, few)
		}
	}
}

func (s suite) visitors(t *testing.T) {
	b, w := s.filled(t, 80)
	for _, ids := range [][]journey.ID{{77}, {1003}, {1004, 1005, 77, 1006}} {
		var mine []*journey.Session
		for _, x := range w.sessions {
			if slices.Contains(ids, x.SpecID) {
				mine = append(mine, x)
			}
		}
		got, err := b.Visitor(ctx(), ids, 10)
		if err != nil {
			t.Fatal(err)
		}
		checkVisitor(t, got, summary(mine))
		checkMarks(t, got.Marks, mine)
		standings, err := b.Standings(ctx(), ids)
		if err != nil || !reflect.DeepEqual(standings, standing(ids, mine)) {
			t.Errorf("%v: %+v, want %+v, %v", ids, standings, standing(ids, mine), err)
		}
		s.checkVisitorEntities(t, b, w, ids, mine)
	}
	if got, err := b.Visitor(ctx(), nil, 10); err != nil || got.Sessions != 0 {
		t.Errorf("nobody has %d sessions, %v", got.Sessions, err)
	}
	if _, err := b.Visitor(ctx(), []journey.ID{1003}, 0); err == nil {
		t.Error("no buckets are drawn")
	}
}

// summary adds Sessions up the slow way, but for the marks.
func summary(mine []*journey.Session) (out warehouse.VisitorSummary) {
	out.Recognised = map[string]int64{}
	add := func(to *[]warehouse.VisitorValue, value string, x *journey.Session, place bool) {
		if value == "" {
			return
		}
		i := slices.IndexFunc(*to, func(v warehouse.VisitorValue) bool { return v.Value == value })
		if i < 0 {
			i = len(*to)
			*to = append(*to, warehouse.VisitorValue{Value: value, First: x.Start})
		}
		v := &(*to)[i]
		v.Sessions++
		v.First = min(v.First, x.Start)
		if place && x.Last > v.Last {
			v.Country, v.City = x.Country, x.City
		}
		v.Last = max(v.Last, x.Last)
	}
	for i, x := range mine {
		out.Sessions++
		out.Events += int64(x.Events)
		if x.MergedInto != 0 {
			out.Merged++
		}
		if i == 0 || x.Start < out.First {
			out.First = x.Start
		}
		out.Last = max(out.Last, x.Last)
		out.Ratings[x.Rating]++
		out.Recognised[x.Recognised]++
		add(&out.Accounts, x.Account, x, false)
		add(&out.Addresses, x.IP, x, true)
		add(&out.Agents, x.UserAgent, x, false)
	}
	for _, list := range [][]warehouse.VisitorValue{out.Accounts, out.Addresses, out.Agents} {
		slices.SortFunc(list, func(a, b warehouse.VisitorValue) int {
			return cmp.Or(-cmp.Compare(a.Sessions, b.Sessions), -cmp.Compare(a.Last, b.Last), cmp.Compare(a.Value, b.Value))
		})
	}
	return out
}

func checkVisitor(t *testing.T, got, want warehouse.VisitorSummary) {
	t.Helper()
	if got.Recognised == nil {
		got.Recognised = map[string]int64{}
	}
	got.Marks = nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf(" got %+v\nwant %+v", got, want)
	}
}

func checkMarks(t *testing.T, marks []warehouse.VisitorMark, mine []*journey.Session) {
	t.Helper()
	starts := map[int64]bool{}
	var n int64
	var ratings, want [3]int64
	for i, m := range marks {
		n += m.Sessions
		ratings[m.Rating] += m.Sessions
		starts[m.Start] = true
		if i > 0 && m.Start < marks[i-1].Start {
			t.Errorf("mark %d goes back in time", i)
		}
	}
	for _, x := range mine {
		want[x.Rating]++
		if !slices.ContainsFunc(marks, func(m warehouse.VisitorMark) bool {
			return m.Start <= x.Start && m.Agent == x.UserAgent && m.Rating == x.Rating
		}) {
			t.Errorf("session %s has no mark", x.ID)
		}
	}
	if n != int64(len(mine)) || ratings != want || len(starts) > 10 {
		t.Errorf("%d sessions rated %v in %d buckets, want %d rated %v", n, ratings, len(starts), len(mine), want)
	}
}

func standing(ids []journey.ID, mine []*journey.Session) (out []warehouse.Standing) {
	for _, id := range ids {
		x := warehouse.Standing{SpecID: id}
		for _, m := range mine {
			if m.SpecID != id {
				continue
			}
			x.Sessions++
			x.Last = max(x.Last, m.Last)
			if x.Worst == 0 || m.Rating > x.Rating || m.Rating == x.Rating && m.ID > x.Worst {
				x.Rating, x.Worst = m.Rating, m.ID
			}
		}
		if x.Sessions > 0 {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b warehouse.Standing) int { return cmp.Compare(a.SpecID, b.SpecID) })
	return out
}

func (s suite) checkVisitorEntities(t *testing.T, b Backend, w *world, ids []journey.ID, mine []*journey.Session) {
	t.Helper()
	want := map[warehouse.EntityRef]warehouse.LinkedEntity{}
	for ref, in := range w.seenIn() {
		l := warehouse.LinkedEntity{EntityRef: ref, Sessions: int64(len(in))}
		for _, x := range mine {
			if last, ok := in[x.ID]; ok {
				l.Shared++
				l.LastSeen = max(l.LastSeen, last)
			}
		}
		if l.Shared > 0 {
			want[ref] = l
		}
	}
	got, total, err := b.VisitorEntities(ctx(), ids, 500)
	if err != nil || total != int64(len(want)) || len(got) != len(want) {
		t.Fatalf("%v: %d of %d entities, %v; want %d", ids, len(got), total, err, len(want))
	}
	for i, l := range got {
		if want[l.EntityRef] != l {
			t.Fatalf("%v: got %+v, want %+v", ids, l, want[l.EntityRef])
		}
		if i > 0 && got[i-1].Shared < l.Shared {
			t.Fatalf("%v: those seen most do not come first", ids)
		}
	}
	var hashes []int64
	for ref := range want {
		hashes = append(hashes, ref.Hash)
	}
	names, err := b.Names(ctx(), append(hashes, 4))
	if err != nil || len(names) != len(want) {
		t.Fatalf("%d names, want %d, %v", len(names), len(want), err)
	}
	for _, n := range names {
		if _, ok := want[n]; !ok {
			t.Errorf("a name %+v", n)
		}
	}
	few, total, err := b.VisitorEntities(ctx(), ids, 2)
	if err != nil || total != int64(len(want)) || len(few) != min(2, len(want)) {
		t.Fatalf("%v: the first two of %d are %+v, %v", ids, total, few, err)
	}
}

// parts checks that Sessions recorded while several people counted as one go with the
// part that holds what they brought when it is told after their batch. Those of the
// batch that tells of it are as they are then.
func (s suite) parts(t *testing.T) {
	b := s.fresh(t)
	visit := func(id, spec journey.ID) journey.Session {
		return journey.Session{ID: id, SpecID: spec, Start: int64(id), Last: int64(id), Events: 1, Account: "a" + spec.String()}
	}
	split := func(from, into journey.ID, seq uint64) warehouse.Change {
		return warehouse.Change{SpecChange: journey.SpecChange{Kind: journey.SpecSplit, From: from, Into: into, Time: 9, Reason: "shared"}, Sequence: seq}
	}
	merge := warehouse.Change{SpecChange: journey.SpecChange{Kind: journey.SpecMerged, From: 50, Into: 10, Time: 5, Reason: "r"}, Sequence: 1}
	before := warehouse.Batch{Changes: []warehouse.Change{merge},
		Sessions: []journey.Session{visit(10, 10), visit(20, 10), visit(30, 10), visit(40, 10), visit(50, 50), visit(60, 7), visit(70, 10)}}
	told := warehouse.Batch{Sessions: []journey.Session{visit(80, 40)},
		Changes: []warehouse.Change{split(10, 10, 2), split(20, 10, 2), split(30, 20, 2), split(50, 50, 2), split(70, 30, 2),
			split(20, 20, 3), split(30, 20, 3), split(70, 20, 3), split(80, 20, 3)}}
	for range 2 { // once more changes nothing
		if err := b.Apply(ctx(), 1, 1, 1, before); err != nil {
			t.Fatal(err)
		}
		if err := b.Apply(ctx(), 1, 2, 3, told); err != nil {
			t.Fatal(err)
		}
	}
	for spec, want := range map[journey.ID][]journey.ID{10: {10, 40}, 40: {80}, 20: {20, 30, 70}, 50: {50}, 7: {60}, 30: nil, 80: nil} {
		page, err := b.SearchSessions(ctx(), warehouse.SessionQuery{SpecIDs: []journey.ID{spec}, Sort: "start", Limit: 10})
		var got []journey.ID
		for _, v := range page.Sessions {
			got = append(got, v.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("sessions of %d are %d, not %d; %v", spec, got, want, err)
		}
		if sum, err := b.Visitor(ctx(), []journey.ID{spec}, 4); err != nil || sum.Sessions != int64(len(want)) {
			t.Errorf("%d has %d sessions, not %d; %v", spec, sum.Sessions, len(want), err)
		}
	}
	// A state that comes later counts.
	later := warehouse.Batch{Sessions: []journey.Session{visit(30, 10)}}
	if err := b.Apply(ctx(), 1, 4, 4, later); err != nil {
		t.Fatal(err)
	}
	if v, err := b.Session(ctx(), 30); err != nil || v.SpecID != 10 {
		t.Errorf("session 30 is of %v, %v", v.SpecID, err)
	}
}

// forget checks that what is known of Spec IDs goes with the last Session of the
// user, and no sooner, whichever ID that was recorded under.
func (s suite) forget(t *testing.T) {
	b := s.fresh(t)
	at := now().UnixMicro()
	old, young := at-100*day, at-10*day
	visit := func(spec journey.ID, when int64) journey.Session {
		return journey.Session{ID: journey.NewID(when, 1, int(spec)), SpecID: spec, Start: when, Last: when, Events: 1}
	}
	change := func(from, into journey.ID, when int64) warehouse.Change {
		return warehouse.Change{SpecChange: journey.SpecChange{Kind: journey.SpecMerged, From: from, Into: into, Time: when, Reason: "r"}, Sequence: 1}
	}
	link := func(x, y journey.ID, when int64) journey.ActorLink {
		return journey.ActorLink{A: x, B: y, Element: "phone", Hash: int64(x)*100 + int64(y), EventID: 9, Time: when}
	}
	in := warehouse.Batch{
		// 1 > 2 > 3 has a Session under 3 alone; 4 > 5 none but old ones; 6 > 7 neither, but is young.
		Sessions: []journey.Session{visit(1, old), visit(3, young), visit(4, old), visit(5, old), visit(8, young)},
		Changes:  []warehouse.Change{change(1, 2, old), change(2, 3, old), change(4, 5, old), change(6, 7, young)},
		Links:    []journey.ActorLink{link(1, 8, old), link(4, 8, old), link(4, 6, young), link(2, 5, old)},
	}
	if err := b.Apply(ctx(), 1, 1, 1, in); err != nil {
		t.Fatal(err)
	}
	if err := b.Expire(ctx(), at-90*day); err != nil {
		t.Fatal(err)
	}
	got, err := b.ChangesOf(ctx(), []journey.ID{1, 2, 3, 4, 5, 6, 7, 8})
	if want := []journey.SpecChange{in.Changes[0].SpecChange, in.Changes[1].SpecChange, in.Changes[3].SpecChange}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("changes %v, %v; want %v", got, err, want)
	}
	links, _, err := b.Links(ctx(), []journey.ID{1, 2, 4, 6}, 10)
	if want := []journey.ActorLink{in.Links[2], in.Links[0]}; err != nil || !reflect.DeepEqual(links, want) {
		t.Errorf("links %v, %v; want %v", links, err, want)
	}
	// The rest goes in time.
	if err := b.Expire(ctx(), at); err != nil {
		t.Fatal(err)
	}
	if got, err := b.ChangesOf(ctx(), []journey.ID{1, 2, 6}); err != nil || len(got) != 0 {
		t.Errorf("%v is left, %v", got, err)
	}
	if got, n, err := b.Links(ctx(), []journey.ID{1, 4, 6, 8}, 10); err != nil || len(got) != 0 || n != 0 {
		t.Errorf("%v is left, %v", got, err)
	}
}

const day = int64(24 * time.Hour / time.Microsecond)
