package expr

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

const now = int64(1_700_000_000_000_000)

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
		return now
	case "session.start":
		return now - 90_000_000
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
		Numeric: func(id string) bool { return id == "transaction_amount" },
		Lists:   map[string]map[string]bool{"good_bots": {"googlebot": true}},
		Labels:  map[string]bool{"returning": true, "other": true, "trusted": true},
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
		values: map[string]string{"email": "ann@example.com", "transaction_amount": "120.50", "bot_name": "googlebot", "username": "NaN"},
		windows: map[Window]int64{
			fails: 7,
			{Subject: "session", Op: Count, Type: journey.Transaction}:                                                 2,
			{Subject: "session", Op: Count, Within: 5 * time.Second}:                                                   4,
			{Subject: "ip", Op: Sum, Element: "transaction_amount", Type: journey.Transaction, Within: 24 * time.Hour}: 120_500_000,
			{Subject: "username", Op: FirstSeen}:                                                                       now - 3600_000_000,
			{Subject: "session", Op: Last, Type: journey.Search}:                                                       now - 5_000_000,
		},
		labels: map[string]bool{"returning": true},
	}
	for src, want := range map[string]bool{
		`event.type == "authentication_attempt" && event.outcome == "failure"`:               true,
		`event.type in ["transaction", "authentication_attempt"]`:                            true,
		`event.status >= 400 && event.status < 500`:                                          true,
		`event.time.getHours() == 22 && event.time.getHours("+02:00") == 0`:                  true,
		`entity("ip").distinct("username", "authentication_attempt", "failure", "10m") >= 5`: true,
		`entity("ip").distinct("username", "authentication_attempt", "failure", "10m") >= 8`: false,
		`session.count("transaction") == 2`:                                                  true,
		`session.count("transaction") > 1.5`:                                                 true,
		`session.count("", "5s") == 4 && session.count("5s") == 4`:                           true,
		`entity("ip").sum("transaction_amount", "transaction", "1d") > 120`:                  true,
		`entity("username").age() == 3600`:                                                   true,
		`entity("ip").age() == 0 && entity("ip").first_seen() == event.time`:                 true,
		`event.time - entity("username").first_seen() < duration("2h")`:                      true,
		`session.elapsed_since("search") < 10`:                                               true,
		`session.elapsed_since("logout") == -1`:                                              true,
		`session.has_label("returning") && !session.has_label("other")`:                      true,
		`number("transaction_amount") > 100 && value("email").endsWith("@example.com")`:      true,
		`number("transaction_amount") == 120.5`:                                              true,
		`present("country")`:                                                                 false,
		`value("country") == ""`:                                                             true,
		`in_list("good_bots", value("bot_name"))`:                                            true,
		`in_list("good_bots", value("email"))`:                                               false,
		`session.age == 90 && session.rating == "suspicious" && !session.new`:                true,
		`value("email").matches("^[a-z]+@")`:                                                 true,
		`value("email").matches(r"\d")`:                                                      false,
		`value("email").matches("(a|b|c|d|e|f|g|h){1,40}@") || size(value("email")) == 15`:   true, // cost tracked
		`session.new ? event.status == 0 : event.status == 401`:                              true,
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
	p := compile(t, `event.outcome == "failure" && entity("ip").count("authentication_attempt", "10m") > 3 && value("email") != "" &&
		session.elapsed_since("search") == -1 && entity("username").age() >= 0 || present("country")`)
	w := Window{Subject: "ip", Op: Count, Type: journey.AuthenticationAttempt, Within: 10 * time.Minute}
	f := &facts{windows: map[Window]int64{w: 4}, values: map[string]string{"email": "a@b.c"}, attrs: map[string]any{"event.outcome": "failure"}}
	_, ev, err := p.Eval(f)
	if err != nil {
		t.Fatal(err)
	}
	want := []journey.Evidence{
		{What: `entity("ip").count("authentication_attempt", "10m")`, Value: "4"},
		{What: `value("email")`, Value: "a@b.c"},
		{What: `session.elapsed_since("search")`, Value: "-1"},
		{What: `entity("username").age()`, Value: "0"},
		{What: `event.outcome`, Value: "failure"},
	}
	if !reflect.DeepEqual(ev, want) {
		t.Fatalf("evidence = %v, want %v", ev, want)
	}
	for range 50 { // the same whatever was evaluated before on the pooled state
		_, _, _ = compile(t, `present("country") || session.count() >= 0`).Eval(f)
		if _, again, _ := p.Eval(f); !reflect.DeepEqual(again, want) {
			t.Fatalf("evidence changed to %v", again)
		}
	}
}

