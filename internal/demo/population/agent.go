package population

import (
	"fmt"
	"math/rand/v2"
)

// family is a kind of client: it decides which headers are sent, in which order
// and letter case.
type family string

const (
	chrome   family = "chrome"
	firefox  family = "firefox"
	safari   family = "safari"
	okhttp   family = "okhttp"    // the Android app
	cfnet    family = "cfnetwork" // the iOS app
	requests family = "python-requests"
	gohttp   family = "go-http"
	spider   family = "googlebot"
)

// agent is what a client says it is.
type agent struct {
	family   family
	ua       string
	hint     string // sec-ch-ua
	platform string // sec-ch-ua-platform
	mobile   bool
}

func chromeOn(version int, system, platform string, mobile bool) agent {
	suffix := ""
	if mobile {
		suffix = " Mobile"
	}
	return agent{family: chrome, mobile: mobile, platform: platform,
		ua:   fmt.Sprintf("Mozilla/5.0 (%s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0%s Safari/537.36", system, version, suffix),
		hint: fmt.Sprintf(`"Chromium";v="%d", "Google Chrome";v="%d", "Not_A Brand";v="99"`, version, version)}
}

func edgeOn(version int) agent {
	a := chromeOn(version, "Windows NT 10.0; Win64; x64", "Windows", false)
	a.ua += fmt.Sprintf(" Edg/%d.0.0.0", version)
	a.hint = fmt.Sprintf(`"Chromium";v="%d", "Microsoft Edge";v="%d", "Not_A Brand";v="99"`, version, version)
	return a
}

func firefoxOn(version int, system string) agent {
	return agent{family: firefox, ua: fmt.Sprintf("Mozilla/5.0 (%s; rv:%d.0) Gecko/20100101 Firefox/%d.0", system, version, version)}
}

func safariOn(version string, phone bool) agent {
	if phone {
		return agent{family: safari, mobile: true, ua: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/" + version + " Mobile/15E148 Safari/604.1"}
	}
	return agent{family: safari, ua: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/" + version + " Safari/605.1.15"}
}

// browsers lists what people surf with, the common ones more than once.
func browsers() []agent {
	var out []agent
	for v := 139; v <= 143; v++ {
		out = append(out,
			chromeOn(v, "Windows NT 10.0; Win64; x64", "Windows", false),
			chromeOn(v, "Macintosh; Intel Mac OS X 10_15_7", "macOS", false),
			chromeOn(v, "Linux; Android 10; K", "Android", true))
	}
	return append(out, edgeOn(142), edgeOn(143), chromeOn(143, "X11; Linux x86_64", "Linux", false),
		firefoxOn(144, "Windows NT 10.0; Win64; x64"), firefoxOn(145, "Windows NT 10.0; Win64; x64"),
		firefoxOn(145, "Macintosh; Intel Mac OS X 10.15"), firefoxOn(145, "X11; Linux x86_64"),
		safariOn("18.5", false), safariOn("18.6", false), safariOn("26.1", false),
		safariOn("18.5", true), safariOn("18.6", true), safariOn("26.1", true))
}

func anyBrowser(r *rand.Rand) agent {
	all := browsers()
	return all[r.IntN(len(all))]
}

// apps lists the shop's own app on different handsets.
func apps() []agent {
	return []agent{
		{family: okhttp, mobile: true, ua: "LarchLoom/4.2.0 (Android 15; Pixel 9) okhttp/4.12.0"},
		{family: okhttp, mobile: true, ua: "LarchLoom/4.2.0 (Android 14; SM-S921B) okhttp/4.12.0"},
		{family: okhttp, mobile: true, ua: "LarchLoom/4.1.3 (Android 13; M2101K6G) okhttp/4.12.0"},
		{family: cfnet, mobile: true, ua: "LarchLoom/4.2.0 (iPhone16,1; iOS 18.6) CFNetwork/1568.300.101 Darwin/24.6.0"},
		{family: cfnet, mobile: true, ua: "LarchLoom/4.2.0 (iPhone15,4; iOS 18.5) CFNetwork/1568.300.101 Darwin/24.5.0"},
		{family: cfnet, mobile: true, ua: "LarchLoom/4.1.3 (iPad13,16; iOS 17.7) CFNetwork/1498.700.2 Darwin/23.6.0"},
	}
}

func pythonRequests() agent { return agent{family: requests, ua: "python-requests/2.32.3"} }

func goClient() agent { return agent{family: gohttp, ua: "Go-http-client/1.1"} }

func googlebot() agent {
	return agent{family: spider, ua: "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
}

// fetchKind is what a request is for; browsers send other headers for each.
type fetchKind string

const (
	navigate fetchKind = "document"
	style    fetchKind = "style"
	image    fetchKind = "image"
	call     fetchKind = "empty" // an API call
)

// order lists the header fields of a family as they leave the client. Fields
// without a value for a request are left out.
func (f family) order() []string {
	switch f {
	case chrome:
		return []string{"Host", "Connection", "Content-Length", "Cache-Control", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform",
			"Origin", "Content-Type", "Upgrade-Insecure-Requests", "User-Agent", "Accept", "Sec-Fetch-Site", "Sec-Fetch-Mode",
			"Sec-Fetch-User", "Sec-Fetch-Dest", "Referer", "Accept-Encoding", "Accept-Language", "Cookie"}
	case firefox:
		return []string{"Host", "User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Content-Type", "Content-Length", "Origin",
			"Connection", "Referer", "Cookie", "Upgrade-Insecure-Requests", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User", "Priority"}
	case safari:
		return []string{"Host", "Content-Type", "Origin", "Accept", "Sec-Fetch-Site", "Cookie", "Sec-Fetch-Mode", "Content-Length",
			"User-Agent", "Referer", "Sec-Fetch-Dest", "Accept-Language", "Accept-Encoding", "Connection"}
	case okhttp:
		return []string{"Authorization", "Content-Type", "Content-Length", "Host", "Connection", "Accept-Encoding", "User-Agent"}
	case cfnet:
		return []string{"Host", "Content-Type", "Connection", "Accept", "User-Agent", "Authorization", "Accept-Language", "Content-Length", "Accept-Encoding"}
	case requests:
		return []string{"Host", "User-Agent", "Accept-Encoding", "Accept", "Connection", "Cookie", "Authorization", "Content-Length", "Content-Type"}
	case spider:
		return []string{"Host", "Connection", "Accept", "From", "User-Agent", "Accept-Encoding"}
	default:
		return []string{"Host", "User-Agent", "Content-Length", "Authorization", "Content-Type", "Cookie", "Accept-Encoding"}
	}
}

// accept is the Accept header of a family for what it fetches.
func (f family) accept(kind fetchKind) string {
	switch {
	case f == requests || f == cfnet:
		return "*/*"
	case f == spider:
		return "text/html,application/xhtml+xml,application/signed-exchange;v=b3,application/xml;q=0.9,*/*;q=0.8"
	case kind == style:
		return "text/css,*/*;q=0.1"
	case kind == image && f == chrome:
		return "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
	case kind == image:
		return "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
	case f == chrome:
		return "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
	default:
		return "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	}
}

// encoding is the Accept-Encoding header of a family. The browsers' real lists
// are longer on TLS; the answer may come in any of these.
func (f family) encoding() string {
	switch f {
	case chrome, firefox, safari:
		return "gzip, deflate"
	case requests:
		return "gzip, deflate"
	default:
		return "gzip"
	}
}
