package journal

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/throughline/throughline/internal/journey"
)

// scribble fills every field there is, some of them with nothing, and strings
// with all that a string can hold.
func scribble(r *rand.Rand, v reflect.Value) {
	if r.IntN(4) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			scribble(r, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		scribble(r, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 3))
		for i := range v.Len() {
			scribble(r, v.Index(i))
		}
	case reflect.String:
		v.SetString([]string{"plain", "", `say "a\b"`, "<b>&", "tab\tnl\ncr\r\b\f\x00\x1f\x7f", "grüße 漢字 🙂", "\u2028\u2029\ufffd", "bad\xff\xc0",
			"session.count(\"login\", \"10m\") > 100 and more of it, beyond what is kept"}[r.IntN(9)])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		n := []int64{1, -1, 7, 1<<63 - 1, -1 << 63, 1795258528436999}[r.IntN(6)]
		if v.Type() == reflect.TypeFor[journey.ID]() {
			n &= 1<<63 - 1
		}
		v.SetInt(n)
	case reflect.Uint8:
		v.SetUint(uint64(r.IntN(3)))
	case reflect.Uint64:
		v.SetUint([]uint64{1, 1 << 63, 1<<64 - 1}[r.IntN(3)])
	case reflect.Map: // a revision is encoding/json's
	default:
		panic("no value of kind " + v.Kind().String() + " is made here")
	}
}

func anyEntry(seed uint64) journey.Entry {
	var e journey.Entry
	scribble(rand.New(rand.NewPCG(seed, 1)), reflect.ValueOf(&e).Elem())
	e.Version = journey.EntryVersion
	e.Input.Kind = journey.InputTick
	if e.Input.Observation != nil {
		e.Input.Kind = journey.InputObservation
	}
	return e
}

func TestRenderIsEncodingJSON(t *testing.T) {
	quick := 0
	for seed := range uint64(3000) {
		e := anyEntry(seed)
		got, err := Encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("seed %d:\n%s\n%s", seed, got, want)
		}
		var parsed, plain journey.Entry
		if err := json.Unmarshal(want, &plain); err != nil {
			t.Fatal(err)
		}
		if parse(want, &parsed) {
			quick++
			if !reflect.DeepEqual(parsed, plain) {
				t.Fatalf("seed %d: parsed\n%+v\n%+v", seed, parsed, plain)
			}
		}
		if back, err := Decode(want); err != nil || !reflect.DeepEqual(back, plain) {
			t.Fatalf("seed %d: decoded %v\n%+v\n%+v", seed, err, back, plain)
		}
	}
	if quick < 3000 {
		t.Errorf("only %d of 3000 are read without encoding/json", quick)
	}
}

// FuzzParse holds parse against encoding/json: what it takes, both take, and
// understand alike.
func FuzzParse(f *testing.F) {
	for seed := range uint64(40) {
		e := anyEntry(seed)
		b, err := Encode(&e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"v":1,"p":0,"in":{"kind":"tick","time":5},"out":{"fault":"x"{"dropped":[1]}}`))
	f.Add([]byte(`{"v":1,"p":-0,"in":{"kind":"tick","time":05},"out":{}}`))
	f.Add([]byte(`{"v":1,"p":0,"in":{"kind":"tick\u00e4\ud83d\ude42\ud83d","time":5},"out":{"dropped":[18446744073709551616]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var parsed, plain journey.Entry
		if !parse(b, &parsed) {
			return
		}
		if err := json.Unmarshal(b, &plain); err != nil || !reflect.DeepEqual(parsed, plain) {
			t.Fatalf("%s\n%v\n%+v\n%+v", b, err, parsed, plain)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	e := typical()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(&e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	e := typical()
	data, err := Encode(&e)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

// typical is an entry as the shop's are.
func typical() journey.Entry {
	elements := []journey.Element{{ID: "search_query", Value: "shoes"}, {ID: "ip", Value: "198.51.100.7", Entity: true, Hash: 88172645463325252},
		{ID: "url_path", Value: "/search"}, {ID: "user_agent", Value: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", Entity: true, Hash: 5},
		{ID: "browser", Value: "Chrome 131"}, {ID: "os", Value: "Windows 10"}, {ID: "device_class", Value: "desktop"}}
	label := journey.Label{ID: "many_searches", Title: "Many searches in one session", Severity: "medium", Points: 10, EventID: 77, Time: 1795258528436999,
		Evidence: []journey.Evidence{{What: `session.count("search", "10m")`, Value: "101"}}}
	return journey.Entry{Version: journey.EntryVersion,
		Input: journey.Input{Kind: journey.InputObservation, Time: 1795258528436999, Observation: &journey.Observation{Exchange: 1 << 62, Phase: journey.PhaseComplete,
			Time: 1795258528436999, Site: "shop", Spec: "search", Name: "Search", Type: journey.Search, Method: "GET", IP: "198.51.100.7",
			UserAgent: "Chrome 131 on Windows", Agent: 1 << 60, Keys: []journey.Key{{Kind: "cookie", Hash: 1 << 61, Named: true}}, Elements: elements,
			Status: 200, Outcome: journey.Success, Duration: 1200}},
		Judgement: journey.Judgement{
			Verdict: &journey.Verdict{EventID: 78, SessionID: 70, SpecID: 60, Points: 10, Revision: "5f0c1c9a77ab"},
			Events: []journey.Event{{ID: 78, SessionID: 70, SpecID: 60, Site: "shop", Time: 1795258528436999, Duration: 1200, Name: "Search", Type: journey.Search,
				Spec: "search", Method: "GET", Status: 200, Outcome: journey.Success, Elements: elements, Points: 10, JoinReason: "cookie", Revision: "5f0c1c9a77ab"}},
			Sessions: []journey.Session{{ID: 70, SpecID: 60, Site: "shop", Start: 1795258500000000, Last: 1795258528436999, Events: 400, Points: 10,
				Labels: []journey.Label{label}, IP: "198.51.100.7", UserAgent: "Chrome 131 on Windows"}}}}
}
