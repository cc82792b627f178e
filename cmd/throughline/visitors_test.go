package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/hub"
)

// pagesEach is how many pages a visitor of these tests looks at.
const pagesEach = 5

// guestbook is an origin whose addresses say who asks: /v/NAME/PAGE. A browser goes
// from page to page by itself, slower than the engine keeps an idle connection.
type guestbook struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int // the last page of each
}

func newGuestbook(t *testing.T, cookies bool) *guestbook {
	t.Helper()
	g := &guestbook{seen: map[string]int{}}
	issued := 0
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		if len(parts) != 3 || parts[0] != "v" {
			http.NotFound(w, r)
			return
		}
		n, err := strconv.Atoi(parts[2])
		if err != nil { // a picture
			w.Header().Set("Cache-Control", "no-store")
			_, _ = io.WriteString(w, "<svg xmlns='http://www.w3.org/2000/svg'/>")
			return
		}
		g.mu.Lock()
		g.seen[parts[1]] = max(g.seen[parts[1]], n)
		issued++
		id := issued
		g.mu.Unlock()
		if _, err := r.Cookie("sid"); cookies && err != nil {
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: fmt.Sprintf("%x", sha256.Sum256([]byte(strconv.Itoa(id)))), HttpOnly: true, Secure: true, Path: "/"})
		}
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cache-Control", "no-store")
		next := ""
		if n < pagesEach {
			next = fmt.Sprintf(`<meta http-equiv="refresh" content="3;url=/v/%s/%d">`, parts[1], n+1)
		}
		_, _ = fmt.Fprintf(w, "<!doctype html><title>%d</title><link rel=icon href=data:,>%s", n, next)
		for i := range 4 {
			_, _ = fmt.Fprintf(w, `<img src="/v/%s/p%d-%d.svg" alt="">`, parts[1], n, i)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *guestbook) through(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen[name] >= pagesEach
}

// guest is a client that looks at its pages.
type guest struct {
	name  string
	after string                                      // the visitor whose last page it waits for, and longer than a page can take to load
	look  func(ctx context.Context, url string) error // until the last page, or ctx ends
}

// fleetOf is every client that is here, some of them several times, all of them
// behind one address. Its browsers keep nothing but what a browser keeps.
func fleetOf(t *testing.T, leaf *x509.Certificate, cookies bool) []guest {
	print := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	spki := base64.StdEncoding.EncodeToString(print[:])
	var all []guest
	for i := range 4 {
		path := lookFor(t, true, "chromium", "google-chrome", "chromium-browser")
		dir := t.TempDir()
		all = append(all, guest{fmt.Sprintf("chromium-%d", i), "", func(ctx context.Context, url string) error {
			return runGuest(ctx, dir, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
				"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+dir,
				"--ignore-certificate-errors-spki-list="+spki, "--remote-debugging-port=0", url+"/1")
		}})
	}
	if path, err := exec.LookPath("firefox-esr"); err == nil { // where it is
		all = append(all, guest{"firefox-0", "", func(ctx context.Context, url string) error {
			return firefoxGuest(ctx, t.TempDir(), path, url, leaf)
		}})
	}
	node := `const h=require('https'),jar=new Map(),a=new h.Agent({keepAlive:true,maxSockets:1,rejectUnauthorized:false});
const get=u=>new Promise((ok,no)=>h.get(u,{agent:a,headers:{'user-agent':'shop-app/3.1 node',...(jar.size?{cookie:[...jar].map(([k,v])=>k+'='+v).join('; ')}:{})}},r=>{for(const c of r.headers['set-cookie']||[]){const[k,v]=c.split(';')[0].split('=');jar.set(k,v)}r.resume();r.on('end',ok)}).on('error',no));
(async()=>{for(let n=1;n<=PAGES;n++){await get('URL/'+n);await new Promise(r=>setTimeout(r,300))}})()`
	python := `import http.client,http.cookies,ssl,time,urllib.parse as p
u=p.urlsplit('URL'); c=http.client.HTTPSConnection(u.netloc,context=ssl._create_unverified_context()); jar={}
for n in range(1,PAGES+1):
  h={'User-Agent':'checker/1.0'}
  if jar: h['Cookie']='; '.join(k+'='+v for k,v in jar.items())
  c.request('GET',u.path+'/%d'%n,headers=h); r=c.getresponse(); r.read()
  for k,m in http.cookies.SimpleCookie(r.getheader('Set-Cookie') or '').items(): jar[k]=m.value
  time.sleep(.3)`
	for i := range 2 {
		// Over HTTP/1.1 two new connections at once are one client's, as far as can be
		// told: the second of a kind comes when no page can still be loading.
		for _, script := range []struct{ program, flag, text string }{{"node", "-e", node}, {"python3", "-c", python}} {
			path, dir, after := lookFor(t, script.program == "node", script.program), t.TempDir(), ""
			if i > 0 {
				after = fmt.Sprintf("%s-%d", script.program, i-1)
			}
			all = append(all, guest{fmt.Sprintf("%s-%d", script.program, i), after, func(ctx context.Context, url string) error {
				text := strings.NewReplacer("URL", url, "PAGES", strconv.Itoa(pagesEach)).Replace(script.text)
				return runGuest(ctx, dir, path, script.flag, text)
			}})
		}
		curl, jar := lookFor(t, true, "curl"), filepath.Join(t.TempDir(), "jar")
		all = append(all, guest{fmt.Sprintf("curl-%d", i), "", func(ctx context.Context, url string) error {
			args := []string{"-sSk", "--noproxy", "*", "-o", "/dev/null", "--rate", "300/m"}
			if cookies {
				args = append(args, "-b", jar, "-c", jar)
			}
			return runGuest(ctx, filepath.Dir(jar), curl, append(args, fmt.Sprintf("%s/[1-%d]", url, pagesEach))...)
		}})
		all = append(all, guest{fmt.Sprintf("go-%d", i), "", func(ctx context.Context, url string) error {
			return goGuest(ctx, url, cookies)
		}})
	}
	return all
}

