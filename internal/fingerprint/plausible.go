package fingerprint

import "strings"

// Facts are what a client says of itself and what it shows.
type Facts struct {
	Agent string // User-Agent
	Hints string // sec-ch-ua
	TLS   TLS    // zero where TLS ends elsewhere, or there is none
	H2    string // the print of HTTP/2, "" without
}

// program is a kind of program that speaks TLS and HTTP/2 in its own way.
type program uint8

const (
	unknown program = iota
	isChromium
	isFirefox
	isCurl
	isWget
	isNghttp
	isNode
	isPython
	isGo
)

func (p program) String() string {
	return [...]string{"unknown", "Chromium", "Firefox", "curl", "Wget", "nghttp", "Node.js", "Python", "Go"}[p]
}

// tlsOf tells whose stable hash it is, of the recorded clients. Of a version that
// was not recorded it is unknown, which says nothing.
func tlsOf(stable string) program {
	switch stable {
	case "s13_8132797b253128c5": // Chromium 156.0.8078.79
		return isChromium
	case "s13_4f2e0da14a7b723e": // curl 7.88.1
		return isCurl
	case "s13_d9301faffb44ef5a": // Mozilla Firefox 153.7.0esr
		return isFirefox
	case "s13_a88801ea5c4772f1": // go1.26.8
		return isGo
	case "s13_8fd2952ecc103416": // nghttp nghttp2/1.52.0
		return isNghttp
	case "s13_781267560bc75e9f": // v20.20.2
		return isNode
	case "s13_fe6f181c91a17d52": // 3.11.7 OpenSSL 3.0.19 27 Jan 2026
		return isPython
	case "s13_f9bb44e8f6232fc3": // GNU Wget 1.21.3
		return isWget
	}
	return unknown
}

// h2Of tells whose opening of HTTP/2 it is, likewise.
func h2Of(print string) program {
	switch print {
	case "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p": // Chromium 156.0.8078.79
		return isChromium
	case "3:100;4:33554432;2:0|33488897|0|m,p,s,a": // curl 7.88.1
		return isCurl
	case "1:65536;2:0;4:131072;5:16384|12517377|0|m,p,a,s": // Mozilla Firefox 153.7.0esr
		return isFirefox
	case "2:0;4:4194304;5:16384;6:10485760|1073741824|0|a,m,p,s": // go1.26.8
		return isGo
	case "3:100;4:65535|00|3:0:0:201,5:0:0:101,7:0:0:1,9:0:7:1,11:0:3:1|m,p,s,a": // nghttp nghttp2/1.52.0
		return isNghttp
	case "|00|0|p,m,a,s": // v20.20.2
		return isNode
	}
	return unknown
}

// claimed is what the user agent says: unknown where it says nothing that was
// recorded, or that of which there are many kinds. Crawlers name a browser for
// compatibility only, and on iOS every browser is WebKit.
func claimed(agent string) program {
	has := func(s string) bool { return strings.Contains(agent, s) }
	switch {
	case has("compatible;"), has("iPhone"), has("iPad"):
		return unknown
	case has("Chrome/"), has("Chromium/"):
		return isChromium
	case has("Firefox/") && !has("Seamonkey/"):
		return isFirefox
	case strings.HasPrefix(agent, "curl/"):
		return isCurl
	case strings.HasPrefix(agent, "Wget/"):
		return isWget
	case strings.HasPrefix(agent, "nghttp2/"):
		return isNghttp
	case strings.HasPrefix(agent, "Python-urllib/"):
		return isPython
	case strings.HasPrefix(agent, "Go-http-client/"):
		return isGo
	case agent == "node":
		return isNode
	}
	return unknown
}

// Doubts are the reasons to doubt that a client is what it says, by what recorded
// clients show; none where nothing speaks against it. They are no verdict: what
// inspects TLS on the way, in companies and on desks, makes them true of people too.
func Doubts(f Facts) (reasons []string) {
	says, tls, h2 := claimed(f.Agent), tlsOf(f.TLS.Stable), h2Of(f.H2)
	doubt := func(parts ...string) { reasons = append(reasons, strings.Join(parts, "")) }
	switch {
	case says != unknown && tls != unknown && says != tls:
		doubt("user agent says ", says.String(), ", TLS is that of ", tls.String())
	case says == isChromium && f.TLS.Stable != "" && !f.TLS.Grease:
		doubt("user agent says Chromium, TLS goes without GREASE")
	}
	if says != unknown && h2 != unknown && says != h2 {
		doubt("user agent says ", says.String(), ", HTTP/2 is that of ", h2.String())
	}
	if tls != unknown && h2 != unknown && tls != h2 {
		doubt("TLS is that of ", tls.String(), ", HTTP/2 that of ", h2.String())
	}
	if f.Hints == "" {
		return reasons
	}
	if says != unknown && says != isChromium {
		doubt("user agent says ", says.String(), ", client hints are Chromium's")
	}
	agent, hint := after(f.Agent, "Chrome/"), after(f.Hints, `"Chromium";v="`)
	if agent != "" && hint != "" && agent != hint {
		doubt("user agent says version ", agent, ", client hints say ", hint)
	}
	return reasons
}

// after is the number that stands after a mark, "" without. No version is longer
// than four digits.
func after(s, mark string) string {
	_, s, ok := strings.Cut(s, mark)
	if !ok {
		return ""
	}
	n := 0
	for n < len(s) && n < 5 && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	if n > 4 {
		return ""
	}
	return s[:n]
}
