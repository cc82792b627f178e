package enrich

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Agent is what a user agent header says of itself.
type Agent struct {
	Browser string // with its major version: Chrome 130
	OS      string
	Device  string // desktop, mobile, tablet, bot or tool
	Bot     string // lower-case name of a crawler
}

// Short is a display form: Chrome 130 on Windows.
func (a Agent) Short() string {
	switch {
	case a.Browser != "" && a.OS != "":
		return a.Browser + " on " + a.OS
	case a.Browser != "":
		return a.Browser
	case a.Bot != "":
		return a.Bot
	default:
		return a.OS
	}
}

const maxAgent = 512 // bytes of a header looked at and kept

func bound(s string) string {
	if len(s) > maxAgent {
		s = s[:maxAgent]
		for len(s) > 0 && !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return strings.ToValidUTF8(s, "")
}

// agentCache remembers parsed headers, bounded: at the bound it starts afresh.
type agentCache struct {
	mu   sync.RWMutex
	seen map[string]known
}

// known is a header of our own copy, and what it says.
type known struct {
	header string
	agent  Agent
}

const maxAgents = 10_000

func newAgentCache() *agentCache { return &agentCache{seen: map[string]known{}} }

// get answers with a copy of the header, bounded, since the one given is lent.
func (c *agentCache) get(ua string) known {
	ua = bound(ua)
	c.mu.RLock()
	k, ok := c.seen[ua]
	c.mu.RUnlock()
	if ok {
		return k
	}
	ua = strings.Clone(ua)
	k = known{ua, ParseAgent(ua)}
	c.mu.Lock()
	if len(c.seen) >= maxAgents {
		c.seen = map[string]known{}
	}
	c.seen[ua] = k
	c.mu.Unlock()
	return k
}

// ParseAgent reads the common browsers, tools and crawlers.
func ParseAgent(ua string) Agent {
	var a Agent
	if ua == "" {
		return a
	}
	lower := strings.ToLower(ua)
	for _, b := range [...]string{"googlebot", "bingbot", "duckduckbot", "yandexbot", "baiduspider", "applebot",
		"slurp", "facebookexternalhit", "twitterbot", "linkedinbot", "petalbot", "ahrefsbot", "semrushbot",
		"gptbot", "claudebot", "ccbot", "bytespider"} {
		if strings.Contains(lower, b) {
			return Agent{Browser: title(b), Device: "bot", Bot: b}
		}
	}
	for _, t := range [...]string{"curl", "wget", "python-requests", "python-urllib", "aiohttp", "httpx", "go-http-client",
		"okhttp", "java", "node-fetch", "axios", "postmanruntime", "scrapy", "libwww-perl", "ruby"} {
		if len(ua) >= len(t) && strings.EqualFold(ua[:len(t)], t) && (len(ua) == len(t) || ua[len(t)] == '/' || ua[len(t)] == ' ') {
			return Agent{Browser: versioned(ua, ua[:len(t)], ua[:len(t)]), Device: "tool"}
		}
	}
	a.OS = osOf(ua)
	for _, b := range [...][2]string{{"Edg", "Edge"}, {"OPR", "Opera"}, {"SamsungBrowser", "Samsung Internet"},
		{"Firefox", "Firefox"}, {"FxiOS", "Firefox"}, {"CriOS", "Chrome"}, {"HeadlessChrome", "Headless Chrome"},
		{"Chrome", "Chrome"}, {"Version", "Safari"}} {
		if strings.Contains(ua, b[0]+"/") && (b[1] != "Safari" || strings.Contains(ua, "Safari/")) {
			a.Browser = versioned(ua, b[0], b[1])
			break
		}
	}
	switch {
	case strings.Contains(ua, "iPad") || strings.Contains(ua, "Tablet") || a.OS == "Android" && !strings.Contains(ua, "Mobile"):
		a.Device = "tablet"
	case strings.Contains(ua, "Mobi") || strings.Contains(ua, "iPhone"):
		a.Device = "mobile"
	case a.OS != "":
		a.Device = "desktop"
	}
	return a
}

func osOf(ua string) string {
	for _, o := range [...][2]string{{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iOS"}, {"iPad", "iPadOS"},
		{"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}} {
		if strings.Contains(ua, o[0]) {
			return o[1]
		}
	}
	return ""
}

// versioned appends the major version that follows a token.
func versioned(ua, token, name string) string {
	i := strings.Index(ua, token+"/")
	if i < 0 {
		return name
	}
	v := ua[i+len(token)+1:]
	end := 0
	for end < len(v) && end < 5 && v[end] >= '0' && v[end] <= '9' {
		end++
	}
	if end == 0 {
		return name
	}
	return name + " " + v[:end]
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
