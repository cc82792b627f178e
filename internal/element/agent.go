package element

import (
	"errors"
	"strings"
)

// maxAgent is how much of a user agent is looked at and kept, in bytes.
const maxAgent = 512

// userAgent keeps what a client calls itself in one line.
func userAgent(s string) (string, error) {
	s = oneLine(cutBytes(s, maxAgent), maxAgent)
	if s = cutBytes(s, maxAgent); s == "" {
		return "", errors.New("empty")
	}
	return s, nil
}

// Agent is what a user agent says of itself.
type Agent struct {
	Family, Version string // of the browser, tool or crawler; numbers with points
	System          string // operating system
	SystemVersion   string
	Device          string // desktop, mobile, tablet, tv, console, wearable, bot or tool; "" unknown
	Bot             string // lower-case name of a crawler or tool
}

// Browser is the family with its major version: Chrome 130.
func (a Agent) Browser() string {
	major, _, _ := strings.Cut(a.Version, ".")
	if a.Family == "" || major == "" {
		return a.Family
	}
	return a.Family + " " + major
}

// ParseAgent reads a user agent by the rules of the ua-parser project. It takes up
// to some hundred microseconds: see Agents.
func ParseAgent(ua string) Agent {
	ua = cutBytes(strings.TrimSpace(ua), maxAgent)
	var a Agent
	if ua == "" {
		return a
	}
	lower := asciiLower(ua)
	t := agentData()
	if r, m := t.browsers.match(ua, lower); r != nil {
		a.Family = say(r.name, m)
		a.Version = version(r, m)
	}
	if r, m := t.systems.match(ua, lower); r != nil {
		a.System = say(r.name, m)
		a.SystemVersion = version(r, m)
	}
	_, crawler := t.crawlers.match(ua, lower)
	a.Device, a.Bot = deviceClass(&a, ua, lower, crawler)
	return a
}

func version(r *agentRule, m []string) string {
	var b strings.Builder
	for _, n := range r.numbers {
		v := say(n, m)
		if v == "" {
			break
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(v)
	}
	return b.String()
}

// asciiLower keeps the length, which strings.ToLower need not.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// tools are programs and libraries that people run, unlike crawlers.
func tools() []string {
	return []string{"curl", "wget", "python-requests", "python-urllib", "python-httpx", "aiohttp", "httpx", "go-http-client", "okhttp", "java/", "java-http-client",
		"apache-httpclient", "node-fetch", "node.js", "undici", "axios", "got/", "postmanruntime", "insomnia", "httpie", "scrapy", "libwww-perl", "lwp::", "ruby", "faraday", "guzzlehttp",
		"php/", "restsharp", "dart/", "powershell", "winhttp", "reqwest", "hyper/", "fasthttp", "k6/", "apachebench", "jmeter", "siege/", "vegeta", "hey/", "wrk/", "locust", "nikto", "sqlmap", "nmap", "masscan", "zgrab", "nuclei", "headlesschrome", "phantomjs", "selenium", "puppeteer", "playwright"}
}

// deviceClass goes by what the rules found, then by words.
func deviceClass(a *Agent, ua, lower string, crawler []string) (class, bot string) {
	for _, w := range tools() {
		if i := strings.Index(lower, w); i == 0 || i > 0 && (w == "headlesschrome" || w == "phantomjs" || w == "selenium" || w == "puppeteer" || w == "playwright" || w == "sqlmap" || w == "nmap" || w == "powershell") {
			return "tool", strings.TrimRight(w, "/:")
		}
	}
	if crawler != nil {
		return "bot", botName(a, crawler[0])
	}
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(lower, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("smart-tv", "smarttv", "appletv", "apple tv", "googletv", "google tv", "hbbtv", "netcast", "web0s", "webos tv", "tizen tv", "roku", "bravia", "crkey", "aftb", "aftt", "afts", "aftm") || a.System == "tvOS" || a.System == "ATV OS X":
		return "tv", ""
	case has("playstation", "nintendo", "xbox"):
		return "console", ""
	case a.System == "WatchOS" || has("watchos", "apple watch", "wear os"):
		return "wearable", ""
	case has("ipad", "tablet", "kindle", "silk/", "playbook") || a.System == "Android" && !has("mobile", "mobi ", "opera mini", "opera mobi"):
		return "tablet", ""
	case has("mobi", "iphone", "ipod", "phone", "blackberry", "symbian", "j2me", "midp", "opera mini", "android"):
		return "mobile", ""
	}
	switch strings.Fields(a.System + " -")[0] {
	case "Windows", "Mac", "Linux", "Ubuntu", "Debian", "Fedora", "Chrome", "FreeBSD", "OpenBSD", "NetBSD", "Solaris", "SUSE", "Red", "Mandriva", "Gentoo", "CentOS", "Arch", "Kubuntu", "Slackware":
		return "desktop", ""
	}
	return "", ""
}

// botName is the family where it names the crawler, else what was recognised.
func botName(a *Agent, matched string) string {
	name := a.Family
	if m := strings.ToLower(strings.Trim(matched, "/ ();+:")); m != "" && !strings.Contains(strings.ToLower(name), m) {
		switch name {
		case "", "Chrome", "Chrome Mobile", "Firefox", "Safari", "Mobile Safari", "IE", "Opera", "Edge", "Chromium", "Apple Mail", "Chrome Mobile WebView", "Mobile Safari UI/WKWebView":
			name = m
		}
	}
	if len(name) > 64 {
		name = cutBytes(name, 64)
	}
	return strings.ToLower(name)
}
