package edge

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// vector is a message of testdata/hostile, whose README says how it is written.
type vector struct {
	name  string
	keys  map[string]string
	text  []byte   // as it is sent
	lines []string // as it is written
}

var (
	escape   = regexp.MustCompile(`\\(x[0-9a-fA-F]{2}|[nrt0])`)
	repeated = regexp.MustCompile(`\\\{(.*?)\*(\d+)\}`)
	keyLine  = regexp.MustCompile(`^(want|origin|end|extra|method|alone): (.*)$`)
)

// vectors reads a folder of testdata/hostile.
func vectors(t *testing.T, kind string) (out []vector) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "hostile", kind, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no messages of kind %s: %v", kind, err)
	}
	seen := map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split("\n"+string(text), "\n=== ")[1:] {
			v := parseVector(block)
			if v.keys["want"] == "" || seen[v.name] {
				t.Fatalf("%s: %s: wants a name of its own and want:", f, v.name)
			}
			seen[v.name] = true
			out = append(out, v)
		}
	}
	return out
}

func parseVector(block string) vector {
	lines := strings.Split(block, "\n")
	v := vector{name: lines[0], keys: map[string]string{}}
	lines = lines[1:]
	for len(lines) > 0 {
		k := keyLine.FindStringSubmatch(lines[0])
		if k == nil {
			break
		}
		v.keys[k[1]] = k[2]
		lines = lines[1:]
	}
	v.lines = lines
	for _, l := range lines {
		end := "\r\n"
		if strings.HasSuffix(l, `\`) {
			l, end = strings.TrimSuffix(l, `\`), ""
		}
		v.text = append(v.text, unescape(l)+end...)
	}
	return v
}

func unescape(l string) string {
	l = repeated.ReplaceAllStringFunc(l, func(e string) string {
		m := repeated.FindStringSubmatch(e)
		n, _ := strconv.Atoi(m[2])
		return strings.Repeat(m[1], n)
	})
	return escape.ReplaceAllStringFunc(l, func(e string) string {
		switch e[1] {
		case 'n':
			return "\n"
		case 'r':
			return "\r"
		case 't':
			return "\t"
		case '0':
			return "\x00"
		}
		n, _ := strconv.ParseUint(e[2:], 16, 8)
		return string([]byte{byte(n)})
	})
}

// way is one way to cut a message into pieces.
type way struct {
	name   string
	pieces [][]byte
}

// long is from what length on a message is not cut everywhere.
const long = 2000

// ways are the message whole, byte by byte, and split in two at every byte; a long
// one is split at a hundred places, the first and last bytes among them.
func ways(b []byte) []way {
	out := []way{{"whole", [][]byte{b}}}
	if len(b) <= long {
		bytewise := way{name: "byte by byte"}
		for i := range b {
			bytewise.pieces = append(bytewise.pieces, b[i:i+1])
		}
		out = append(out, bytewise)
	}
	var cuts []int
	for i := 1; i < len(b); i++ {
		if len(b) <= long || i < 30 || i > len(b)-30 || i%(len(b)/40) == 0 {
			cuts = append(cuts, i)
		}
	}
	for _, i := range cuts {
		out = append(out, way{"split at " + strconv.Itoa(i), [][]byte{b[:i], b[i:]}})
	}
	return out
}

// workers is how many messages are under way at once.
const workers = 12

// inParallel runs fn for each of a list in a few goroutines, since most of the time
// is spent waiting. Each goroutine has surroundings of its own.
func inParallel[T, S any](list []T, surroundings func() S, fn func(S, T)) {
	work := make(chan T, len(list))
	for _, v := range list {
		work <- v
	}
	close(work)
	var all sync.WaitGroup
	for range workers {
		s := surroundings()
		all.Go(func() {
			for v := range work {
				fn(s, v)
			}
		})
	}
	all.Wait()
}
