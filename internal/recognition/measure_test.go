package recognition

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/session"
)

const (
	noon   = int64(1_795_262_400_000_000)
	minute = int64(time.Minute / time.Microsecond)
	hour   = 60 * minute
)

// traffic writes journal entries as the engine and the judge do.
type traffic struct {
	entries  []journey.Entry
	now      int64
	exchange uint64
}

// browser is a client: what it carries, and where it is.
type browser struct {
	ip, agent string
	device    uint64
	keys      []journey.Key
}

func key(kind, name string) journey.Key {
	return journey.Key{Kind: kind, Hash: digest(kind + " " + name), Named: kind != journey.KeyCookie}
}

func sid(name string) journey.Key {
	return journey.Key{Kind: journey.KeyCookie, Hash: digest("sid " + name), Named: true}
}

// asks is one exchange of a sync route: request, then response, which may teach keys
// and, of a log-in, proves an account.
func (w *traffic) asks(b *browser, account string, ok bool, learned ...journey.Key) {
	w.exchange++
	o := journey.Observation{Exchange: w.exchange, Phase: journey.PhaseRequest, Time: w.now, Site: "shop", Type: journey.PageView,
		IP: b.ip, UserAgent: b.agent, Agent: digest(b.agent), Device: b.device, Keys: append([]journey.Key(nil), b.keys...)}
	if account != "" {
		o.Type = journey.AuthenticationAttempt
	}
	w.put(&o, nil)
	w.now += 1000
	e := journey.Event{Type: o.Type, Time: o.Time, Outcome: journey.Failure, Elements: []journey.Element{{ID: "username", Value: account}}}
	if ok {
		e.Outcome = journey.Success
	}
	w.put(&journey.Observation{Exchange: w.exchange, Phase: journey.PhaseResponse, Time: w.now, Site: "shop", Learned: learned}, []journey.Event{e})
	b.keys = append(b.keys, learned...)
}

func (w *traffic) put(o *journey.Observation, events []journey.Event) {
	w.entries = append(w.entries, journey.Entry{Version: 1, Input: journey.Input{Kind: journey.InputObservation, Time: o.Time, Observation: o},
		Judgement: journey.Judgement{Events: events}})
}

// passes lets time go by, with the ticks that do so.
func (w *traffic) passes(d int64) {
	for end := w.now + d; w.now < end; {
		w.now = min(end, w.now+10*minute)
		w.entries = append(w.entries, journey.Entry{Version: 1, Input: journey.Input{Kind: journey.InputTick, Time: w.now}})
	}
}

func newTraffic() *traffic { return &traffic{now: noon} }

func config() Config {
	return Config{Partition: 3, Sessions: session.Rules{Timeout: 30 * minute, MaxAge: 24 * hour}, People: identity.DefaultRules()}
}

func measured(w *traffic, c Config) Report {
	m := New(c)
	for i := range w.entries {
		m.Take(&w.entries[i])
	}
	return m.Tally().Report()
}

// chrome is a browser at an address of its own.
func chrome(n int) *browser {
	return &browser{ip: fmt.Sprintf("198.51.%d.%d", n/250, n%250+1), agent: "Chrome 130 on Windows", device: 7}
}

func groupOf(t *testing.T, list []Group, name string) Group {
	t.Helper()
	for _, g := range list {
		if g.Name == name {
			return g
		}
	}
	t.Fatalf("no group %s in %+v", name, list)
	return Group{}
}

func TestOneWhoReturnsWithACookie(t *testing.T) {
	w := newTraffic()
	ann := chrome(1)
	w.asks(ann, "", false, sid("a"))
	w.asks(ann, "ann", true)
	w.passes(2 * hour)
	ann.ip = "203.0.113.9" // another network, the same cookie
	w.asks(ann, "", false)
	w.asks(ann, "ann", true)
	r := measured(w, config())
	if r.Sessions != 2 || r.Labelled != 2 || r.Accounts != 1 || r.SpecIDs != 1 || r.LeftOut != (LeftOut{}) {
		t.Fatalf("%+v", r)
	}
	if f := r.First; f.Returning != 1 || f.Strong.Share != 1 || f.StrongWrong != 0 {
		t.Errorf("%+v", f)
	}
	if g := groupOf(t, r.Kinds, journey.KeyCookie); g.Quality.Sessions != 1 || g.First.Strong.Hits != 1 {
		t.Errorf("%+v", g)
	}
	if g := groupOf(t, r.Kinds, NoKey); g.Quality.Sessions != 1 || g.First.Returning != 0 {
		t.Errorf("%+v", g)
	}
	if g := groupOf(t, r.Families, "Chrome"); g.Quality.Sessions != 2 || g.Quality.PairRecall.Share != 1 {
		t.Errorf("%+v", g)
	}
	if r.From.UnixMicro() != noon || r.To.UnixMicro() != w.now {
		t.Errorf("from %v to %v", r.From, r.To)
	}
}

