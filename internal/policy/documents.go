package policy

import (
	"fmt"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/expr"
	"github.com/throughline/throughline/internal/journey"
)

func (c *compiler) label(m *mapping) {
	l := &Label{Pos: m.pos}
	l.ID = c.identifier(m, "id", "label")
	l.Title = title(m)
	if v, ok := m.need("severity", "trusted, info, low, medium, high or critical"); ok {
		words := make([]string, 0, 6)
		for _, s := range journey.Severities() {
			words = append(words, string(s))
		}
		s, _ := v.oneOf(words...)
		l.Severity = journey.Severity(s)
	}
	if v, ok := m.get("points"); ok {
		l.Points, _ = v.integer(-100, 100)
	}
	l.Types = c.types(m, "on")
	if v, ok := m.need("when", `a condition, e.g. event.outcome == "failure"`); ok {
		c.when(v, func(p *expr.Program) { l.When = p })
	}
	if v, ok := m.get("ttl"); ok {
		l.TTL = duration(v, time.Second, 90*24*time.Hour)
	}
	if v, ok := m.get("repeat"); ok {
		l.Repeat = v.boolean()
	}
	l.Rollout = rollout(m)
	c.snap.Labels = append(c.snap.Labels, l)
}

func title(m *mapping) string {
	v, ok := m.need("title", "a title that people read")
	if !ok {
		return ""
	}
	s, ok := v.text()
	if ok && (strings.TrimSpace(s) == "" || len(s) > 160) {
		v.bad("is empty or longer than 160 bytes", "a title that people read")
	}
	return s
}

// rollout reads mode: live | shadow | {percent: N}, or percent: N instead.
func rollout(m *mapping) Rollout {
	r := Rollout{Mode: Live}
	percent := func(v value) {
		if n, ok := v.integer(0, 100); ok {
			r = Rollout{Mode: Percent, Percent: n}
		}
	}
	v, ok := m.get("mode")
	if ok && isMapping(v) {
		if sub, ok := v.mapping("live, shadow or {percent: 20}"); ok {
			if p, ok := sub.need("percent", "a number from 0 to 100"); ok {
				percent(p)
			}
			sub.done()
		}
	} else if ok {
		if s, ok := v.oneOfOr("{percent: 20}", "live", "shadow"); ok && s == "shadow" {
			r.Mode = Shadow
		}
	}
	if p, ok := m.get("percent"); ok {
		if _, both := m.vals["mode"]; both {
			p.bad("stands beside mode", "keep one of them: mode: {percent: 20} or percent: 20")
		}
		percent(p)
	}
	return r
}

func (c *compiler) signature(m *mapping) {
	s := &Signature{Pos: m.pos}
	s.ID = c.identifier(m, "id", "signature")
	s.Title = title(m)
	s.All = c.refsOf(m, "all", "label")
	s.Any = c.refsOf(m, "any", "label")
	if m.vals["all"].node == nil && m.vals["any"].node == nil {
		m.lack(m.value, "names no label", "give it all: or any: with label IDs", "all", "any")
	}
	if len(s.Any) > 0 {
		s.AtLeast = 1
	}
	if v, ok := m.get("at_least"); ok {
		switch {
		case len(s.Any) > 0:
			s.AtLeast, _ = v.integer(1, len(s.Any))
		case m.vals["any"].node == nil:
			m.lack(v, "stands without any", "list the labels it counts under any:", "any")
		}
	}
	if v, ok := m.need("rating", "suspicious or malicious"); ok {
		s.Rating, _ = ratingOf(v, journey.Suspicious, journey.Malicious)
	}
	s.Rollout = rollout(m)
	c.snap.Signatures = append(c.snap.Signatures, s)
}

func ratingOf(v value, among ...journey.Rating) (journey.Rating, bool) {
	words := make([]string, len(among))
	for i, r := range among {
		words[i] = r.String()
	}
	s, ok := v.oneOf(words...)
	if !ok {
		return 0, false
	}
	r, err := journey.ParseRating(s)
	return r, err == nil
}

// refsOf reads names that other documents define.
func (c *compiler) refsOf(m *mapping, key, kind string) []string {
	v, ok := m.get(key)
	if !ok {
		return nil
	}
	var out []string
	seen := map[string]bool{}
	for _, item := range v.items("names of documents of kind " + kind) {
		if s, ok := item.text(); ok {
			if seen[s] {
				item.bad(quote(s)+" stands here twice", "each name once")
				continue
			}
			seen[s] = true
			out = append(out, s)
			c.refs = append(c.refs, pendingRef{item, kind, s})
		}
	}
	return out
}

