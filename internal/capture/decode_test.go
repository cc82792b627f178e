package capture

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func zip(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func deflate(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPlain(t *testing.T) {
	bomb := zip(t, strings.Repeat("0", 50<<20))
	if len(bomb) > 64<<10 {
		t.Fatalf("the bomb itself has %d bytes", len(bomb))
	}
	long := zip(t, strings.Repeat("0123456789abcdef", 1000)+"end")
	for _, c := range []struct {
		name, encoding string
		body           []byte
		length         int
		cut, fails     bool
	}{
		{"none", "", []byte("abc"), 3, false, false},
		{"identity", "Identity", []byte("abc"), 3, false, false},
		{"gzip", " GZIP ", zip(t, "abc"), 3, false, false},
		{"deflate", "deflate", deflate(t, "abc"), 3, false, false},
		{"bomb", "gzip", bomb, maxDecoded, true, false},
		{"cut off", "gzip", long[:len(long)-12], -1, true, false},
		{"damaged", "gzip", []byte("nonsense"), 0, false, true},
		{"nothing of it", "gzip", zip(t, "abc")[:10], 0, false, true},
		{"unknown", "compress", []byte("abc"), 0, false, true},
		{"twice", "gzip, gzip", zip(t, "abc"), 0, false, true},
	} {
		text, cut, err := new(codecs).plain(c.body, c.encoding)
		if cut != c.cut || (err != nil) != c.fails || c.length >= 0 && len(text) != c.length {
			t.Errorf("%s: %d bytes, cut %v, %v", c.name, len(text), cut, err)
		}
	}
}

func lookup(body string, path ...string) (string, bool) {
	f := lookupJSON([]byte(body), [][]string{path})[0]
	return f.text, f.ok
}

func TestLookupJSON(t *testing.T) {
	const body = `{"user": {"email": "a@b.example", "age": 41, "vip": true, "none": null, "tags": ["x", {"n": 1.50}]},
		"user2": "é\n", "a.b": "dotted", "big": 12345678901234567890123, "again": {"email": "second"}}`
	for _, c := range []struct {
		path string
		want string
		ok   bool
	}{
		{"user email", "a@b.example", true}, {"user age", "41", true}, {"user vip", "true", true}, {"user none", "", false},
		{"user tags [0]", "x", true}, {"user tags [1] n", "1.50", true}, {"user tags [2]", "", false}, {"user", "", false},
		{"user2", "é\n", true}, {"a.b", "dotted", true}, {"big", "12345678901234567890123", true}, {"user email x", "", false},
		{"missing", "", false},
	} {
		if got, ok := lookup(body, strings.Fields(c.path)...); got != c.want || ok != c.ok {
			t.Errorf("%s: %q %v", c.path, got, ok)
		}
	}
	all := lookupJSON([]byte(body), [][]string{{"big"}, {"user", "email"}, {"user", "email"}})
	if all[0].text == "" || all[1] != all[2] || all[1].text != "a@b.example" {
		t.Errorf("together: %+v", all)
	}
	if _, ok := lookup(`{"v": "`+strings.Repeat("x", maxValue+1)+`"}`, "v"); ok {
		t.Error("a value beyond its bound is read")
	}
	if got, ok := lookup(`"bare"`); !ok || got != "bare" {
		t.Errorf("a bare value: %q %v", got, ok)
	}
	if got, ok := lookup(`7`); !ok || got != "7" {
		t.Errorf("a bare number: %q %v", got, ok)
	}
	deep := strings.Repeat(`{"a":`, maxDepth+10) + `1` + strings.Repeat("}", maxDepth+10)
	if _, ok := lookup(`{"x": `+deep+`, "v": "after"}`, "v"); ok {
		t.Error("a body nested too deep is read on")
	}
	if _, ok := lookup(strings.Repeat("[", 1<<20), "[0]"); ok {
		t.Error("brackets have a value")
	}
}

// TestACutBodyGivesNoHalfValues cuts a body at every place.
func TestACutBodyGivesNoHalfValues(t *testing.T) {
	const body = `{"name": "ann", "amount": 1234.5, "paid": true, "nested": {"ids": [77, 88]}}`
	whole := map[string]string{"name": "ann", "amount": "1234.5", "paid": "true", "nested ids [0]": "77", "nested ids [1]": "88"}
	for n := range body {
		for path, want := range whole {
			if got, ok := lookup(body[:n], strings.Fields(path)...); ok && got != want {
				t.Errorf("cut at %d, %s is %q", n, path, got)
			}
		}
	}
}

func TestParameter(t *testing.T) {
	for _, c := range []struct {
		query, name, want string
		ok                bool
	}{
		{"a=1&b=2", "b", "2", true}, {"a=1&a=2", "a", "1", true}, {"a", "a", "", true}, {"a=", "a", "", true}, {"", "a", "", false},
		{"a%62=x", "ab", "x", true}, {"a+b=x", "a b", "x", true}, {"a=%C3%A9+b", "a", "é b", true}, {"a=%zz", "a", "", false},
		{"a=b=c", "a", "b=c", true}, {"&&a=1", "a", "1", true}, {"%zz=1&a=2", "a", "2", true},
		{"a=" + strings.Repeat("x", maxValue+1), "a", "", false},
	} {
		got := parameter(c.query, c.name, maxValue).first
		if got.text != c.want || got.ok != c.ok {
			t.Errorf("%.40q %s: %+v", c.query, c.name, got)
		}
		if form := formValues([]byte(c.query), false, c.name).first; form.text != got.text || form.ok != got.ok || form.err != got.err || form.ok && !form.own {
			t.Errorf("%.40q %s: %+v of a form", c.query, c.name, form)
		}
	}
}

func TestCookie(t *testing.T) {
	for _, c := range []struct {
		header, name, want string
		ok                 bool
	}{
		{"a=1; b=2", "b", "2", true}, {"a=1;b=2", "b", "2", true}, {`a="1"`, "a", "1", true}, {"a=1; a=2", "a", "1", true},
		{"a", "a", "", false}, {"A=1", "a", "", false}, {"b=x=y", "b", "x=y", true}, {";;;", "a", "", false},
	} {
		if got := cookies(head("GET", "/", "Cookie", c.header), c.name, maxValue).first; got.text != c.want || got.ok != c.ok {
			t.Errorf("%q %s: %+v", c.header, c.name, got)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"/home", "/home", true}, {"/home", "/home/", false}, {"/home*", "/home/x", true}, {"*", "", true}, {"*/ok", "/a/ok", true},
		{"/a*b*c", "/axxbyyc", true}, {"/a*b*c", "/axxbyy", false}, {"a*a", "a", false}, {"a**b", "ab", true}, {"*x*", "aXb", false},
		{"*b*b", "b", false},
	} {
		if got := glob(c.pattern, c.s); got != c.want {
			t.Errorf("%q %q: %v", c.pattern, c.s, got)
		}
	}
}

func FuzzLookupJSON(f *testing.F) {
	for _, s := range []string{`{"a": {"b": [1, "x"]}}`, `{"a": `, `[`, `"a"`, `{"a": 12`, "\xff{", `{"a": 1, "a": {"b": [0, "y"]}, "a": "z"}`} {
		f.Add([]byte(s))
	}
	paths := [][]string{{"a", "b", "[1]"}, {"a"}, {}, {"[0]", "[0]"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		var whole any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		taken := d.Decode(&whole) == nil
		for i, got := range lookupJSON(body, paths) {
			if !got.ok && got.text != "" {
				t.Fatalf("a value that is none: %+v", got)
			}
			if len(got.text) > maxValue {
				t.Fatal("a value beyond its bound")
			}
			// What a whole decoder finds is the same, when it takes the body at all.
			if !taken {
				continue
			}
			v := whole
			for _, step := range paths[i] {
				switch n := v.(type) {
				case map[string]any:
					v = n[step]
				case []any:
					v = nil
					if index, ok := strings.CutPrefix(step, "["); ok && int(index[0]-'0') < len(n) {
						v = n[index[0]-'0']
					}
				default:
					v = nil
				}
			}
			want, scalar := "", true
			switch v := v.(type) {
			case string:
				want = v
			case json.Number:
				want = v.String()
				scalar = len(want) <= 64
			case bool:
				want = strconv.FormatBool(v)
			default:
				scalar = false
			}
			if scalar && len(want) <= maxValue && (!got.ok || got.text != want) {
				t.Fatalf("%v of %q: %+v, want %q", paths[i], body, got, want)
			}
			if got.ok && !scalar {
				t.Fatalf("%v of %q: %+v, want nothing", paths[i], body, got)
			}
		}
	})
}

func FuzzParameter(f *testing.F) {
	f.Add("a=1&b=%20", "b")
	f.Add("a+b=&&%zz=1", "a b")
	f.Fuzz(func(t *testing.T, query, name string) {
		got := parameter(query, name, maxValue)
		if form := formValues([]byte(query), false, name); form.first.text != got.first.text || form.last.text != got.last.text || form.last.err != got.last.err {
			t.Fatalf("%+v, of a form %+v", got, form)
		}
		if !got.first.ok || len(query) > maxValue || strings.ContainsAny(query, ";") {
			return
		}
		if v, err := url.ParseQuery(query); err == nil && (v.Get(name) != got.first.text || v[name][len(v[name])-1] != got.last.text) {
			t.Fatalf("%+v, want %q", got, v[name])
		}
	})
}

func FuzzCookie(f *testing.F) {
	f.Add(`a=1; b="2"`, "b")
	f.Fuzz(func(t *testing.T, header, name string) {
		got := cookies(head("GET", "/", "Cookie", header), name, maxValue)
		if got.last.ok && !strings.Contains(header, name+"=") || strings.Contains(got.first.text+got.last.text, ";") || got.first.ok != got.last.ok {
			t.Fatalf("%+v", got)
		}
	})
}

func FuzzGlob(f *testing.F) {
	f.Add("/a*b", "/axb")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		got := glob(pattern, s)
		if !strings.Contains(pattern, "*") && got != (pattern == s) {
			t.Fatal("a pattern without stars")
		}
		if got && len(strings.ReplaceAll(pattern, "*", "")) > len(s) {
			t.Fatal("the pattern's text is longer")
		}
		if !glob(pattern+"*", s) && got {
			t.Fatal("a star more matches less")
		}
	})
}
