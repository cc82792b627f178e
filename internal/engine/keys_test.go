package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

func kindsOf(keys []journey.Key) string {
	var out []string
	for _, k := range keys {
		out = append(out, k.Kind)
	}
	return strings.Join(out, " ")
}

// TestATicketIsLearnedWithTheRequest that came over the connection it was given to,
// before there is a response; it makes no observation urgent, or all first ones were.
func TestATicketIsLearnedWithTheRequest(t *testing.T) {
	for _, c := range []struct {
		name, method, target string
		cookie               bool
		phases               string
		learned              []string // by observation
	}{
		{"async", "GET", "/page", false, "complete", []string{"ticket"}},
		{"async, a cookie is set", "GET", "/page", true, "complete!", []string{"ticket cookie"}},
		{"its response body is read", "GET", "/result", false, "complete", []string{"ticket"}},
		{"and a cookie is set", "GET", "/result", true, "request! response!", []string{"ticket cookie", "cookie"}},
		{"sync", "GET", "/cart", true, "request! response!", []string{"ticket", "cookie"}},
	} {
		for _, resumed := range []bool{false, true} {
			w := newWorld(t)
			x := w.exchange(site.Active, c.method, c.target, "User-Agent", "curl/8.1")
			x.Conn.ID, x.Conn.Ticket, x.Conn.Resumed = "1", "2", resumed
			w.e.Decide(x, wire.PhaseRequestHead)
			x.ReqBody.Seen = true
			respond(x, 200, "Content-Type", "application/json")
			if c.cookie {
				x.Response.Fields = append(x.Response.Fields, wire.Field{Name: "Set-Cookie", Value: "sid=0123456789abcdef; HttpOnly"})
			}
			w.e.Decide(x, wire.PhaseResponseHead)
			w.e.Decide(x, wire.PhaseEnd)
			if got := w.phases(); got != c.phases {
				t.Errorf("%s: %s, want %s", c.name, got, c.phases)
				continue
			}
			carried := "connection"
			if resumed {
				carried += " ticket"
			}
			for i, o := range w.judge.seen {
				want := c.learned[i]
				if resumed {
					want = strings.TrimSpace(strings.TrimPrefix(want, "ticket"))
				}
				if kindsOf(o.Learned) != want {
					t.Errorf("%s, resumed %v, %d: learned %q, want %q", c.name, resumed, i, kindsOf(o.Learned), want)
				}
				if first := o.Phase != journey.PhaseResponse; first && (kindsOf(o.Keys) != carried || o.Device == 0) || !first && len(o.Keys) > 0 {
					t.Errorf("%s, resumed %v, %d: carried %q, device %x", c.name, resumed, i, kindsOf(o.Keys), o.Device)
				}
			}
		}
	}
}

// TestTokensAreLearnedOfBodies of matched Specs only, and known again.
func TestTokensAreLearnedOfBodies(t *testing.T) {
	const value = "tok-0123456789abcdef"
	w := newWorld(t)
	snap, faults := policy.Compile(bundle("kind: session\ntokens: [json $.access_token, form.csrf]\n---\n" + routes))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if err := w.e.SetPolicy(t.Context(), snap); err != nil {
		t.Fatal(err)
	}
	ask := func(method, target string, change func(x *wire.Exchange)) {
		x := w.exchange(site.PassThrough, method, target)
		change(x)
		w.e.Decide(x, wire.PhaseRequestHead)
		x.ReqBody.Seen = true
		w.e.Decide(x, wire.PhaseRequestBody)
		respond(x, 200, "Content-Type", "application/json")
		w.e.Decide(x, wire.PhaseResponseHead)
		x.RespBody = wire.Body{Bytes: []byte(`{"access_token": "` + value + `", "refresh": "` + value + `x"}`), Seen: true}
		w.e.Decide(x, wire.PhaseEnd)
	}
	ask("GET", "/elsewhere", func(*wire.Exchange) {})
	if len(w.judge.seen) > 0 {
		t.Fatal("what no Spec names was observed")
	}
	ask("GET", "/page", func(*wire.Exchange) {})
	ask("GET", "/page", func(x *wire.Exchange) {
		x.Request.Fields = append(x.Request.Fields, wire.Field{Name: "Authorization", Value: "Bearer " + value})
	})
	ask("POST", "/search", func(x *wire.Exchange) {
		x.Request.Fields = append(x.Request.Fields, wire.Field{Name: "Content-Type", Value: "application/x-www-form-urlencoded"})
		x.ReqBody.Bytes = []byte("q=shoes&csrf=" + value)
	})
	if got := w.phases(); got != "complete! complete! complete!" {
		t.Fatal(got)
	}
	taught := w.judge.seen[0].Learned
	if kindsOf(taught) != "token bearer" || kindsOf(w.judge.seen[1].Keys) != "bearer" || kindsOf(w.judge.seen[2].Keys) != "token" ||
		!slices.Contains(taught, w.judge.seen[1].Keys[0]) || !slices.Contains(taught, w.judge.seen[2].Keys[0]) {
		t.Errorf("taught %v, came back as %v and %v", taught, w.judge.seen[1].Keys, w.judge.seen[2].Keys)
	}
}