func (c *compiler) workflow(m *mapping) {
	w := &Workflow{Pos: m.pos}
	if v, ok := m.need("name", "a name that people read"); ok {
		if w.Name, ok = v.text(); ok && (strings.TrimSpace(w.Name) == "" || len(w.Name) > 160) {
			v.bad("is empty or longer than 160 bytes", "a name that people read")
		} else if ok {
			c.unique(v, "workflow", w.Name)
		}
	}
	if v, ok := m.need("trigger", "rating, signature or label"); ok {
		if t, ok := v.mapping("e.g. {rating: malicious}"); ok {
			if r, ok := t.get("rating"); ok {
				for _, item := range r.items("suspicious or malicious") {
					if rating, ok := ratingOf(item, journey.Normal, journey.Suspicious, journey.Malicious); ok {
						w.Ratings = append(w.Ratings, rating)
					}
				}
			}
			w.Signatures = c.refsOf(&t, "signature", "signature")
			w.Labels = c.refsOf(&t, "label", "label")
			if len(t.keys) == 0 {
				v.bad("is empty", "name a rating, signature or label")
			}
			t.done()
		}
	}
	w.Types = c.types(m, "on")
	if v, ok := m.get("when"); ok {
		c.when(v, func(p *expr.Program) { w.When = p })
	}
	if _, ok := m.need("do", "a list of action names"); ok {
		w.Do = c.refsOf(m, "do", "action")
	}
	w.Rollout = rollout(m)
	c.snap.Workflows = append(c.snap.Workflows, w)
}

func (c *compiler) action(m *mapping) {
	a := &Action{Pos: m.pos}
	a.Name = c.identifier(m, "name", "action")
	var kind string
	if v, ok := m.need("type", "block, redirect or tag"); ok {
		kind, _ = v.oneOf("block", "redirect", "tag")
		a.Type = journey.ActionType(kind)
	}
	switch a.Type {
	case journey.ActionBlock:
		c.block(m, a)
	case journey.ActionRedirect:
		c.redirect(m, a)
	case journey.ActionTag:
		c.tag(m, a)
	default: // already a fault; don't add more for the fields of a type unknown
		for _, k := range m.keys {
			m.taken[k] = m.taken[k] || !nearType(k)
		}
	}
	c.snap.Actions[a.Name] = a
}

// nearType tells whether a field is a misspelt type, the one field it misses.
func nearType(key string) bool {
	_, ok := near(key, []string{"type"})
	return ok && len(key) > 3
}

func (c *compiler) block(m *mapping, a *Action) {
	a.Status, a.ContentType = 403, "text/plain; charset=utf-8"
	if v, ok := m.get("status"); ok {
		a.Status = blockStatus(v)
	}
	if v, ok := m.get("content_type"); ok {
		var fine bool
		a.ContentType, fine = headerValue(v)
		if _, _, err := mime.ParseMediaType(a.ContentType); fine && err != nil {
			v.bad(quote(a.ContentType)+" is no content type", "e.g. text/html; charset=utf-8")
		}
	}
	if v, ok := m.get("body"); ok {
		a.Body, _ = v.text()
		if len(a.Body) > 256<<10 {
			v.bad("is longer than 256 KiB", "a short page")
		}
	}
}

// blockStatus reads a status that answers instead of the origin: others have no
// body, send elsewhere or are no answer at all.
func blockStatus(v value) int {
	right := "200, or 400 to 599"
	n, ok := v.integerOf(200, 599, right)
	if ok && n != 200 && n < 400 {
		if n >= 300 {
			right += "; to send elsewhere, type: redirect"
		}
		v.bad(fmt.Sprintf("%d does not block", n), right)
	}
	return n
}

func (c *compiler) redirect(m *mapping, a *Action) {
	a.Status = 302
	if v, ok := m.get("status"); ok {
		s, _ := v.oneOf("302", "303", "307")
		a.Status, _ = strconv.Atoi(s)
	}
	v, ok := m.need("location", "a path such as /help, or an https URL")
	if !ok {
		return
	}
	if a.Location, ok = headerValue(v); !ok {
		return
	}
	const right = "a path such as /help, or an https URL"
	u, err := url.Parse(a.Location)
	local := strings.HasPrefix(a.Location, "/") && !strings.HasPrefix(a.Location, "//")
	switch {
	case strings.ContainsFunc(a.Location, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }):
		v.bad(quote(a.Location)+" holds what a URL does not", "percent-encode spaces, backslashes and letters beyond ASCII")
	case err != nil || !local && (u.Scheme != "https" || u.Hostname() == ""):
		v.bad(quote(a.Location)+" is no place to redirect to", right)
	case u.User != nil: // everyone would read the password, or be misled by the name
		v.bad("names a user before the host", right+", without user and password")
	}
}

