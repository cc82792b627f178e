package journal

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

func TestEntriesSurviveEncoding(t *testing.T) {
	e := journey.Entry{Version: journey.EntryVersion, Partition: 5,
		Input: journey.Input{Kind: journey.InputObservation, Time: 12, Observation: &journey.Observation{
			Exchange: 1 << 63, Phase: journey.PhaseComplete, Keys: []journey.Key{{Kind: "cookie", Hash: 1<<64 - 1, Named: true}},
			Elements: []journey.Element{{ID: "email", Value: "a@b.c", Entity: true, Hash: 1<<63 - 1}, {ID: "q", Invalid: "too long"}}}},
		Judgement: journey.Judgement{Events: []journey.Event{{ID: 9, Rating: journey.Malicious}}, Verdict: &journey.Verdict{EventID: 9}}}
	b, err := Encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if err != nil || !reflect.DeepEqual(got, e) {
		t.Fatalf("%v\n%+v\n%+v", err, got, e)
	}
}

func TestDecodeRefusesInWords(t *testing.T) {
	for in, want := range map[string]string{
		``:                                    "unexpected end",
		`[]`:                                  "array",
		`{"v":99,"in":"a new shape"}`:         "it has version 99, this build reads up to 1",
		`{"v":0}`:                             "version 0",
		`{"v":1}`:                             "unknown kind",
		`{"v":1,"in":{"kind":"observation"}}`: "without its observation",
		`{"v":1,"in":{"kind":"tick"}} {}`:     "invalid character",
		`{"v":1,"in":{"kind":"tick"},"out":{"events":[{"rating":"odd"}]}}`: "want normal, suspicious or malicious",
	} {
		if _, err := Decode([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
	if _, err := Encode(&journey.Entry{Version: journey.EntryVersion + 1}); err == nil {
		t.Error("an entry of another version is written")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"p":0,"in":{"kind":"tick","time":5},"out":{}}`))
	f.Add([]byte(`{"v":1,"in":{"kind":"policy","policy":{"a":"b"}},"out":{"fault":"x"}}`))
	f.Add([]byte(`{"v":1,"in":{"kind":"observation","obs":{"x":1,"el":[{"id":"ip","hash":3}]}},"out":{"events":[{"id":"5"}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		if e.Version != journey.EntryVersion {
			t.Fatalf("version %d passes", e.Version)
		}
		again, err := Encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := Decode(again)
		if err != nil {
			t.Fatalf("own encoding is refused: %v", err)
		}
		third, err := Encode(&twice)
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("encoding does not settle: %s and %s (%v)", again, third, err)
		}
	})
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func load(t *testing.T, j *Journal, partition int) (uint64, string) {
	t.Helper()
	seq, r, ok, err := j.LoadSnapshot(partition)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return 0, ""
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return seq, string(b)
}

func TestSnapshotsFallBackToTheOneBefore(t *testing.T) {
	j := open(t, Config{Dir: t.TempDir()})
	if seq, body := load(t, j, 2); seq != 0 || body != "" {
		t.Fatalf("out of nothing comes %d %q", seq, body)
	}
	for _, seq := range []uint64{5, 100, 20000} {
		if err := j.SaveSnapshot(2, seq, text(strings.Repeat("s", int(seq)))); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.SaveSnapshot(20, 7, text("another's")); err != nil {
		t.Fatal(err)
	}
	if err := j.SaveSnapshot(2, 30000, func(w io.Writer) error { return io.ErrUnexpectedEOF }); err == nil {
		t.Error("a failed snapshot says nothing")
	}
	list, err := os.ReadDir(filepath.Join(j.cfg.Dir, "snapshots"))
	if err != nil || len(list) != 3 {
		t.Fatalf("%d files, %v", len(list), err)
	}
	if seq, body := load(t, j, 2); seq != 20000 || len(body) != 20000 {
		t.Fatalf("newest is %d with %d bytes", seq, len(body))
	}
	path := filepath.Join(j.cfg.Dir, "snapshots", snapName(2, 20000))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string][]byte{
		"a flipped bit": append(append([]byte{}, whole[:5000]...), append([]byte{whole[5000] ^ 1}, whole[5001:]...)...),
		"cut short":     whole[:len(whole)-1],
		"empty":         {},
		"another's":     append(head(3, 20000), whole[snapHead:]...),
		"longer":        append(append([]byte{}, whole...), 0),
	}
	for name, b := range damage {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if seq, body := load(t, j, 2); seq != 100 || len(body) != 100 {
			t.Errorf("%s: falls back to %d with %d bytes", name, seq, len(body))
		}
	}
	if err := os.WriteFile(filepath.Join(j.cfg.Dir, "snapshots", snapName(2, 100)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := j.LoadSnapshot(2); err == nil || !strings.Contains(err.Error(), "no whole snapshot") {
		t.Errorf("all damaged says %v", err)
	}
}