func TestWindowsAreEachOnceInSourceOrder(t *testing.T) {
	const src = `entity("ip").age() > 5 && session.count("search", "60s") > 1 && entity("ip").first_seen() < event.time && session.count("search", "1m") > 2 && session.sum("transaction_amount") > 1`
	want := []Window{
		{Subject: "ip", Op: FirstSeen},
		{Subject: "session", Op: Count, Type: journey.Search, Within: time.Minute},
		{Subject: "session", Op: Sum, Element: "transaction_amount"},
	}
	for range 20 {
		if got := compile(t, src).Windows(); !reflect.DeepEqual(got, want) {
			t.Fatalf("windows = %v, want %v", got, want)
		}
	}
}

// What a window is called in evidence compiles to that very window.
func TestAWindowIsNamedAsItIsWritten(t *testing.T) {
	for _, src := range []string{
		`session.count()`, `session.count("search")`, `entity("ip").count("", "failure", "90s")`,
		`entity("ip").distinct("username", "authentication_attempt", "failure", "1h30m")`, `session.sum("transaction_amount", "7d")`,
	} {
		w := compile(t, src+" > 0").Windows()[0]
		if again := compile(t, w.String()+" > 0").Windows()[0]; again != w {
			t.Errorf("%s is named %s, which is %+v", src, w, again)
		}
	}
}

func TestEachFactIsAskedOnce(t *testing.T) {
	p := compile(t, `session.count("search") > 0 && session.count("search") > 1 && session.count("search") > 2`)
	f := &facts{windows: map[Window]int64{{Subject: "session", Op: Count, Type: journey.Search}: 3}}
	if ok, _, err := p.Eval(f); !ok || err != nil || f.asked != 1 {
		t.Fatalf("%v %v asked %d times", ok, err, f.asked)
	}
}

func TestWhatIsSkippedIsNotAsked(t *testing.T) {
	f := &facts{}
	if ok, _, err := compile(t, `event.status == 1 && session.count("search") > 0`).Eval(f); ok || err != nil || f.asked != 0 {
		t.Fatalf("%v %v asked %d times", ok, err, f.asked)
	}
}

