package edge

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// pageOfAssets counts its hundred scripts, says over what they came, and asks for
// one more by fetch and for a picture.
const pageOfAssets = `<!doctype html><title>shop</title><link rel="icon" href="data:,"><body><script>var n = 0</script>%s<script>
addEventListener("load", async () => {
  const text = await (await fetch("/api", {method: "POST", body: "x".repeat(100000)})).text();
  const all = performance.getEntriesByType("resource");
  document.title = "scripts " + n + ", fetched " + text + ", over " + [...new Set(all.map(e => e.nextHopProtocol))] + ", " + all.length + " resources";
})</script>`

// TestChromiumLoadsAPage over HTTP/2 with a hundred assets.
func TestChromiumLoadsAPage(t *testing.T) {
	t.Parallel()
	path, args := chromium(t)
	var scripts strings.Builder
	for i := range 100 {
		_, _ = fmt.Fprintf(&scripts, `<script src="/asset/%d.js"></script>`, i)
	}
	origin := serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprintf(w, pageOfAssets, scripts.String())
		case r.URL.Path == "/api":
			n := 0
			b := make([]byte, 4096)
			for {
				k, err := r.Body.Read(b)
				if n += k; err != nil {
					break
				}
			}
			_, _ = fmt.Fprint(w, n)
		case strings.HasPrefix(r.URL.Path, "/asset/"):
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = fmt.Fprintf(w, "n++ // %s", strings.Repeat("x", 5000))
		default:
			http.NotFound(w, r)
		}
	})
	s, _ := startTLS(t, origin, nobody{})
	url := "https://" + strings.Replace(s.addr, "127.0.0.1", "shop.example", 1)
	out := runProgram(t, path, append(args, "--ignore-certificate-errors", "--host-resolver-rules=MAP shop.example 127.0.0.1",
		"--virtual-time-budget=20000", "--dump-dom", url+"/")...)
	title := regexp.MustCompile(`<title>(.*)</title>`).FindStringSubmatch(out)
	if title == nil || title[1] != "scripts 100, fetched 100000, over h2, 101 resources" {
		t.Errorf("the page says %q", title)
	}
	if c := s.Counters(); c.Requests < 102 || len(c.OriginErrors) > 0 || c.Malformed > 0 {
		t.Errorf("%+v", c)
	}
}
