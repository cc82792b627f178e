package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/hub"
)

// TestAResponseIsStopped: a sign-in that fails is judged with its response, which the
// visitor then does not get: neither what it says nor the cookie it sets. So by either
// protocol on either side.
func TestAResponseIsStopped(t *testing.T) {
	origin := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "tried", Value: "0123456789abcdef"})
		if r.Method == http.MethodPost && r.FormValue("user") == "mallory" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, "the origin's words")
	}))
	origin.Config.Protocols = new(http.Protocols)
	origin.Config.Protocols.SetHTTP1(true)
	origin.Config.Protocols.SetUnencryptedHTTP2(true)
	origin.Start()
	t.Cleanup(origin.Close)
	cert, key := newCA(t).issue("shop", time.Hour, "www.shop.example")
	for _, protocol := range []string{"http1", "h2"} {
		s := newServer(t, origin.URL)
		clear, secure := freeAddress(t), freeAddress(t)
		write(t, filepath.Join(s.dir, "throughline.yaml"), fmt.Sprintf("listen: %q\nadmin: \"\"\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\npolicy: policy\n"+
			"tls: {listen: %q, cert: %q, key: %q}\nsites: [{name: shop, hosts: [\"*\"], origin: %q, origin_protocol: %s, mode: active, deadline: 5s}]\n",
			clear, secure, cert, key, origin.URL, protocol))
		write(t, filepath.Join(s.dir, "policy", "policy.yaml"), strings.Replace(testPolicy, "processing: sync\n", "processing: sync\nhold_response: true\n", 1))
		s.start(t)
		for i, base := range []string{"http://" + clear, "https://" + secure} {
			tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
			login := func(user string) (*http.Response, string) {
				r, _ := http.NewRequest(http.MethodPost, base+"/login", strings.NewReader("user="+user))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("Cookie", "sid="+fmt.Sprintf(sidOf, i)+user)
				resp, err := tr.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				return resp, string(body)
			}
			resp, body := login("ann")
			if resp.StatusCode != 200 || body != "the origin's words" || len(resp.Cookies()) != 1 || resp.ProtoMajor != 1+i {
				t.Errorf("%s to %s: who signs in gets %d %q %v", base, protocol, resp.StatusCode, body, resp.Header)
			}
			resp, body = login("mallory")
			if resp.StatusCode != 403 || body != "stopped" || len(resp.Cookies()) != 0 {
				t.Errorf("%s to %s: who fails gets %d %q %v", base, protocol, resp.StatusCode, body, resp.Header)
			}
			tr.CloseIdleConnections()
		}
		eventually(t, "all are searchable", func() bool { return s.events(t) == 4 })
		var list hub.SessionList
		s.get(t, "/api/v1/sessions?rating=malicious", &list)
		if list.Total != 2 || list.Sessions[0].Actions[0].Name != "stop" || !list.Sessions[0].Actions[0].Enforced {
			t.Errorf("%s: %+v", protocol, list)
		}
	}
}
