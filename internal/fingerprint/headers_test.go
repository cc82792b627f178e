package fingerprint

import (
	"iter"
	"strings"
	"testing"
)

// lines gives the fields of a head as it stands on the wire.
func lines(head string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for line := range strings.Lines(head) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			if name != "" && !yield(name, value) {
				return
			}
		}
	}
}

const visit = `Host: shop.example.test
Connection: keep-alive
sec-ch-ua: "Chromium";v="156"
sec-ch-ua-mobile: ?0
sec-ch-ua-platform: "Linux"
Upgrade-Insecure-Requests: 1
User-Agent: Mozilla/5.0 (X11; Linux x86_64)
Accept: text/html,*/*
Sec-Fetch-Site: none
Sec-Fetch-Mode: navigate
Sec-Fetch-Dest: document
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-US,en;q=0.9
`

func TestHeaderOrder(t *testing.T) {
	base := HeadersOf("h1", "GET", lines(visit))
	if base.Kind != Navigation || !strings.HasPrefix(base.Order, "h1n13_") || len(base.Order) != 18 || len(base.Profile) != 12 || base.Agent != "Mozilla/5.0 (X11; Linux x86_64)" {
		t.Fatalf("%+v", base)
	}
	for name, c := range map[string]struct {
		head                         string
		orderChanges, profileChanges bool
	}{
		"what is asked for":        {visit + "Cookie: a=b\nReferer: https://a/\nCache-Control: max-age=0\nIf-None-Match: x\nX-Anything: 1\nSec-Fetch-User: ?1\n", false, false},
		"a proxy's fields":         {"X-Forwarded-For: 192.0.2.1\n" + visit + "Via: 1.1 a\nCF-Ray: 1\nForwarded: for=1\n", false, false},
		"another case":             {strings.Replace(visit, "Host:", "host:", 1), true, false},
		"another order":            {"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\n" + strings.Replace(visit, "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\n", "", 1), true, false},
		"a field more":             {visit + "DNT: 1\n", true, false},
		"another language":         {strings.Replace(visit, "en-US,en", "de-DE,de", 1), false, true},
		"another system":           {strings.Replace(visit, `"Linux"`, `"Windows"`, 1), false, true},
		"another user agent":       {strings.Replace(visit, "Mozilla", "Gozilla", 1), false, false},
		"another Accept of a page": {strings.Replace(visit, "text/html,*/*", "*/*", 1), false, true},
	} {
		got := HeadersOf("h1", "GET", lines(c.head))
		if (got.Order != base.Order) != c.orderChanges || (got.Profile != base.Profile) != c.profileChanges {
			t.Errorf("%s: %+v, and was %+v", name, got, base)
		}
	}
}

func TestKindsOfRequests(t *testing.T) {
	for _, c := range []struct {
		method, head string
		want         RequestKind
	}{
		{"GET", visit, Navigation},
		{"POST", visit, Navigation}, // a form
		{"GET", "Host: a\nAccept: text/html\n", Navigation},
		{"GET", "Host: a\nAccept: */*\n", Subresource},
		{"GET", "Host: a\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image\nAccept: text/html\n", Subresource},
		{"GET", "Host: a\nSec-Fetch-Mode: cors\nSec-Fetch-Dest: empty\n", Fetch},
		{"GET", "Host: a\nX-Requested-With: XMLHttpRequest\nAccept: text/html\n", Fetch},
		{"POST", "Host: a\nAccept: */*\n", Fetch},
		{"GET", "Host: a\nUpgrade: websocket\n", Upgrade},
		{"CONNECT", "sec-fetch-mode: websocket\n", Upgrade},
	} {
		if got := HeadersOf("h1", c.method, lines(c.head)).Kind; got != c.want {
			t.Errorf("%s %q: %c, want %c", c.method, c.head, got, c.want)
		}
	}
}

// A page's scripts name fields as they like; that says nothing of the client.
func TestScriptsDoNotChangeTheOrder(t *testing.T) {
	plain := HeadersOf("h1", "POST", lines("Host: a\nUser-Agent: b\nAccept: */*\nSec-Fetch-Dest: empty\n"))
	more := HeadersOf("h1", "POST", lines("Host: a\ncsrf-token: 1\nUser-Agent: b\nAccept: */*\nSec-Fetch-Dest: empty\napi-version: 2\n"))
	if plain.Order != more.Order {
		t.Errorf("%s and %s", plain.Order, more.Order)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	var b strings.Builder
	for range 5000 {
		b.WriteString("A-Name-That-Is-Long: v\n")
	}
	if got := HeadersOf("h1", "GET", lines(b.String())).Order; !strings.HasPrefix(got, "h1s99_") {
		t.Error(got)
	}
}

func TestHeadersAllocateLittle(t *testing.T) {
	fields := lines(visit)
	base := testing.AllocsPerRun(100, func() {
		for range fields {
			continue
		}
	})
	if n := testing.AllocsPerRun(100, func() { HeadersOf("h1", "GET", fields) }); n > base*2+4 {
		t.Errorf("%v allocations", n-base*2)
	}
}