// TestTheAccountIsHidden: what only the account says to be one must come out as two.
func TestTheAccountIsHidden(t *testing.T) {
	w := newTraffic()
	laptop, phone := chrome(1), &browser{ip: "203.0.113.5", agent: "Mobile Safari 18 on iOS", device: 8}
	w.asks(laptop, "ann", true, sid("laptop"))
	w.asks(phone, "ann", true, sid("phone"))
	w.passes(2 * hour)
	w.asks(laptop, "ann", true)
	r := measured(w, config())
	if r.Labelled != 3 || r.SpecIDs != 2 || r.Accounts != 1 {
		t.Fatalf("%+v", r)
	}
	if q := r.Overall; q.PairPrecision.Share != 1 || q.PairRecall.Hits != 2 || q.PairRecall.Of != 6 {
		t.Errorf("%+v", q)
	}
	if f := r.First; f.Returning != 2 || f.Strong.Hits != 1 || f.StrongWrong != 0 {
		t.Errorf("%+v", f)
	}
	if g := groupOf(t, r.Families, "Mobile Safari"); g.Quality.Sessions != 1 || g.First.Returning != 1 || g.First.Strong.Hits != 0 {
		t.Errorf("%+v", g)
	}
}

func TestOneDeviceOfTwoAccountsIsAMistake(t *testing.T) {
	w := newTraffic()
	family := chrome(1)
	w.asks(family, "ann", true, sid("family"))
	w.passes(2 * hour)
	w.asks(family, "bob", true)
	r := measured(w, config())
	if r.False.Hits != 1 || r.False.Of != 2 || r.Overall.PairPrecision.Share != 0 || r.Overall.PairPrecision.Of != 2 {
		t.Errorf("%+v", r)
	}
}

