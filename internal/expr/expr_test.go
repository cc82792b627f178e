package expr

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

type facts struct {
	attrs   map[string]any
	values  map[string]string
	windows map[Window]int64
	labels  map[string]bool
	asked   int
}

func (f *facts) Attr(n string) any {
	if v, ok := f.attrs[n]; ok {
		return v
	}
	switch n {
	case "event.time":
		return int64(1_700_000_000_000_000)
	case "session.start":
		return int64(1_700_000_000_000_000 - 90_000_000)
	case "event.status", "session.events", "session.points":
		return 0
	case "session.new":
		return false
	}
	return ""
}
func (f *facts) Value(id string) string  { return f.values[id] }
func (f *facts) Window(w Window) int64   { f.asked++; return f.windows[w] }
func (f *facts) HasLabel(id string) bool { return f.labels[id] }

func options() Options {
	return Options{
		Element: func(id string) (bool, bool) {
			switch id {
			case "ip", "username", "email":
				return true, true
			case "country", "transaction_amount", "bot_name":
				return false, true
			}
			return false, false
		},
		Lists: map[string]map[string]bool{"good_bots": {"googlebot": true}},
	}
}

func compile(t testing.TB, src string) *Program {
	t.Helper()
	p, err := Compile(src, options())
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return p
}

func TestRules(t *testing.T) {
	fails := Window{Subject: "ip", Op: Distinct, Element: "username", Type: journey.AuthenticationAttempt, Outcome: journey.Failure, Within: 10 * time.Minute}
	f := &facts{
		attrs:  map[string]any{"event.type": "authentication_attempt", "event.outcome": "failure", "event.status": 401, "session.rating": "suspicious"},
		values: map[string]string{"email": "ann@example.com", "transaction_amount": "120.50", "bot_name": "googlebot"},
		windows: map[Window]int64{
			fails: 7,
			{Subject: "session", Op: Count, Type: journey.Transaction}:                                                 2,
			{Subject: "ip", Op: Sum, Element: "transaction_amount", Type: journey.Transaction, Within: 24 * time.Hour}: 120_500_000,
			{Subject: "username", Op: FirstSeen}:                                                                       1_700_000_000_000_000 - 3600_000_000,
			{Subject: "session", Op: Last, Type: journey.Search}:                                                       1_700_000_000_000_000 - 5_000_000,
		},
		labels: map[string]bool{"returning": true},
	}
	for src, want := range map[string]bool{
		`event.type == "authentication_attempt" && event.outcome == "failure"`:               true,
		`event.status >= 400 && event.status < 500`:                                          true,
		`entity("ip").distinct("username", "authentication_attempt", "failure", "10m") >= 5`: true,
		`entity("ip").distinct("username", "authentication_attempt", "failure", "10m") >= 8`: false,
		`session.count("transaction") == 2`:                                                  true,
		`entity("ip").sum("transaction_amount", "transaction", "1d") > 120.0`:                true,
		`entity("username").age() == 3600`:                                                   true,
		`event.time - entity("username").first_seen() < duration("2h")`:                      true,
		`session.elapsed_since("search") < 10`:                                               true,
		`session.elapsed_since("logout") == -1`:                                              true,
		`session.has_label("returning") && !session.has_label("other")`:                      true,
		`number("transaction_amount") > 100.0 && value("email").endsWith("@example.com")`:    true,
		`present("country")`:                                                  false,
		`in_list("good_bots", value("bot_name"))`:                             true,
		`in_list("good_bots", value("email"))`:                                false,
		`session.age == 90 && session.rating == "suspicious" && !session.new`: true,
		`value("email").matches("^[a-z]+@")`:                                  true,
	} {
		got, evidence, err := compile(t, src).Eval(f)
		if err != nil || got != want {
			t.Errorf("%s = %v, %v; want %v", src, got, err, want)
		}
		if got != (evidence != nil) {
			t.Errorf("%s: evidence %v for %v", src, evidence, got)
		}
	}
}

func TestEvidenceIsWhatTheRuleSaw(t *testing.T) {
	p := compile(t, `entity("ip").count("authentication_attempt", "10m") > 3 && value("email") != "" || present("country")`)
	w := Window{Subject: "ip", Op: Count, Type: journey.AuthenticationAttempt, Within: 10 * time.Minute}
	_, ev, err := p.Eval(&facts{windows: map[Window]int64{w: 4}, values: map[string]string{"email": "a@b.c"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []journey.Evidence{{What: `entity("ip").count("authentication_attempt", "10m")`, Value: "4"}, {What: `value("email")`, Value: "a@b.c"}}
	if len(ev) != 2 || ev[0] != want[0] || ev[1] != want[1] {
		t.Fatalf("evidence = %v, want %v", ev, want)
	}
	if ws := p.Windows(); len(ws) != 1 || ws[0] != w {
		t.Fatalf("windows = %v", ws)
	}
}

func TestEachFactIsAskedOnce(t *testing.T) {
	p := compile(t, `session.count("search") > 0 && session.count("search") > 1 && session.count("search") > 2`)
	f := &facts{windows: map[Window]int64{{Subject: "session", Op: Count, Type: journey.Search}: 3}}
	if ok, _, err := p.Eval(f); !ok || err != nil || f.asked != 1 {
		t.Fatalf("%v %v asked %d times", ok, err, f.asked)
	}
}

func TestWrongRulesSayWhatWouldBeRight(t *testing.T) {
	for src, want := range map[string]string{
		``:                                       "empty",
		`session.count("authentication_atempt")`: `"authentication_attempt"`,
		`session.count("transaction", "10 mins")`:  "90s, 10m",
		`session.count("transaction", "100d") > 1`: "90s, 10m",
		`session.count("transaction")`:             "true or false",
		`entity("country").count() > 1`:            "is an attribute",
		`entity("nope").count() > 1`:               "is no element",
		`entity(value("ip")).count() > 1`:          "not a literal",
		`value("nope") == "x"`:                     "is no element",
		`in_list("bots", "x")`:                     `"good_bots"`,
		`evnt.type == "x"`:                         `"event`,
		`event.status == "401"`:                    "same type",
		`ip.distinct() > 1`:                        `entity("ip")`,
		`session.distinct() > 1`:                   "an element first",
		`1 +`:                                      "CEL condition",
		`[1,2].exists(x, x > 1)`:                   "want",
	} {
		_, err := Compile(src, options())
		var e *Error
		if !errors.As(err, &e) || e.Line < 1 || e.Col < 1 || e.Right == "" {
			t.Errorf("%s: error %v is not placed or says nothing right", src, err)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", src, err, want)
		}
	}
}

type panicking struct{ facts }

func (*panicking) Value(string) string { panic("boom") }

func TestAPanickingFactDoesNotHold(t *testing.T) {
	ok, _, err := compile(t, `value("email") == "x"`).Eval(&panicking{})
	if ok || err == nil {
		t.Fatalf("%v %v", ok, err)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`entity("ip").distinct("username", "authentication_attempt", "failure", "10m") >= 5`)
	f.Add(`session.count("", "5s") > 1 && in_list("good_bots", value("bot_name"))`)
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile(src, options())
		if err == nil {
			_, _, _ = p.Eval(&facts{})
		}
	})
}

func BenchmarkFourTerms(b *testing.B) {
	p := compile(b, `event.outcome == "failure" && entity("ip").count("authentication_attempt", "10m") > 5 && entity("ip").distinct("username", "10m") > 3 && !session.has_label("trusted")`)
	f := &facts{attrs: map[string]any{"event.outcome": "failure"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.Eval(f); err != nil {
			b.Fatal(err)
		}
	}
}