func (c *compiler) tag(m *mapping, a *Action) {
	if v, ok := m.need("header", "a header name, e.g. X-Risk"); ok {
		a.Header, ok = v.text()
		switch {
		case ok && !isToken(a.Header):
			v.bad(quote(a.Header)+" is no header name", "a header of your own, e.g. X-Risk")
		case ok && forbiddenTag(a.Header):
			v.bad(quote(a.Header)+" can't be a tag", "a header of your own, e.g. X-Risk; never one that frames, routes or authenticates the message, or that browsers and proxies set")
		}
	}
	if v, ok := m.need("value", "e.g. \"{rating}\""); ok {
		a.Value, _ = headerValue(v)
		for _, p := range placeholder.FindAllString(a.Value, -1) {
			if !slices.Contains(placeholders(), p) {
				v.bad(quote(p)+" stands for nothing", "one of "+strings.Join(placeholders(), ", "))
			}
		}
	}
}

var placeholder = regexp.MustCompile(`\{[A-Za-z_]+\}`)

// placeholders are what a tag's value may hold; they are filled when it is sent.
func placeholders() []string {
	return []string{"{rating}", "{points}", "{labels}", "{session_id}", "{event_id}", "{spec_id}"}
}

// forbiddenTag names headers that frame, route or authenticate a message, or that
// browsers and proxies set: an origin takes them for something else. Some origins
// read _ as -.
func forbiddenTag(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	for _, family := range []string{"accept", "access-control-", "cf-", "content-", "fastly-", "if-", "proxy-", "sec-", "x-amz-", "x-amzn-",
		"x-b3-", "x-envoy-", "x-forwarded", "x-http-method", "x-original-"} {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	return slices.Contains([]string{
		"host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "expect", "max-forwards", "range",
		"authorization", "www-authenticate", "authentication-info", "cookie", "set-cookie",
		"forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cdn-loop",
		"x-host", "x-method-override", "x-rewrite-url", "x-request-id", "x-correlation-id", "traceparent", "tracestate",
		"date", "age", "cache-control", "pragma", "origin", "referer", "user-agent", "location",
	}, name)
}

func headerValue(v value) (string, bool) {
	s, ok := v.text()
	if ok && strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		v.bad("holds a control character", "one line of text")
		return "", false
	}
	return s, ok
}

func (c *compiler) list(m *mapping) {
	l := &List{Values: map[string]bool{}}
	l.Name = c.identifier(m, "name", "list")
	if v, ok := m.need("values", "a list of values"); ok {
		for _, item := range v.list() { // may be empty: a list to fill later
			if s, ok := item.text(); ok {
				l.Values[s] = true
			}
		}
	}
	c.snap.Lists[l.Name] = l
}

func (c *compiler) ratingRules(m *mapping) {
	if c.rating {
		m.bad("is a second document of kind rating", "keep one")
	}
	c.rating = true
	r := &c.snap.Rating
	if v, ok := m.get("suspicious"); ok {
		r.Suspicious, _ = v.integer(1, 10000)
	}
	if v, ok := m.get("malicious"); ok {
		r.Malicious, _ = v.integer(1, 10000)
	}
	if r.Suspicious >= r.Malicious && r.Suspicious > 0 && r.Malicious > 0 { // 0 is a fault already
		m.bad(fmt.Sprintf("suspicious (%d) is not below malicious (%d)", r.Suspicious, r.Malicious), "e.g. suspicious: 30 and malicious: 70")
	}
}

func duration(v value, low, high time.Duration) time.Duration {
	s, ok := v.text()
	if !ok {
		return low
	}
	d, err := expr.ParseDuration(s)
	if err != nil {
		right := "e.g. 90s, 30m, 24h or 7d"
		if hint, ok := expr.DurationHint(s); ok {
			right = hint
		}
		v.bad(quote(s)+" is no time", right)
		return low
	}
	if d < low || d > high {
		v.bad(quote(s)+" is out of range", "a time from "+short(low)+" to "+short(high))
		return low
	}
	return d
}

// short writes a time as policies do.
func short(d time.Duration) string {
	switch {
	case d > 24*time.Hour && d%(24*time.Hour) == 0:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return d.String()
}
