package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/policy"
)

// TestBlockStatus goes through every status.
func TestBlockStatus(t *testing.T) {
	for status := range 700 {
		snap, list := policy.Compile(map[string]string{"a.yaml": fmt.Sprintf("kind: action\nname: a\ntype: block\nstatus: %d\n", status)})
		if want := status == 200 || status >= 400 && status <= 599; (snap != nil) != want {
			t.Errorf("%d: %v", status, list)
		}
	}
}

// TestTagHeaders holds what no tag may be called, in whatever letters.
func TestTagHeaders(t *testing.T) {
	tag := func(name string) []policy.Fault {
		_, list := policy.Compile(map[string]string{"a.yaml": "kind: action\nname: a\ntype: tag\nheader: " + name + "\nvalue: x\n"})
		return list
	}
	for _, name := range strings.Fields(`Host Connection Keep-Alive TE Trailer Transfer-Encoding Upgrade Expect HTTP2-Settings Max-Forwards
		Content-Length Content-Type Content-Encoding Content-Range Content-MD5 Accept Accept-Encoding Accept-Language Range If-Match If-None-Match
		If-Modified-Since If-Unmodified-Since If-Range Via X-Real-IP X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host X-Forwarded-Port X-Forwarded
		Forwarded Sec-Fetch-Site Sec-WebSocket-Key Sec-CH-UA Proxy-Authorization Proxy-Authenticate Proxy-Connection Cookie Set-Cookie Authorization
		WWW-Authenticate Date True-Client-IP CF-Connecting-IP X-Original-URL X-Rewrite-URL X-HTTP-Method-Override X_Forwarded_For`) {
		for _, spelled := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if list := tag(spelled); len(list) != 1 || list[0].Line != 4 || !strings.Contains(list[0].Wrong, "can't be a tag") {
				t.Errorf("%s: %v", spelled, list)
			}
		}
	}
	for _, name := range []string{"X-Risk", "X-Journey-Risk", "Risk", "X-Session", "Throughline-Rating"} {
		if list := tag(name); len(list) > 0 {
			t.Errorf("%s: %v", name, list)
		}
	}
}

// TestRedirects holds where a visitor may be sent.
func TestRedirects(t *testing.T) {
	for location, want := range map[string]bool{
		"/": true, "/help": true, "/help?from=shop&x=a@b#top": true, "https://help.example": true, "https://help.example:8443/a@b": true,
		"https://[2001:db8::1]/": true, "/%C3%A4": true,
		"https://ann@help.example/": false, "https://ann:secret@help.example/": false, "https://@help.example/": false, "https://help.example@evil.example": false,
		"//evil.example": false, "/\\\\evil.example": false, "/\\t/evil.example": false, "http://help.example/": false, "help": false, "javascript:alert(1)": false,
		"https://": false, "https:///a": false, "https://:443/": false, "https:help.example": false, "/a b": false, "/ä": false, "": false, "HTTPS://help.example/": true,
	} {
		snap, list := policy.Compile(map[string]string{"a.yaml": "kind: action\nname: a\ntype: redirect\nlocation: \"" + location + "\"\n"})
		if (snap != nil) != want || snap == nil && (len(list) != 1 || list[0].Field != "location") {
			t.Errorf("%q: %v", location, list)
		}
	}
}

// TestEmptyDocuments holds that a document that holds nothing ends nothing else.
func TestEmptyDocuments(t *testing.T) {
	const list = "kind: list\nname: n%d\nvalues: []\n"
	for _, text := range []string{
		"---\n---\n" + list + "---\n" + list, "---\n# only a comment\n---\n" + list + "---\n---\n---\n" + list + "---\n",
		list + "...\n---\n" + list + "...\n", "%YAML 1.2\n---\n" + list + "---\n\n---\n" + list, "--- # first\n" + list + "--- # second\n" + list,
	} {
		text = strings.Replace(strings.Replace(text, "%d", "1", 1), "%d", "2", 1)
		if s := compile(t, map[string]string{"a.yaml": text}); len(s.Lists) != 2 {
			t.Errorf("%d of 2 documents in %q", len(s.Lists), text)
		}
	}
}