func TestWrongRulesSayWhatWouldBeRight(t *testing.T) {
	for src, want := range map[string]string{
		``:                        `1:1: the rule is empty`,
		strings.Repeat("x", 4097): `at most 4096`,
		"\xff":                    `UTF-8`,
		`session.count("authentication_atempt") > 1`:   `1:15: "authentication_atempt" is no event type, outcome or time; want "authentication_attempt"`,
		`session.count("search", "sucess") > 1`:        `1:25: "sucess" is no event type, outcome or time; want "success"`,
		`session.count("transaction", "10 mins") > 1`:  `want 10m`,
		`session.count("transaction", "100d") > 1`:     `at most 90d`,
		`session.count("transaction", "100ms") > 1`:    `90s, 10m`,
		`session.count("10m", "search") > 1`:           `1:22: "search" stands out of order`,
		`session.count(event.type) > 1`:                `not a literal`,
		`session.elapsed_since("search", "10m") > 1`:   `without limit`,
		`entity("ip").first_seen("10m") == event.time`: `takes no arguments`,
		`session.count("transaction")`:                 `true or false`,
		`entity("country").count() > 1`:                `is an attribute`,
		`entity("nope").count() > 1`:                   `is no element`,
		`entity(value("ip")).count() > 1`:              `not a literal`,
		`entity("ip").sum("email") > 1`:                `"email" is no number`,
		`number("email") > 1`:                          `"email" is no number`,
		`value("nope") == "x"`:                         `1:7: "nope" is no element`,
		`value(event.name) == "x"`:                     `not a literal`,
		`value() == "x"`:                               `1:1: "value" is not used like this; want value("email")`,
		`in_list("good_bot", "x")`:                     `"good_bots"`,
		`in_list(event.name, "x")`:                     `not a literal`,
		`session.has_label("returned")`:                `"returning"`,
		`session.has_label(event.name)`:                `not a literal`,
		`entity("ip").has_label("other")`:              `only a session carries labels`,
		`evnt.type == "x"`:                             `1:1: "evnt.type" is unknown; want "event.type"`,
		"event.status == 1 &&\n  session.pionts > 2":   `2:3: "session.pionts" is unknown; want "session.points"`,
		`session.cuont("search") > 1`:                  `"session.count"`,
		`session == 1`:                                 `does not stand alone`,
		`event.type == "transacton"`:                   `1:15: "transacton" is never an event.type; want "transaction"`,
		`event.outcome in ["success", "failed"]`:       `"failure"`,
		`"malicous" == session.rating`:                 `"malicious"`,
		`event.method == "post"`:                       `"POST"`,
		`event.status == "401"`:                        `1:14: == does not take (int, string)`,
		`event.status = 401`:                           `want ==`,
		`event.status == 1 and true`:                   `want &&`,
		`not session.new`:                              `1:1: "not" is no word of the language; want !`,
		`event.status == 1 | true`:                     `want ||`,
		`event.name == "x`:                             `the text does not end`,
		`(event.status == 1`:                           `ends too early`,
		`1 +`:                                          `ends too early`,
		`ip.distinct() > 1`:                            `entity("ip")`,
		`session.distinct() > 1`:                       `an element first`,
		`has(event.type)`:                              `present("email")`,
		`[1,2].exists(x, x > 1)`:                       `in_list`,
		`value("email").startswith("a")`:               `startsWith`,
		`value("email").matches("(a")`:                 `1:24: the pattern is not valid`,
		`value("email").matches(value("username"))`:    `the pattern is not a literal`,
		`event.time.getHours("Europe/Berlin") > 1`:     `getHours("+02:00")`,
		`event.time - event.time > duration("10 min")`: `the duration is not valid`,
		`value("email").matches("(a{30}|b{30}){8}")` + strings.Repeat(` || value("email").matches("`+strings.Repeat("a", 350)+`")`, 8): `may cost`,
		strings.Repeat("(", 100) + "true" + strings.Repeat(")", 100):                                                                   `too deep`,
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

func TestAnErrorNamesWhatIsDefinedNowhere(t *testing.T) {
	for src, want := range map[string][2]string{
		`in_list("x", "y")`: {"list", "x"}, `session.has_label("x")`: {"label", "x"}, `value("x") == ""`: {},
	} {
		_, err := Compile(src, options())
		var e *Error
		if !errors.As(err, &e) || e.Kind != want[0] || e.Name != want[1] {
			t.Errorf("%s: %+v", src, e)
		}
	}
	if _, err := Compile(`in_list("x", "y") || session.has_label("z")`, Options{}); err != nil {
		t.Errorf("nothing to check against: %v", err)
	}
}

func TestDurations(t *testing.T) {
	for s, want := range map[string]time.Duration{"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "1.5h": 90 * time.Minute} {
		if d, err := ParseDuration(s); err != nil || d != want {
			t.Errorf("%s = %v, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "d", "0d", "0s", "-5m", "10", "500ms", "1.5d", "+1d", "99999d", "1500ms", "10 m"} {
		if d, err := ParseDuration(s); err == nil {
			t.Errorf("%q = %v, want an error", s, d)
		}
	}
	for s, want := range map[string]string{"10 mins": "10m", "2 Weeks": "14d", "1 hour": "1h", "30sec": "30s", "3 d": "3d", "soon": "", "10": "", "0 days": ""} {
		if got, ok := DurationHint(s); got != want || ok != (want != "") {
			t.Errorf("hint for %q = %q, %v; want %q", s, got, ok, want)
		}
	}
}

func TestARuleThatCannotBeComputedSaysSo(t *testing.T) {
	f := &facts{values: map[string]string{"email": "x"}}
	if ok, ev, err := compile(t, `int(value("email")) > 1`).Eval(f); ok || ev != nil || err == nil {
		t.Fatalf("%v %v %v", ok, ev, err)
	}
}

func TestALongTextIsCut(t *testing.T) {
	f := &facts{values: map[string]string{"email": "ab" + strings.Repeat("é", 1<<20)}}
	if ok, _, err := compile(t, `size(value("email")) == 1025 && value("email").startsWith("ab")`).Eval(f); !ok || err != nil {
		t.Fatalf("%v %v", ok, err)
	}
}

type panicking struct{ facts }

func (*panicking) Value(string) string { panic("boom") }

func TestAPanickingFactDoesNotHold(t *testing.T) {
	p := compile(t, `value("email") == "x"`)
	if ok, _, err := p.Eval(&panicking{}); ok || err == nil {
		t.Fatalf("%v %v", ok, err)
	}
	if ok, _, err := p.Eval(&facts{values: map[string]string{"email": "x"}}); !ok || err != nil {
		t.Fatalf("after the panic: %v %v", ok, err)
	}
}

func TestProgramsAreShared(t *testing.T) {
	p := compile(t, `value("email") == "7" && session.count("search") == 7`)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			f := &facts{values: map[string]string{"email": fmt.Sprint(i)}, windows: map[Window]int64{{Subject: "session", Op: Count, Type: journey.Search}: int64(i)}}
			for range 200 {
				if ok, _, err := p.Eval(f); err != nil || ok != (i == 7) {
					t.Errorf("%d: %v %v", i, ok, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func FuzzCompile(f *testing.F) {
	f.Add(`entity("ip").distinct("username", "authentication_attempt", "failure", "10m") >= 5`)
	f.Add(`session.count("", "5s") > 1 && in_list("good_bots", value("bot_name"))`)
	f.Add(`event.time.getHours("+02:00") in [1, 2] || value("email").matches(r"\d{3}")`)
	f.Add("event.status == 1 and\n not x ? {1: [2]}.a : '")
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile(src, options())
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Col < 1 || e.Wrong == "" || e.Right == "" {
				t.Fatalf("%q: %#v", src, err)
			}
			return
		}
		first, _, _ := p.Eval(&facts{})
		if again, _, _ := p.Eval(&facts{}); first != again || p.Source() != src {
			t.Fatalf("%q is not stable", src)
		}
	})
}

const fourTerms = `event.outcome == "failure" && entity("ip").count("authentication_attempt", "10m") > 5 && entity("ip").distinct("username", "10m") > 3 && !session.has_label("trusted")`

// BenchmarkFourTerms evaluates all four; the last one decides.
func BenchmarkFourTerms(b *testing.B) {
	for _, holds := range []bool{false, true} {
		b.Run(fmt.Sprintf("holds=%v", holds), func(b *testing.B) {
			p := compile(b, fourTerms)
			f := &facts{attrs: map[string]any{"event.outcome": "failure"}, labels: map[string]bool{"trusted": !holds}, windows: map[Window]int64{}}
			for _, w := range p.Windows() {
				f.windows[w] = 9
			}
			b.ReportAllocs()
			for b.Loop() {
				if ok, _, err := p.Eval(f); err != nil || ok != holds {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		compile(b, fourTerms)
	}
}
