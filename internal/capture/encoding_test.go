package capture

import (
	"bytes"
	"compress/flate"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

func rawDeflate(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(s)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func brotlied(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, s string, opts ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(s)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// noise is text that compresses badly.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(r.UintN(26))
	}
	return string(b)
}

func TestEncodings(t *testing.T) {
	var c codecs // one for all: a decoder that met damage serves the next
	const text = "email=ann%40example.com"
	long := noise(200_000)
	for encoding, put := range map[string]func(testing.TB, string) []byte{
		"gzip": zip, "x-gzip": zip, "deflate": deflate, "Deflate": rawDeflate, "br": brotlied,
		"zstd": func(t testing.TB, s string) []byte { return zstded(t, s) },
	} {
		for round := range 2 {
			if got, cut, err := c.plain(put(t, text), encoding); string(got) != text || cut || err != nil {
				t.Fatalf("%s: %q %v %v", encoding, got, cut, err)
			}
			if got, cut, err := c.plain(append(put(t, text), "junk behind"...), encoding); string(got) != text || cut || err != nil {
				t.Errorf("%s with junk behind: %q %v %v", encoding, got, cut, err)
			}
			whole := put(t, long)
			if got, cut, err := c.plain(whole, encoding); string(got) != long || cut || err != nil {
				t.Errorf("%s: %d bytes %v %v", encoding, len(got), cut, err)
			}
			if got, cut, err := c.plain(whole[:len(whole)*4/5], encoding); len(got) == 0 || !strings.HasPrefix(long, string(got)) || !cut || err != nil {
				t.Errorf("%s, cut off: %d bytes %v %v", encoding, len(got), cut, err)
			}
			bomb := put(t, strings.Repeat("0", 3<<20))
			if got, cut, err := c.plain(bomb, encoding); len(got) != maxDecoded || !cut || err != nil {
				t.Errorf("%s bomb of %d: %d bytes %v %v", encoding, len(bomb), len(got), cut, err)
			}
			if got, _, err := c.plain([]byte("\xff\xfenonsense"), encoding); got != nil || !errors.Is(err, errDamaged) {
				t.Errorf("%s of nonsense, round %d: %q %v", encoding, round, got, err)
			}
			if got, _, err := c.plain(put(t, string(brotlied(t, text))), "br, "+encoding); string(got) != text || err != nil {
				t.Errorf("br, %s: %q %v", encoding, got, err)
			}
		}
	}
}

func TestEncodingChains(t *testing.T) {
	var c codecs
	text := zip(t, "abc")
	twice := brotlied(t, string(text))
	for encoding, want := range map[string]error{
		"gzip, br": nil, "GZIP ,identity,, BR": nil, "identity,gzip,br": nil,
		"br, gzip": errDamaged, "gzip": errDamaged, "gzip, br, br": errEncoding, "gzip, br, sdch": errEncoding, "gzip;q=1, br": errEncoding,
	} {
		got, _, err := c.plain(twice, encoding)
		if !errors.Is(err, want) || want == nil && string(got) != "abc" {
			t.Errorf("%s: %q %v, want %v", encoding, got, err, want)
		}
	}
	if got := encodings(head("POST", "/", "Content-Encoding", "gzip", "content-encoding", "br")); got != "gzip,br" {
		t.Errorf("of two fields: %q", got)
	}
	// A bomb in a bomb stops at the bound of the outer one.
	inner := zip(t, strings.Repeat("0", 40<<20))
	if got, cut, err := c.plain(zip(t, string(inner)), "gzip, gzip"); len(got) > maxDecoded || !cut || err != nil {
		t.Errorf("nested bomb: %d bytes %v %v", len(got), cut, err)
	}
}

func TestGzipMembers(t *testing.T) {
	var c codecs
	if got, cut, err := c.plain(append(zip(t, "abc"), zip(t, "def")...), "gzip"); string(got) != "abcdef" || cut || err != nil {
		t.Errorf("%q %v %v", got, cut, err)
	}
	many := bytes.Repeat(zip(t, ""), maxMembers)
	if _, cut, err := c.plain(append(many, zip(t, "hidden")...), "gzip"); !cut && err == nil {
		t.Error("members beyond the bound pass as the whole")
	}
}

// TestZstdWindow refuses what would need more memory than HTTP grants.
func TestZstdWindow(t *testing.T) {
	var c codecs
	s := strings.Repeat(noise(1000), 20<<10)
	if got, cut, err := c.plain(zstded(t, s, zstd.WithWindowSize(maxWindow)), "zstd"); len(got) != maxDecoded || !cut || err != nil {
		t.Errorf("the widest window: %d bytes %v %v", len(got), cut, err)
	}
	if got, _, err := c.plain(zstded(t, s, zstd.WithWindowSize(2*maxWindow)), "zstd"); !errors.Is(err, errDamaged) {
		t.Errorf("a wider one: %d bytes %v", len(got), err)
	}
}

func TestCodecsServeMany(t *testing.T) {
	var c codecs
	bodies := map[string][]byte{"gzip": zip(t, "gzip"), "deflate": deflate(t, "deflate"), "br": brotlied(t, "br"), "zstd": zstded(t, "zstd")}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				for encoding, body := range bodies {
					if got, _, err := c.plain(body, encoding); string(got) != encoding || err != nil {
						t.Errorf("%s: %q %v", encoding, got, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func FuzzPlain(f *testing.F) {
	for encoding, body := range map[string][]byte{"gzip": zip(f, "abc"), "deflate": deflate(f, "abc"), "deflate, identity": rawDeflate(f, "abc"),
		"br": brotlied(f, "abc"), "zstd": zstded(f, "abc"), "gzip, br": brotlied(f, string(zip(f, "abc")))} {
		f.Add(body, encoding)
	}
	var c codecs
	f.Fuzz(func(t *testing.T, body []byte, encoding string) {
		text, cut, err := c.plain(body, encoding)
		if err != nil && (text != nil || cut) || len(text) > max(maxDecoded, len(body)) {
			t.Fatalf("%d bytes, cut %v, %v", len(text), cut, err)
		}
		// A decoder that served others gives what a fresh one gives.
		again, cutAgain, errAgain := new(codecs).plain(body, encoding)
		if !bytes.Equal(text, again) || cut != cutAgain || err != errAgain {
			t.Fatalf("%d bytes %v %v, by a fresh decoder %d bytes %v %v", len(text), cut, err, len(again), cutAgain, errAgain)
		}
	})
}

// A body that is more than is read once its encoding is undone is marked, whatever
// fitted within the bound of what came.
func TestWhatIsCutWhenDecodedIsTruncated(t *testing.T) {
	c, snap := capturer(t), compile(t, `kind: spec
name: Form
type: other
match: {method: POST, path: /x}
request: {json $.id: order_id}
`)
	for size, want := range map[int]bool{1000: false, maxDecoded + 1: true} {
		text := `{"id":"A1","rest":"` + strings.Repeat("0", size) + `"}`
		e := exchange(head("POST", "/x", "Content-Type", "application/json", "Content-Encoding", "gzip"), string(zip(t, text)))
		if got := c.Request(NewPlan(snap.Specs[0]), e); len(got) != 2 || got[1].Value != "A1" || e.ReqBody.Truncated != want {
			t.Errorf("%d bytes: %+v, truncated %v", size, got, e.ReqBody.Truncated)
		}
	}
}
