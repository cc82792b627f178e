package element

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// corpus reads the lines of a packed file, comments left out.
func corpus(t testing.TB, name string) []string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\n"); line != "" && !strings.HasPrefix(line, "# ") {
			out = append(out, line)
		}
	}
	return out
}

// TestAgentsOfTheRegressionFiles runs uap-core's own: at least 99 of 100 browsers,
// versions and systems must agree, file by file.
func TestAgentsOfTheRegressionFiles(t *testing.T) {
	type score struct{ all, family, version int }
	scores := map[string]*score{}
	for _, line := range corpus(t, "agents.tsv.gz") {
		f := strings.Split(line, "\t")
		want := struct{ what, file, ua, family, version string }{f[0], f[1], f[2], f[3], ""}
		for _, n := range f[4:7] {
			if n == "" {
				break
			}
			want.version = strings.TrimPrefix(want.version+"."+n, ".")
		}
		s := scores[want.file]
		if s == nil {
			s = &score{}
			scores[want.file] = s
		}
		a := ParseAgent(want.ua)
		got, version := a.Family, a.Version
		if want.what == "os" {
			got, version = a.System, a.SystemVersion
		}
		if got == "" {
			got = "Other"
		}
		s.all++
		if got == want.family {
			s.family++
		} else if s.all-s.family < 5 {
			t.Logf("%s: %.200q is %q, want %q", want.file, want.ua, got, want.family)
		}
		if version == want.version {
			s.version++
		}
	}
	if len(scores) != 7 {
		t.Fatalf("%d files", len(scores))
	}
	for file, s := range scores {
		t.Logf("%s: %d cases, family %.2f %%, version %.2f %%", file, s.all, 100*float64(s.family)/float64(s.all), 100*float64(s.version)/float64(s.all))
		if s.family*100 < s.all*99 || s.version*100 < s.all*99 {
			t.Errorf("%s: %d of %d families, %d versions agree", file, s.family, s.all, s.version)
		}
	}
}

// TestCrawlersOfTheList holds that what the public list calls a crawler or tool is
// one for us.
func TestCrawlersOfTheList(t *testing.T) {
	lines := corpus(t, "crawlers.txt.gz")
	missed := 0
	for _, ua := range lines {
		a := ParseAgent(ua)
		if a.Device != "bot" && a.Device != "tool" || a.Bot == "" {
			missed++
			t.Logf("%.120q is %q %q", ua, a.Device, a.Bot)
		}
	}
	t.Logf("%d of %d recognised", len(lines)-missed, len(lines))
	if len(lines) < 2000 || missed*100 > len(lines) {
		t.Errorf("%d of %d missed", missed, len(lines))
	}
}

func TestAgents(t *testing.T) {
	for _, c := range []struct{ ua, browser, system, device, bot string }{
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36", "Chrome 130", "Windows", "desktop", ""},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", "Mobile Safari 17", "iOS", "mobile", ""},
		{"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1", "Mobile Safari 16", "iOS", "tablet", ""},
		{"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Mobile Safari/537.36", "Chrome Mobile 129", "Android", "mobile", ""},
		{"Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36", "Chrome 129", "Android", "tablet", ""},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:131.0) Gecko/20100101 Firefox/131.0", "Firefox 131", "Mac OS X", "desktop", ""},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot 2", "", "bot", "googlebot"},
		{"curl/8.5.0", "curl 8", "", "tool", "curl"},
		{"python-requests/2.31.0", "Python Requests 2", "", "tool", "python-requests"},
		{"Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15", "Safari 13", "", "console", ""},
		{"", "", "", "", ""},
		{"something nobody knows", "", "", "", ""},
	} {
		a := ParseAgent(c.ua)
		if a.Browser() != c.browser || a.System != c.system || a.Device != c.device || a.Bot != c.bot {
			t.Errorf("%q\n got %q %q %q %q\nwant %q %q %q %q", c.ua, a.Browser(), a.System, a.Device, a.Bot, c.browser, c.system, c.device, c.bot)
		}
	}
}

// TestPrefilteringChangesNothing compares with trying every rule.
func TestPrefilteringChangesNothing(t *testing.T) {
	lines := corpus(t, "agents.tsv.gz")
	data := agentData()
	for i := 0; i < len(lines); i += 97 {
		ua := strings.Split(lines[i], "\t")[2]
		for _, rules := range []*agentRules{data.browsers, data.systems, data.crawlers} {
			got, _ := rules.match(ua, asciiLower(ua))
			var want *agentRule
			for k := range rules.rules {
				if rules.rules[k].re.MatchString(ua) {
					want = &rules.rules[k]
					break
				}
			}
			if got != want {
				t.Fatalf("%q: another rule", ua)
			}
		}
	}
}

func TestAgentsAreBounded(t *testing.T) {
	c := NewAgents(100)
	for i := range 1000 {
		c.Get(fmt.Sprintf("tool %d", i))
		if a := c.Get("curl/8.5.0"); a.Family != "curl" || a.Text != "curl/8.5.0" {
			t.Fatalf("%+v", a)
		}
	}
	if c.Len() > 100 {
		t.Fatalf("%d remembered", c.Len())
	}
	if k := c.Get("a\nb\x00" + strings.Repeat("x", 2000)); len(k.Text) > maxAgent || strings.ContainsAny(k.Text, "\n\x00") {
		t.Fatalf("%q", k.Text)
	}
	if k := c.Get(string([]byte{0xff, 'a'})); k.Text != "a" {
		t.Fatalf("%q", k.Text)
	}
}

func FuzzAgent(f *testing.F) {
	for i, line := range corpus(f, "agents.tsv.gz") {
		if i%50 == 0 {
			f.Add(strings.Split(line, "\t")[2])
		}
	}
	f.Fuzz(func(t *testing.T, ua string) {
		a := ParseAgent(ua)
		if len(a.Bot) > 64 || (a.Device == "bot" || a.Device == "tool") != (a.Bot != "") && a.Device != "bot" {
			t.Fatalf("%+v", a)
		}
	})
}