func lookFor(t *testing.T, required bool, names ...string) string {
	t.Helper()
	if p := os.Getenv("TL_CHROMIUM"); p != "" && names[0] == "chromium" {
		return p
	}
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			return p
		}
	}
	if required && os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing (script/tools installs it)", names[0])
	}
	t.Skipf("%s is missing", names[0])
	return ""
}

func runGuest(ctx context.Context, home, path string, args ...string) error {
	c := exec.CommandContext(ctx, path, args...)
	c.Env = append(os.Environ(), "HOME="+home, "NODE_NO_WARNINGS=1", "http_proxy=", "https_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=", "NO_PROXY=*")
	c.WaitDelay = 2 * time.Second
	out, err := c.CombinedOutput()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(path), err, out)
	}
	return nil
}

// firefoxGuest has a profile that takes the one certificate.
func firefoxGuest(ctx context.Context, dir, path, address string, leaf *x509.Certificate) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(leaf.Raw)
	var print []string
	for _, b := range sum {
		print = append(print, fmt.Sprintf("%02X", b))
	}
	for file, text := range map[string]string{
		"cert_override.txt": fmt.Sprintf("%s:\tOID.2.16.840.1.101.3.4.2.1\t%s\t\n", u.Host, strings.Join(print, ":")),
		"user.js": `user_pref("network.proxy.type", 0);
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
`} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return runGuest(ctx, dir, path, "--headless", "--no-remote", "--profile", dir, address+"/1")
}

func goGuest(ctx context.Context, url string, cookies bool) error {
	c := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(8)}}}
	defer c.CloseIdleConnections()
	if cookies {
		c.Jar, _ = cookiejar.New(nil)
	}
	for n := 1; n <= pagesEach; n++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/%d", url, n), nil)
		if err != nil {
			return err
		}
		resp, err := c.Do(req)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		time.Sleep(2500 * time.Millisecond) // longer than the engine keeps the connection
	}
	return nil
}

// TestRealVisitorsAreToldApart has browsers and programs of the same builds behind
// one address look at pages at once, on a site that sets no cookie and on one that
// does, and compares what the engine made of them with who they were.
func TestRealVisitorsAreToldApart(t *testing.T) {
	for _, cookies := range []bool{false, true} {
		t.Run(map[bool]string{false: "no cookies", true: "cookies"}[cookies], func(t *testing.T) {
			t.Parallel()
			tellApart(t, cookies)
		})
	}
}

func tellApart(t *testing.T, cookies bool) {
	g := newGuestbook(t, cookies)
	s := newServer(t, g.URL)
	ca := newCA(t)
	cert, key := ca.issue("site", time.Hour, "localhost")
	secure := freePort(t)
	write(t, filepath.Join(s.dir, "throughline.yaml"), fmt.Sprintf("listen: 127.0.0.1:0\nadmin: \"\"\nhub: {listen: \"127.0.0.1:0\"}\ndata: data\npolicy: policy\ndrain: 5s\n"+
		"tls: {listen: %q, cert: %q, key: %q}\nlimits: {idle_timeout: 2s}\nfingerprint: {ticket_id: true}\nsites: [{name: shop, hosts: [\"*\"], origin: %q, mode: active}]\n", secure, cert, key, g.URL))
	write(t, filepath.Join(s.dir, "policy", "policy.yaml"), `kind: spec
name: Page
type: page_view
match: {method: GET, path: "/v/{who}/{what}"}
request: {path.who: customer_id}
`)
	s.start(t)
	base := "https://" + secure
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	guests := fleetOf(t, leaf, cookies)

	var wg sync.WaitGroup
	for _, v := range guests {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			if v.after != "" {
				for ctx.Err() == nil && !g.through(v.after) {
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(11 * time.Second)
			}
			go func() {
				for ctx.Err() == nil && !g.through(v.name) {
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(1500 * time.Millisecond) // for the pictures of the last page
				cancel()
			}()
			if err := v.look(ctx, base+"/v/"+v.name); err != nil && ctx.Err() == nil {
				t.Errorf("%s: %v", v.name, err)
			}
			if !g.through(v.name) {
				t.Errorf("%s did not come to its last page", v.name)
			}
		})
	}
	wg.Wait()

	sessions, people := newClusters(), newClusters()
	var list hub.SessionList
	s.get(t, "/api/v1/sessions?limit=200", &list)
	for _, one := range list.Sessions {
		var events hub.EventList
		s.get(t, "/api/v1/sessions/"+one.ID+"/events?limit=200", &events)
		for _, e := range events.Events {
			for _, el := range e.Elements {
				if el.ID == "customer_id" {
					sessions.add(one.ID, el.Value)
					people.add(one.SpecID, el.Value)
					t.Logf("%s %s %s: %s", one.ID, el.Value, e.Time, e.JoinReason)
				}
			}
		}
	}
	for what, c := range map[string]*clusters{"sessions": sessions, "spec_id": people} {
		p, r := c.bcubed()
		t.Logf("%s: %d clusters of %d visitors, B-cubed precision %.3f recall %.3f", what, len(c.of), len(guests), p, r)
		if p < 0.97 || r < 0.93 {
			t.Errorf("%s are not as the visitors were: %s", what, c)
		}
	}
	if n, mixed := sessions.among("chromium-"); n < 4 || n > 5 || mixed {
		t.Errorf("four identical browsers came out as %d visitors, mixed with others: %v: %s", n, mixed, sessions)
	}
}
