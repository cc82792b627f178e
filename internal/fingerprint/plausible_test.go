package fingerprint

import (
	"slices"
	"strings"
	"testing"
)

var programs = map[string]program{"chromium": isChromium, "firefox": isFirefox, "curl": isCurl, "wget": isWget, "nghttp": isNghttp,
	"node": isNode, "node-http2": isNode, "python": isPython, "go": isGo}

// shown are the facts of a recorded connection, one for each of its requests.
func shown(t testing.TB, r recording) (out []Facts) {
	t.Helper()
	var h Hello
	must(t, h.Parse(r.Hello))
	f := Facts{TLS: h.Prints(TCP), H2: r.H2, Agent: r.Agent}
	if len(r.Opening) > 0 {
		h2, err := opened(r.Opening, 999)
		if h2 == nil {
			t.Fatal(err)
		}
		f.Agent, f.Hints = h2.First.Agent, h2.First.Hints
		out = append(out, f)
	}
	for _, q := range r.Requests {
		p := printed(q.Text)
		f.Agent, f.Hints = p.Agent, p.Hints
		out = append(out, f)
	}
	return out
}

// What the tables say is what was recorded, and everything that was recorded is in
// them.
func TestTablesAreLearnedFromRecordedClients(t *testing.T) {
	for _, k := range recordedClients(t) {
		want := programs[k.Family]
		for _, r := range slices.Concat(k.H2, k.H1) {
			if got := tlsOf(r.Stable); got != want {
				t.Errorf("%s: TLS %s is that of %v", k.Version, r.Stable, got)
			}
			if got := h2Of(r.H2); r.H2 != "" && got != want {
				t.Errorf("%s: HTTP/2 %s is that of %v", k.Version, r.H2, got)
			}
			var h Hello
			must(t, h.Parse(r.Hello))
			if h.Prints(TCP).Grease != (want == isChromium) {
				t.Errorf("%s: GREASE is %v", k.Version, !(want == isChromium))
			}
			for _, f := range shown(t, r) {
				if got := claimed(f.Agent); f.Agent != "" && got != want {
					t.Errorf("%s: its user agent is that of %v", k.Version, got)
				}
				if (f.Hints != "") != (want == isChromium) && !strings.HasPrefix(r.Agent, "Mozilla") {
					t.Errorf("%s: client hints are %q", k.Version, f.Hints)
				}
			}
		}
	}
}

// Nobody who is what he says is doubted, and everybody who takes another's name is.
func TestDoubts(t *testing.T) {
	for _, k := range recordedClients(t) {
		for _, r := range slices.Concat(k.H2, k.H1) {
			for _, f := range shown(t, r) {
				if got := Doubts(f); got != nil {
					t.Errorf("%s is doubted: %q", k.Version, got)
				}
				for agent, p := range map[string]program{
					"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36": isChromium,
					"Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0":                                isFirefox,
					"curl/8.9.1": isCurl, "Go-http-client/2.0": isGo, "Python-urllib/3.12": isPython,
				} {
					f.Agent = agent
					got := Doubts(f)
					if p == programs[k.Family] {
						if got != nil {
							t.Errorf("%s as itself is doubted: %q", k.Version, got)
						}
						continue
					}
					want := "user agent says " + p.String() + ", TLS is that of " + programs[k.Family].String()
					if !slices.Contains(got, want) {
						t.Errorf("%s as %s: %q, want %q", k.Version, agent, got, want)
					}
					if want := "user agent says " + p.String() + ", HTTP/2 is that of " + programs[k.Family].String(); r.H2 != "" && !slices.Contains(got, want) {
						t.Errorf("%s as %s: %q, want %q", k.Version, agent, got, want)
					}
				}
			}
		}
	}
}

func TestDoubtsOfUnknownClients(t *testing.T) {
	chrome := "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36"
	for name, c := range map[string]struct {
		facts Facts
		want  string
	}{
		"a Chromium of another version":       {Facts{Agent: chrome, Hints: `"Chromium";v="150", "Not A Brand";v="8"`, TLS: TLS{Stable: "s13_0", Grease: true}, H2: "1:1|00|0|m"}, ""},
		"no GREASE":                           {Facts{Agent: chrome, TLS: TLS{Stable: "s13_0"}}, "user agent says Chromium, TLS goes without GREASE"},
		"nothing but a user agent":            {Facts{Agent: chrome}, ""},
		"other hints":                         {Facts{Agent: chrome, Hints: `"Chromium";v="151"`}, "user agent says version 150, client hints say 151"},
		"hints of what is not Chromium":       {Facts{Agent: "curl/8.0", Hints: `"Chromium";v="151"`}, "user agent says curl, client hints are Chromium's"},
		"TLS and HTTP/2 of two":               {Facts{TLS: TLS{Stable: recordedStable(t, "go")}, H2: "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p"}, "TLS is that of Go, HTTP/2 that of Chromium"},
		"a crawler":                           {Facts{Agent: "Mozilla/5.0 (compatible; Bot/1.0) Chrome/100.0", TLS: TLS{Stable: recordedStable(t, "go")}}, ""},
		"a browser on iOS":                    {Facts{Agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) CriOS/120.0 Chrome/1", TLS: TLS{Stable: "s13_0"}}, ""},
		"a version that is none":              {Facts{Agent: "Chrome/99999999", Hints: `"Chromium";v="151"`}, ""},
		"hints without a version":             {Facts{Agent: chrome, Hints: `"Brand";v="1"`}, ""},
		"an agent of which there are so many": {Facts{Agent: "okhttp/4.12", TLS: TLS{Stable: recordedStable(t, "go")}}, ""},
	} {
		if got := strings.Join(Doubts(c.facts), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func recordedStable(t testing.TB, family string) string {
	t.Helper()
	for _, k := range recordedClients(t) {
		if k.Family == family {
			return k.main().Stable
		}
	}
	t.Fatalf("%s was not recorded", family)
	return ""
}
