package edge

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/throughline/throughline/internal/site"
)

// Trailers that a visitor's request announces reach an origin of either protocol;
// those that it does not, net/http drops. The body is whole then, and the rest of the
// connection as it should be.
func TestTrailersOfRequestsOverHTTP2(t *testing.T) {
	for name, c := range map[string]struct {
		announced string
		sent      [][2]string
		want      string
		refused   bool
	}{
		"announced":           {"x-sum, x-end", [][2]string{{"x-sum", "1"}, {"x-end", "2"}}, "X-End=2 X-Sum=1", false},
		"some announced":      {"x-sum", [][2]string{{"x-sum", "1"}, {"x-end", "2"}}, "X-Sum=1", false},
		"none announced":      {"", [][2]string{{"x-sum", "1"}, {"x-end", "2"}}, "", false},
		"announced, not sent": {"x-sum", nil, "", false},
		"one that frames":     {"", [][2]string{{"content-length", "9"}, {"transfer-encoding", "chunked"}}, "", false},
		"a pseudo-header":     {"", [][2]string{{":path", "/other"}}, "", true},
	} {
		for _, proto := range []site.Protocol{site.HTTP1, site.HTTP2} {
			t.Run(name+" to "+string(proto), func(t *testing.T) {
				got := make(chan string, 4)
				h := func(w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					if err != nil {
						got <- err.Error()
						return
					}
					var list []string
					for _, k := range slices.Sorted(maps.Keys(r.Trailer)) {
						for _, v := range r.Trailer[k] {
							list = append(list, k+"="+v)
						}
					}
					got <- r.URL.Path + " " + string(body) + " " + strings.Join(list, " ")
				}
				origin := serveOrigin(t, h)
				if proto == site.HTTP2 {
					origin = h2cOrigin(t, h)
				}
				cert, key := certificate(t, t.TempDir(), "shop.example")
				s := start(t, origin, newRecorder(nil), func(conf *Config) {
					conf.Listeners[0].CertFile, conf.Listeners[0].KeyFile = cert, key
					conf.Sites[0].OriginProtocol = proto
				})
				f := dialHTTP2(t, s)
				f.post(t, 1, c.announced, "body", c.sent)
				switch fr := f.next(t, http2.FrameHeaders).(type) {
				case *http2.RSTStreamFrame, *http2.GoAwayFrame:
					if !c.refused {
						t.Fatalf("%v", fr)
					}
					if len(got) > 0 {
						if g := <-got; strings.HasPrefix(g, "/up body") {
							t.Errorf("the origin took %q for whole", g)
						}
					}
					return
				}
				if c.refused {
					t.Fatal("not refused")
				}
				if g := <-got; g != "/up body "+c.want {
					t.Errorf("the origin got %q", g)
				}
				f.post(t, 3, "", "next", nil)
				if g := <-got; g != "/up next " {
					t.Errorf("then %q", g)
				}
			})
		}
	}
}

// post sends a request with a body, and trailers unless they are nil.
func (f *framer) post(t *testing.T, stream uint32, announced, body string, trailers [][2]string) {
	t.Helper()
	head := [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "shop.example"}, {":path", "/up"}}
	if announced != "" {
		head = append(head, [2]string{"trailer", announced})
	}
	block := func(list [][2]string) []byte {
		f.heads.Reset()
		for _, h := range list {
			_ = f.enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
		}
		return []byte(f.heads.String())
	}
	err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block(head), EndHeaders: true})
	if err == nil {
		err = f.WriteData(stream, trailers == nil, []byte(body))
	}
	if err == nil && trailers != nil {
		err = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block(trailers), EndHeaders: true, EndStream: true})
	}
	if err != nil {
		t.Fatal(err)
	}
}
