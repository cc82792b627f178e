package sim

import "testing"

// TestTargetsHold on one small population each, of a seed that tuning may see. The
// figures that are published come from make bench-identity.
func TestTargetsHold(t *testing.T) {
	for _, site := range Sites() {
		s := Run(site, 7, Assumed(900))
		if s.Visits < 6000 || s.StrongAnswers < 50 {
			t.Errorf("%s: only %d visits and %d answers by a key", site.Name, s.Visits, s.StrongAnswers)
		}
		for _, f := range s.Figures(site) {
			if f.Target != "" && !f.Met {
				t.Errorf("%s: %s is %.4f, target %s", site.Name, f.Metric, f.Value, f.Target)
			}
		}
	}
}

// TestTheTallyFollowsTheIndex: who was told of all merges and splits knows the same
// as who asks.
func TestTheTallyFollowsTheIndex(t *testing.T) {
	for _, site := range Sites() {
		y := newTally()
		d := newDriver(y, true)
		for r := range Simulate(site, 8, crowded(200)) {
			d.fold(r)
		}
		changed := 0
		for _, c := range y.records {
			if y.who(c.spec) != d.index.Current(c.spec) {
				t.Fatalf("%s: changes make %s of Session %s's %s, the index %s", site.Name, y.who(c.spec), c.session, c.spec, d.index.Current(c.spec))
			}
			if y.who(c.spec) != c.session {
				changed++
			}
		}
		if changed == 0 {
			t.Errorf("%s: nobody came back", site.Name)
		}
	}
}
