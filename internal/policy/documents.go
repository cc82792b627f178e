package policy

import (
	"fmt"
	"net/url"
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
		v.bad("is empty or longer than 160", "a title that people read")
	}
	return s
}

// rollout reads mode: live | shadow | {percent: N}, or percent: N beside it.
func rollout(m *mapping) Rollout {
	r := Rollout{Mode: Live}
	percent := func(v value) {
		if n, ok := v.integer(0, 100); ok {
			r = Rollout{Mode: Percent, Percent: n}
		}
	}
	v, ok := m.get("mode")
	if ok && isMapping(v) {
		if sub, ok := v.mapping(); ok {
			if p, ok := sub.need("percent", "a number from 0 to 100"); ok {
				percent(p)
			}
			sub.done()
		}
	} else if ok {
		s, _ := v.oneOf("live", "shadow")
		if s == "shadow" {
			r.Mode = Shadow
		}
	}
	if p, ok := m.get("percent"); ok {
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
	if len(s.All)+len(s.Any) == 0 {
		m.bad("names no label", "give it all: or any: with label IDs")
	}
	if len(s.Any) > 0 {
		s.AtLeast = 1
	}
	if v, ok := m.get("at_least"); ok {
		if len(s.Any) == 0 {
			v.bad("stands without any", "list the labels it counts under any:")
		} else {
			s.AtLeast, _ = v.integer(1, len(s.Any))
		}
	}
	if v, ok := m.need("rating", "suspicious or malicious"); ok {
		s.Rating, _ = ratingOf(v)
	}
	s.Rollout = rollout(m)
	c.snap.Signatures = append(c.snap.Signatures, s)
}

func ratingOf(v value) (journey.Rating, bool) {
	s, ok := v.oneOf("normal", "suspicious", "malicious")
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
	for _, item := range v.list() {
		if s, ok := item.text(); ok {
			out = append(out, s)
			c.refs = append(c.refs, pendingRef{item, kind, s})
		}
	}
	return out
}

func (c *compiler) workflow(m *mapping) {
	w := &Workflow{Pos: m.pos}
	if v, ok := m.need("name", "a name that people read"); ok {
		if w.Name, ok = v.text(); ok {
			c.unique(v, "workflow", w.Name)
		}
	}
	if v, ok := m.need("trigger", "rating, signature or label"); ok {
		if t, ok := v.mapping(); ok {
			if r, ok := t.get("rating"); ok {
				for _, item := range r.list() {
					if rating, ok := ratingOf(item); ok {
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
			m.taken[k] = true
		}
	}
	c.snap.Actions[a.Name] = a
}

func (c *compiler) block(m *mapping, a *Action) {
	a.Status, a.ContentType = 403, "text/plain; charset=utf-8"
	if v, ok := m.get("status"); ok {
		a.Status, _ = v.integer(200, 599)
	}
	if v, ok := m.get("content_type"); ok {
		a.ContentType = headerValue(v)
	}
	if v, ok := m.get("body"); ok {
		a.Body, _ = v.text()
		if len(a.Body) > 256<<10 {
			v.bad("is longer than 256 KiB", "a short page")
		}
	}
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
	a.Location = headerValue(v)
	u, err := url.Parse(a.Location)
	local := strings.HasPrefix(a.Location, "/") && !strings.HasPrefix(a.Location, "//") && !strings.HasPrefix(a.Location, "/\\")
	if err != nil || !local && (u.Scheme != "https" || u.Host == "") {
		v.bad(fmt.Sprintf("%q is no place to redirect to", a.Location), "a path such as /help, or an https URL")
	}
}

func (c *compiler) tag(m *mapping, a *Action) {
	if v, ok := m.need("header", "a header name, e.g. X-Risk"); ok {
		a.Header, _ = v.text()
		if !isToken(a.Header) || forbiddenTag(a.Header) {
			v.bad(fmt.Sprintf("%q can't be a tag", a.Header), "a header of your own, e.g. X-Risk; never one that frames or routes the message")
		}
	}
	if v, ok := m.need("value", "e.g. \"{rating}\""); ok {
		a.Value = headerValue(v)
	}
}

// forbiddenTag names headers that frame, route or authorise a message.
func forbiddenTag(name string) bool {
	switch strings.ToLower(name) {
	case "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer",
		"upgrade", "proxy-connection", "proxy-authorization", "proxy-authenticate", "content-type", "content-encoding",
		"cookie", "authorization", "expect", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host":
		return true
	}
	return false
}

func headerValue(v value) string {
	s, _ := v.text()
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			v.bad("holds a control character", "one line of text")
			return ""
		}
	}
	return s
}

func (c *compiler) list(m *mapping) {
	l := &List{Values: map[string]bool{}}
	l.Name = c.identifier(m, "name", "list")
	if v, ok := m.need("values", "a list of values"); ok {
		for _, s := range v.texts() {
			l.Values[s] = true
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
	if r.Suspicious >= r.Malicious {
		m.bad(fmt.Sprintf("suspicious (%d) is not below malicious (%d)", r.Suspicious, r.Malicious), "e.g. suspicious: 30 and malicious: 70")
	}
}

func (c *compiler) sessionRules(m *mapping) {
	if c.sess {
		m.bad("is a second document of kind session", "keep one")
	}
	c.sess = true
	s := &c.snap.Session
	if v, ok := m.get("timeout"); ok {
		s.Timeout = duration(v, time.Minute, 24*time.Hour)
	}
	if v, ok := m.get("max_age"); ok {
		s.MaxAge = duration(v, time.Minute, 30*24*time.Hour)
	}
	if v, ok := m.get("cookies"); ok {
		for _, item := range v.list() {
			if name, ok := item.text(); ok {
				if !isToken(name) {
					item.bad(fmt.Sprintf("%q is no cookie name", name), "e.g. session_id")
				}
				s.Cookies = append(s.Cookies, name)
			}
		}
	}
}

func duration(v value, low, high time.Duration) time.Duration {
	s, ok := v.text()
	if !ok {
		return low
	}
	var d time.Duration
	var err error
	if days, isDays := strings.CutSuffix(s, "d"); isDays {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 12)
		d = time.Duration(n) * 24 * time.Hour
	} else {
		d, err = time.ParseDuration(s)
	}
	if err != nil || d < low || d > high {
		v.bad(fmt.Sprintf("%q is no time from %v to %v", s, low, high), "e.g. 30m, 24h or 7d")
		return low
	}
	return d
}
