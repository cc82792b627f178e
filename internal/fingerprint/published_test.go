package fingerprint

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// published is a JA4 that was published for a flow of a capture.
type published struct {
	source string
	flow   flow
	ja4    string
}

// odd are the published values that the specification contradicts, by capture and
// published value, with what it asks for.
var odd = map[string]string{
	// A protocol of bytes that are no ASCII: the programs say 99, the specification
	// has the first and last digit of its hex.
	"tls-non-ascii-alpn.pcapng t13d151699_8daaf6152771_e5627efa2ab1": "t13d1516bd_8daaf6152771_e5627efa2ab1",
}

// TestJA4IsThatOfThePublishedCaptures compares with the values that FoxIO's own
// programs give for its captures. These are not part of this project: a checkout of
// the repository FoxIO-LLC/ja4 is looked for where TL_JA4_CAPTURES says.
func TestJA4IsThatOfThePublishedCaptures(t *testing.T) {
	root := os.Getenv("TL_JA4_CAPTURES")
	if root == "" {
		t.Skip("TL_JA4_CAPTURES names no checkout of FoxIO-LLC/ja4")
	}
	captures, err := filepath.Glob(filepath.Join(root, "pcap", "*.pcap*"))
	if err != nil || len(captures) == 0 {
		t.Fatalf("no captures in %s: %v", root, err)
	}
	same, differ, lines := map[string]int{}, 0, map[string]bool{}
	for _, path := range captures {
		name := filepath.Base(path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all, err := packets(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, hellos := map[flow]string{}, map[flow][]byte{}
		for f, l := range flows(all) {
			prints, msg, ok := TLS{}, []byte(nil), false
			if f.transport == "tcp" {
				prints, msg, ok = fromTCP(stream(l))
			} else {
				prints, msg, ok = fromQUIC(l)
			}
			if ok {
				got[f], hellos[f] = prints.JA4, msg
			}
		}
		want := append(snapshots(t, filepath.Join(root, "rust/ja4/src/snapshots/ja4__insta@"+name+".snap")),
			outputs(t, filepath.Join(root, "python/test/testdata", name+".json"))...)
		for _, w := range want {
			ja4, known := got[w.flow]
			if !known && w.flow.transport == "" {
				for _, tr := range []string{"tcp", "udp"} {
					w.flow.transport = tr
					if ja4, known = got[w.flow]; known {
						break
					}
				}
			}
			if known {
				lines[fmt.Sprintf("%s %s %s %x", name, w.flow.transport, w.ja4, bare(t, hellos[w.flow]))] = true
			}
			switch asked, isOdd := odd[name+" "+w.ja4]; {
			case ja4 == w.ja4:
				same[w.source]++
			case isOdd && ja4 == asked:
				differ++
			default:
				t.Errorf("%s %v: %q, the %s program gives %s", name, w.flow, ja4, w.source, w.ja4)
			}
		}
	}
	t.Logf("equal: %v; differ where the specification says so: %d", same, differ)
	if same["Rust"] < 100 || same["Python"] < 100 {
		t.Errorf("too few values were compared: %v", same)
	}
	if *record {
		text := strings.Join(slices.Sorted(maps.Keys(lines)), "\n") + "\n"
		if err := os.WriteFile(publishedHellos, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// publishedHellos are the hellos of the captures, as far as a print looks into them,
// each with its capture, transport and published JA4.
const publishedHellos = "testdata/published.txt"

// TestJA4OfPublishedHellos does the same without the captures.
func TestJA4OfPublishedHellos(t *testing.T) {
	text, err := os.ReadFile(publishedHellos)
	if err != nil {
		t.Fatal(err)
	}
	n, differ := 0, 0
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 4 {
			t.Fatalf("%q: want capture, transport, JA4 and hello", line)
		}
		msg, err := hex.DecodeString(f[3])
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want := f[2]
		if asked, isOdd := odd[f[0]+" "+f[2]]; isOdd {
			want = asked
			differ++
		}
		var h Hello
		if err := h.Parse(msg); err != nil {
			t.Errorf("%s: %v", f[0], err)
			continue
		}
		transport := TCP
		if f[1] == "udp" {
			transport = QUIC
		}
		if got := h.Prints(transport).JA4; got != want {
			t.Errorf("%s: %s, published as %s", f[0], got, want)
		}
		n++
	}
	if n < 50 || differ != len(odd) {
		t.Errorf("%d hellos were compared, %d of them odd", n, differ)
	}
}

// bare leaves of a hello what prints look into, and none of what is its sender's own:
// randoms, keys, tickets and the name asked for go.
func bare(t *testing.T, msg []byte) []byte {
	t.Helper()
	var h Hello
	if err := h.Parse(msg); err != nil {
		t.Fatal(err)
	}
	var ext []byte
	for list := (cut{b: h.extensions}); len(list.b) > 0; {
		kind := list.u16()
		body := list.take(list.u16())
		switch kind {
		case 0: // server_name
			if len(body) < 5 {
				break
			}
			name := body[5:]
			if _, err := netip.ParseAddr(string(name)); err != nil {
				name = []byte("a.example")
			}
			n := len(name)
			body = append([]byte{byte((n + 3) >> 8), byte(n + 3), 0, byte(n >> 8), byte(n)}, name...)
		case 10, 11, 13, 16, 43: // groups, point formats, signature algorithms, ALPN, versions
		default:
			body = nil
		}
		ext = append(ext, byte(kind>>8), byte(kind), byte(len(body)>>8), byte(len(body)))
		ext = append(ext, body...)
	}
	out := append([]byte{1, 0, 0, 0, byte(h.Version >> 8), byte(h.Version)}, make([]byte, 33)...)
	out = append(out, byte(len(h.Ciphers)>>8), byte(len(h.Ciphers)))
	out = append(append(out, h.Ciphers...), 1, 0)
	if len(h.extensions) > 0 {
		out = append(append(out, byte(len(ext)>>8), byte(len(ext))), ext...)
	}
	n := len(out) - 4
	out[1], out[2], out[3] = byte(n>>16), byte(n>>8), byte(n)
	return out
}

func address(t *testing.T, host, port string) netip.AddrPort {
	t.Helper()
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(a, uint16(n))
}

// snapshots reads what the Rust program gives.
func snapshots(t *testing.T, path string) (out []published) {
	t.Helper()
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	at := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "- ") {
			clear(at)
			line = "  " + line[2:]
		}
		if !strings.HasPrefix(line, "  ") || line[2] == ' ' || line[2] == '-' {
			continue
		}
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		at[key] = value
		if key == "ja4" {
			out = append(out, published{"Rust", flow{at["transport"], address(t, at["src"], at["src_port"]), address(t, at["dst"], at["dst_port"])}, value})
		}
	}
	return out
}

// outputs reads what the Python program gives, which does not name the transport.
func outputs(t *testing.T, path string) (out []published) {
	t.Helper()
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, m := range list {
		if ja4, ok := m["JA4.1"].(string); ok {
			transport := ""
			if ja4[0] == 't' {
				transport = "tcp"
			} else if ja4[0] == 'q' {
				transport = "udp"
			}
			out = append(out, published{"Python", flow{transport, address(t, fmt.Sprint(m["src"]), fmt.Sprint(m["srcport"])), address(t, fmt.Sprint(m["dst"]), fmt.Sprint(m["dstport"]))}, ja4})
		}
	}
	return out
}
