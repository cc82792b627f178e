package fingerprint

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
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
// programs give for its captures. They are not part of this project: a checkout of
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
	same, differ := map[string]int{}, 0
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
		got := map[flow]string{}
		for f, l := range flows(all) {
			prints, ok := TLS{}, false
			if f.transport == "tcp" {
				prints, ok = fromTCP(stream(l))
			} else {
				prints, ok = fromQUIC(l)
			}
			if ok {
				got[f] = prints.JA4
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