func TestFailedLogInsAndOtherSuccessesAreNoLabels(t *testing.T) {
	w := newTraffic()
	w.asks(chrome(1), "ann", false, sid("a"))
	w.asks(chrome(2), "", true, sid("b"))
	for i := range w.entries { // a purchase names its buyer, too
		for j := range w.entries[i].Judgement.Events {
			if e := &w.entries[i].Judgement.Events[j]; e.Type == journey.PageView {
				e.Type, e.Elements[0].Value = journey.Transaction, "bob"
			}
		}
	}
	r := measured(w, config())
	if r.Labelled != 0 || r.Sessions != 2 || r.LeftOut.Unlabelled != 2 || len(r.Notes) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestTheLabelIsTheJudges: a log-in that the engine stopped was not one, whatever
// the origin would have said, and an e-mail stands in for a username.
func TestTheLabelIsTheJudges(t *testing.T) {
	w := newTraffic()
	w.asks(chrome(1), "ann", true, sid("a"))
	w.asks(chrome(2), "bob", true, sid("b"))
	last := &w.entries[1].Judgement.Events[0]
	last.Outcome = journey.Mitigated
	w.entries[3].Judgement.Events[0].Elements = []journey.Element{{ID: "email", Value: "bob@example.com"}}
	w.entries[3].Judgement.Events[0].Type = journey.AccountCreate
	if r := measured(w, config()); r.Labelled != 1 || r.Accounts != 1 {
		t.Errorf("%+v", r)
	}
}

func TestSharedAccountsAreLeftOut(t *testing.T) {
	w := newTraffic()
	c := config()
	for n := range c.People.DevicesPerAccount {
		b := chrome(n)
		b.device = uint64(100 + n)
		w.asks(b, "team", true, sid(fmt.Sprint("team", n)))
	}
	w.asks(chrome(50), "ann", true, sid("ann"))
	if r := measured(w, c); r.Labelled != 9 || r.LeftOut.SharedAccounts != 0 {
		t.Fatalf("at the cap: %+v", r.LeftOut)
	}
	b := chrome(60)
	b.device = 999
	w.asks(b, "team", true, sid("one more"))
	r := measured(w, c)
	if r.Labelled != 1 || r.LeftOut.SharedAccounts != 1 || r.LeftOut.SharedAccountsUsed != 9 || r.LeftOut.Unlabelled != 0 {
		t.Errorf("past it: %+v", r.LeftOut)
	}
}

func TestDevicesAreToldApartBySurerKeys(t *testing.T) {
	w := newTraffic()
	for n := range 9 { // of one class all of them
		b := chrome(n)
		b.keys = []journey.Key{key(journey.KeyDevice, fmt.Sprint(n)), key(journey.KeyTicket, "of all")}
		w.asks(b, "team", true, sid(fmt.Sprint(n)))
	}
	if r := measured(w, config()); r.LeftOut.SharedAccounts != 1 {
		t.Errorf("%+v", r.LeftOut)
	}
}

func TestAnAccountOfVeryManySessionsIsLeftOut(t *testing.T) {
	w := newTraffic()
	c := config()
	c.People.SessionsPerID = 5
	bot := chrome(1)
	for range 5 {
		w.asks(bot, "bot", true, sid("bot"))
		w.passes(hour)
	}
	if r := measured(w, c); r.Labelled != 5 || r.LeftOut.SharedAccounts != 0 {
		t.Fatalf("at the cap: %+v", r.LeftOut)
	}
	w.asks(bot, "bot", true)
	r := measured(w, c)
	if r.Labelled != 0 || r.LeftOut.SharedAccounts != 1 || r.LeftOut.SharedAccountsUsed != 6 {
		t.Errorf("%+v", r.LeftOut)
	}
}

func TestSessionsOnAKioskAreLeftOut(t *testing.T) {
	w := newTraffic()
	kiosk := chrome(1)
	kiosk.keys = []journey.Key{key(journey.KeyDevice, "kiosk")}
	for n := range 4 {
		w.asks(kiosk, fmt.Sprint("guest", n), true)
		w.passes(hour)
	}
	w.asks(chrome(2), "ann", true, sid("ann"))
	w.passes(hour)
	if r := measured(w, config()); r.Labelled != 5 || r.LeftOut.SharedDevices != 0 {
		t.Fatalf("at the cap: %+v", r.LeftOut)
	}
	w.asks(kiosk, "guest 5", true)
	if r := measured(w, config()); r.Labelled != 1 || r.LeftOut.SharedDevices != 5 {
		t.Errorf("past it: %+v", r.LeftOut)
	}
}

func TestSessionsOfSeveralAccountsAreLeftOut(t *testing.T) {
	w := newTraffic()
	b := chrome(1)
	w.asks(b, "ann", true, sid("a"))
	w.asks(b, "ann", true)
	w.asks(b, "bob", true)
	if r := measured(w, config()); r.Labelled != 0 || r.LeftOut.SeveralAccounts != 1 || r.Sessions != 1 {
		t.Errorf("%+v", r)
	}
}

// TestSessionsThatTurnOutToBeOneCountOnce: a second one that began without the
// cookie is merged when a response teaches it that.
func TestSessionsThatTurnOutToBeOneCountOnce(t *testing.T) {
	w := newTraffic()
	ann := chrome(1)
	w.asks(ann, "ann", true, key(journey.KeyDevice, "ann"), sid("first"))
	again := chrome(1)
	again.keys = []journey.Key{key(journey.KeyTicket, "ann")}
	again.ip = "203.0.113.77"
	w.asks(again, "ann", true)
	again.keys = append(again.keys, sid("first"))
	w.asks(again, "", false)
	r := measured(w, config())
	if r.Sessions != 1 || r.Labelled != 1 || r.LeftOut.Unlabelled != 0 {
		t.Errorf("%d sessions, %d labelled, left out %+v", r.Sessions, r.Labelled, r.LeftOut)
	}
}

// TestALabelMovesWithItsSession to the one that this turned out to be part of, and
// what the first of both first requests was answered with counts.
func TestALabelMovesWithItsSession(t *testing.T) {
	w := newTraffic()
	ann := chrome(1)
	w.asks(ann, "ann", true, sid("ann"))
	w.passes(2 * hour)
	w.asks(ann, "", false) // known by its cookie, and does not sign in
	other := &browser{ip: "203.0.113.77", agent: "Chrome 130 on Windows", device: 7, keys: []journey.Key{key(journey.KeyTicket, "ann")}}
	w.asks(other, "ann", true) // new, and does
	other.keys = append(other.keys, sid("ann"))
	w.asks(other, "", false)
	r := measured(w, config())
	if r.Sessions != 2 || r.Labelled != 2 || r.LeftOut.Unlabelled != 0 {
		t.Fatalf("%d sessions, %d labelled, left out %+v", r.Sessions, r.Labelled, r.LeftOut)
	}
	if f := r.First; f.Returning != 1 || f.Strong.Hits != 1 {
		t.Errorf("%+v", f)
	}
	w.asks(other, "bob", true)
	if r := measured(w, config()); r.LeftOut.SeveralAccounts != 1 || r.Labelled != 1 {
		t.Errorf("another account in the part that came later: %+v", r.LeftOut)
	}
}

func TestTwoThatTurnOutToBeOneMayHaveTwoAccounts(t *testing.T) {
	w := newTraffic()
	w.asks(chrome(1), "ann", true, sid("ann"))
	other := &browser{ip: "203.0.113.77", agent: "Chrome 130 on Windows", device: 7, keys: []journey.Key{key(journey.KeyTicket, "t")}}
	w.asks(other, "bob", true)
	other.keys = append(other.keys, sid("ann"))
	w.asks(other, "", false)
	if r := measured(w, config()); r.Sessions != 1 || r.LeftOut.SeveralAccounts != 1 {
		t.Errorf("%d sessions, left out %+v", r.Sessions, r.LeftOut)
	}
}

func TestWhatLiesBeforeTheWindow(t *testing.T) {
	w := newTraffic()
	ann := chrome(1)
	w.asks(ann, "ann", true, sid("a"))
	w.entries = w.entries[1:] // its request is gone
	w.asks(ann, "ann", true)
	lost := journey.Entry{Version: 1, Input: journey.Input{Kind: journey.InputTick}, Judgement: journey.Judgement{Fault: "lost by the journal"}}
	w.entries = append([]journey.Entry{lost}, w.entries...)
	r := measured(w, config())
	if r.LeftOut.WithoutRequest != 1 || r.Labelled != 1 || r.Entries != 4 || r.From.UnixMicro() < noon {
		t.Errorf("%+v", r)
	}
}

func TestAnInputThatWasAFaultLeavesNoTrace(t *testing.T) {
	w := newTraffic()
	w.asks(chrome(1), "ann", true, sid("a"))
	for i := range w.entries {
		w.entries[i].Judgement.Fault = "the judge panicked"
	}
	if r := measured(w, config()); r.Sessions != 0 || r.Entries != 2 || r.From != nil {
		t.Errorf("%+v", r)
	}
}

func TestLabelsAreBounded(t *testing.T) {
	w := newTraffic()
	for n := range 6 {
		b := chrome(n)
		w.asks(b, fmt.Sprint("u", n), true, sid(fmt.Sprint(n)))
		w.asks(b, fmt.Sprint("u", n), true)
	}
	c := config()
	c.MaxLabelled = 4
	if r := measured(w, c); r.Labelled != 4 || r.LeftOut.BeyondLimit != 2 || r.LeftOut.Unlabelled != 0 {
		t.Errorf("%+v", r)
	}
}

func TestFamiliesAreBounded(t *testing.T) {
	w := newTraffic()
	for n := range 80 {
		b := chrome(n)
		b.agent = fmt.Sprintf("Made-up-%d 3.1 on Linux", n)
		w.asks(b, fmt.Sprint("u", n), true, sid(fmt.Sprint(n)))
	}
	b := chrome(99)
	b.agent = ""
	w.asks(b, "nobody", true, sid("n"))
	m := New(config())
	for i := range w.entries {
		m.Take(&w.entries[i])
	}
	if len(m.families) != mostNames {
		t.Errorf("%d families", len(m.families))
	}
	var n int64
	for _, g := range m.Tally().Report().Families {
		n += g.Quality.Sessions
	}
	if n != 81 {
		t.Errorf("%d sessions in families", n)
	}
}

func TestNamesOfFamilies(t *testing.T) {
	m := New(config())
	for agent, want := range map[string]string{"Chrome 130 on Windows": "Chrome", "Mobile Safari 18 on iOS": "Mobile Safari", "Firefox on Linux": "Firefox",
		"curl 8": "curl", "": "unknown", "Samsung Internet 26 on Android": "Samsung Internet", "App One": "App One"} {
		if got := m.family(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}

// TestTheKeyIsReplaced: a cookie and an account known by the former key of keyed
// hashes are the same by the present one.
func TestTheKeyIsReplaced(t *testing.T) {
	w := newTraffic()
	ann := chrome(1)
	w.asks(ann, "hash-1", true, sid("old"))
	w.passes(2 * hour)
	ann.ip = "203.0.113.9"
	turned := sid("new")
	turned.Former = sid("old").Hash
	ann.keys = []journey.Key{turned}
	w.asks(ann, "hash-2", true)
	last := &w.entries[len(w.entries)-1].Judgement.Events[0].Elements[0]
	last.Former = "hash-1"
	r := measured(w, config())
	if r.Accounts != 1 || r.SpecIDs != 1 || r.First.Strong.Share != 1 {
		t.Errorf("%+v", r)
	}
}

// TestRulesOfThePolicyInTheJournal: a session lasts as long as the revision in force
// then said.
func TestRulesOfThePolicyInTheJournal(t *testing.T) {
	w := newTraffic()
	ann := chrome(1)
	w.asks(ann, "ann", true, sid("a"))
	w.passes(50 * minute)
	w.asks(ann, "ann", true)
	w.entries = append(w.entries, journey.Entry{Version: 1, Input: journey.Input{Kind: journey.InputPolicy, Time: w.now, Policy: map[string]string{"long": ""}}})
	w.passes(50 * minute)
	w.asks(ann, "ann", true)
	c := config()
	c.Policy = func(bundle map[string]string) (session.Rules, bool) {
		_, long := bundle["long"]
		return session.Rules{Timeout: hour, MaxAge: 24 * hour}, long
	}
	if r := measured(w, c); r.Sessions != 2 {
		t.Errorf("%d sessions, want the second to last on", r.Sessions)
	}
	c.Policy = nil
	if r := measured(w, c); r.Sessions != 3 {
		t.Errorf("%d sessions, want 3 under one rule", r.Sessions)
	}
}

// crowd is traffic of many: cookies kept, cleared and shared, and devices changed.
func crowd(seed uint64, people, steps int) *traffic {
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := newTraffic()
	agents := []string{"Chrome 130 on Windows", "Mobile Safari 18 on iOS", "Firefox 128 on Linux"}
	var all []*browser
	for n := range people * 3 / 2 {
		all = append(all, &browser{ip: fmt.Sprintf("198.51.100.%d", n%200), agent: agents[n%3], device: uint64(1 + n%3)})
	}
	for range steps {
		n := rnd.IntN(len(all))
		b, who := all[n], fmt.Sprint("user", n%people)
		switch {
		case len(b.keys) == 0:
			w.asks(b, "", false, sid(fmt.Sprint(rnd.Uint64())))
		case rnd.IntN(30) == 0:
			b.keys = nil
		case rnd.IntN(3) == 0:
			w.asks(b, who, rnd.IntN(8) > 0)
		default:
			w.asks(b, "", false)
		}
		if rnd.IntN(10) == 0 {
			w.passes(10 * minute)
		}
	}
	return w
}

// TestTheSameEntriesGiveTheSameReport, also when it is asked for on the way.
func TestTheSameEntriesGiveTheSameReport(t *testing.T) {
	w := crowd(5, 60, 6000)
	want := measured(w, config())
	if want.Labelled < 300 || want.First.Returning < 100 || want.First.Strong.Share < 0.5 || want.Overall.PairPrecision.Share < 0.99 {
		t.Fatalf("no fair sample: %+v", want)
	}
	m := New(config())
	for i := range w.entries {
		m.Take(&w.entries[i])
		if i%1000 == 0 {
			m.Tally()
		}
	}
	for range 3 {
		if got := m.Tally().Report(); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\n%+v", got, want)
		}
	}
}

// TestWhatIsLiveIsBounded: what has ended and has no label is let go of.
func TestWhatIsLiveIsBounded(t *testing.T) {
	w := newTraffic()
	m := New(config())
	for n := range 3000 {
		w.asks(chrome(n), "", false, sid(fmt.Sprint(n)))
		if n%100 == 99 {
			w.passes(hour)
		}
	}
	w.exchange++ // one whose response never comes
	w.put(&journey.Observation{Exchange: w.exchange, Phase: journey.PhaseRequest, Time: w.now, IP: "203.0.113.1"}, nil)
	w.passes(2 * hour)
	for i := range w.entries {
		m.Take(&w.entries[i])
	}
	if len(m.visits) != 0 || len(m.pending) != 0 || len(m.labels) != 0 {
		t.Errorf("%d live, %d pending, %d labels", len(m.visits), len(m.pending), len(m.labels))
	}
}
