package signature

import (
	"encoding/base64"
	"testing"
)

// RFC 9421, appendix B.2.5: a request signed by hmac-sha256.
func TestRFC9421HMAC(t *testing.T) {
	secret, err := base64.StdEncoding.DecodeString("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
	if err != nil {
		t.Fatal(err)
	}
	r := &Request{Method: "POST", Authority: Authority("Example.com:443", true), Target: "/foo?param=Value&Pet=dog", Fields: []Field{
		{"Date", "Tue, 20 Apr 2021 02:07:55 GMT"},
		{"Content-Type", " application/json\t"},
	}}
	raw, err := member(`other=("a,b" "@path");x, sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`, "sig-b25")
	if err != nil {
		t.Fatal(err)
	}
	in, err := parseInput(raw)
	if err != nil {
		t.Fatal(err)
	}
	if in.created != 1618884473 || in.expires != -1 || in.key != "test-shared-secret" {
		t.Errorf("parameters %+v", in)
	}
	base, err := r.base(nil, in.covered, in.raw)
	if err != nil {
		t.Fatal(err)
	}
	const want = `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@authority": example.com
"content-type": application/json
"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`
	if string(base) != want {
		t.Errorf("base\n%s\nwant\n%s", base, want)
	}
	if got := base64.StdEncoding.EncodeToString(mac(secret, base)); got != "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=" {
		t.Errorf("signature %s", got)
	}
}

// RFC 9421, section 2.2: how the parts of a request are written.
func TestRFC9421Components(t *testing.T) {
	for _, c := range []struct{ target, name, want string }{
		{"/path?param=value", "@path", "/path"},
		{"/path?param=value&foo=bar&baz=bat%2Dman", "@query", "?param=value&foo=bar&baz=bat%2Dman"},
		{"/path?queryString", "@query", "?queryString"},
		{"/path?", "@query", "?"},
		{"/path", "@query", "?"},
		{"/a?b?c", "@query", "?b?c"},
		{"?q", "@path", "/"},
	} {
		got, err := (&Request{Target: c.target}).component(c.name)
		if err != nil || got != c.want {
			t.Errorf("%s of %s is %q, %v; want %q", c.name, c.target, got, err, c.want)
		}
	}
	for _, c := range []struct {
		host  string
		https bool
		want  string
	}{
		{"www.Example.com", true, "www.example.com"},
		{"www.example.com:443", true, "www.example.com"},
		{"www.example.com:80", false, "www.example.com"},
		{"www.example.com:80", true, "www.example.com:80"},
		{"www.example.com:8443", true, "www.example.com:8443"},
	} {
		if got := Authority(c.host, c.https); got != c.want {
			t.Errorf("authority of %s is %s, want %s", c.host, got, c.want)
		}
	}
	// Section 2.1: several lines of a name are one value.
	r := &Request{Fields: []Field{{"Cache-Control", "max-age=60"}, {"X", "y"}, {"cache-control", "    must-revalidate"}}}
	if got, err := r.component("cache-control"); err != nil || got != "max-age=60, must-revalidate" {
		t.Errorf("combined %q, %v", got, err)
	}
}

// RFC 9530, appendix D, and RFC 9421's own test request.
func TestRFC9530Digest(t *testing.T) {
	const body = `{"hello": "world"}`
	if got := Digest([]byte(body)); got != "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:" {
		t.Errorf("digest %s", got)
	}
	if got := Digest([]byte(body + "\n")); got != "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:" {
		t.Errorf("digest with a line end %s", got)
	}
	const other = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
	for field, want := range map[string]bool{
		Digest([]byte(body)):                true,
		other + ", " + Digest([]byte(body)): true,
		Digest([]byte(body)) + "," + other:  true,
		other:                               false,
		"":                                  false,
		Digest([]byte("x")):                 false,
		Digest([]byte(body)) + ", sha-256=:AAAA:":                false,
		"sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=":   false,
		"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPF=:": false, // not canonical
		"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBP==:": false,
	} {
		if got := Fits(field, []byte(body)); got != want {
			t.Errorf("%q fits: %v", field, got)
		}
	}
}
