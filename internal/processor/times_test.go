package processor

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
)

const twoProcessors = "cpu  4674125 466385 1735124 8829881 45039 0 261060 12387 0 0\n" +
	"cpu0 2303160 230570 826260 4508276 10753 1 125382 6220 7 9\n" +
	"cpu12 2370964 235815 908863 4321605 34286 2 135677 6166 8 9\n" +
	"intr 249620895 0 0 1\nctxt 12\n"

func TestParseTimes(t *testing.T) {
	want := []times{
		{0, 4508276 + 10753, 2303160 + 230570 + 826260 + 1 + 125382 + 6220},
		{12, 4321605 + 34286, 2370964 + 235815 + 908863 + 2 + 135677 + 6166},
	}
	older := strings.NewReplacer(" 7 9\n", "\n", " 8 9\n", "\n").Replace(twoProcessors) // without guests
	for name, text := range map[string]string{"a common one": twoProcessors, "an older kernel's": older,
		"the least": older[:strings.Index(older, "intr")] + "intr\n"} {
		if got, err := parseTimes([]byte(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestParseTimesRefuses(t *testing.T) {
	line := "cpu0 1 2 3 4 5 6 7 8 9 10\n"
	all := "cpu  1 2 3 4 5 6 7 8 9 10\n"
	for text, want := range map[string]string{
		"":                                     "line 1: want the times of all processors",
		"intr 1\n":                             "line 1: want the times of all processors",
		line + "intr 1\n":                      "line 1: want the times of all processors",
		all:                                    "line 2: want a processor's times",
		all + "intr 1\n":                       "line 2: want a processor's times",
		all + line:                             "line 3: is cut short",
		all + line + "int":                     "line 3: is cut short",
		all + line[:len(line)-1]:               "line 2: is cut short",
		all + "cpu0 1 2 3 4 5 6 7\nintr\n":     "line 2: 7 times; want at least 8",
		all + "cpu0\nintr\n":                   "line 2: 0 times",
		all + "cpu0 1 2 3 4 5 6 7 x\nintr\n":   `line 2: time 8: "x" is no whole number`,
		all + "cpu0 1 2 3 -4 5 6 7 8\nintr\n":  `line 2: time 4: "-4" is no whole number`,
		all + "cpu0 1 2  4 5 6 7 8\nintr\n":    `line 2: time 3: "" is no whole number`,
		all + "cpu0 1 2 3 4 5 6 7 8 x\nintr\n": `line 2: time 9: "x" is no whole number`,
		all + "cpu0 1 2 3 18446744073709551615 5 6 7 8\nintr\n": "line 2: time 4: ",
		all + "cpux 1 2 3 4 5 6 7 8\nintr\n":                    `line 2: the processor's number: "x" is no`,
		all + "cpu-1 1 2 3 4 5 6 7 8\nintr\n":                   `line 2: the processor's number: "-1" is no`,
		all + all + "intr\n":                                    `line 2: `,
		all + line + line + "intr\n":                            "line 3: processor 0 comes after 0; want ascending",
	} {
		if got, err := parseTimes([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, error %v, want %q", text, got, err, want)
		}
	}
}

func FuzzParseTimes(f *testing.F) {
	f.Add([]byte(twoProcessors))
	f.Add([]byte("cpu \ncpu0 0 0 0 0 0 0 0 0\n\n"))
	f.Add([]byte("cpu  1\ncpu1 1 2 3 4 5 6 7 1152921504606846976\ncpu3 1 2 3 4 5 6 7 8 9\nintr\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseTimes(text)
		if err != nil {
			if got != nil {
				t.Fatalf("%v beside the error %v", got, err)
			}
			return
		}
		if len(got) == 0 {
			t.Fatal("no processor and no error")
		}
		for i, p := range got {
			if i > 0 && p.number <= got[i-1].number {
				t.Fatalf("%v is not ascending", got)
			}
		}
		// What follows the processors' lines is nobody's business, and neither are their
		// guests, which user and nice hold already.
		again, err := parseTimes(append(withoutGuests(text), "softirq x\n"...))
		if err != nil || !slices.Equal(again, got) {
			t.Fatalf("%v became %v %v", got, again, err)
		}
		if share, ok := idleShare(got, got); ok {
			t.Fatalf("no time has passed, %v of it idle", share)
		}
		none := make([]times, len(got))
		for i, p := range got {
			none[i].number = p.number
		}
		if share, ok := idleShare(none, got); ok && !(share >= 0 && share <= 1) {
			t.Fatalf("a share of %v in %v", share, got)
		}
	})
}

// withoutGuests are the lines of processors, each up to steal.
func withoutGuests(text []byte) (out []byte) {
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("cpu")) {
			break
		}
		fields := bytes.Split(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		out = append(append(out, bytes.Join(fields[:min(len(fields), 1+countedFields)], []byte(" "))...), '\n')
	}
	return out
}

func TestIdleShare(t *testing.T) {
	before := []times{{0, 100, 1000}, {1, 100, 1000}, {5, 100, 1000}}
	for name, c := range map[string]struct {
		after []times
		want  float64 // NaN: none
	}{
		"over all":                 {[]times{{0, 130, 1070}, {1, 170, 1030}, {5, 150, 1050}}, 0.5},
		"all idle":                 {[]times{{0, 200, 1000}, {1, 200, 1000}, {5, 200, 1000}}, 1},
		"none idle":                {[]times{{0, 100, 1001}, {1, 100, 1000}, {5, 100, 1000}}, 0},
		"one has gone":             {[]times{{0, 130, 1070}, {5, 170, 1030}}, 0.5},
		"one has come":             {[]times{{0, 130, 1070}, {1, 170, 1030}, {3, 9999, 0}, {5, 150, 1050}}, 0.5},
		"idle time that went back": {[]times{{0, 99, 1050}, {1, 150, 1000}, {5, 100, 1000}}, 0.5},
		"no time":                  {before, math.NaN()},
		"all others":               {[]times{{2, 130, 1070}, {7, 1, 1}}, math.NaN()},
		"none":                     {nil, math.NaN()},
	} {
		share, ok := idleShare(before, c.after)
		if ok == math.IsNaN(c.want) || ok && share != c.want {
			t.Errorf("%s: %v %v, want %v", name, share, ok, c.want)
		}
	}
	if _, ok := idleShare(nil, before); ok {
		t.Error("a share without a look before")
	}
}
