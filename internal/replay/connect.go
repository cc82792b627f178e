package replay

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/wire"
)

// connection is a client's own TLS connection; a client without one is behind
// something at which TLS ends.
type connection struct {
	number  int
	ticket  int
	beside  int // the ticket of the one beside which that of ticket was opened, 0: none
	resumed bool
	alpn    string
}

// connect reads: connect [resumed|beside] [http/1.1]. The connection is the current
// client's from here on.
func (p *parser) connect(s string) error {
	if p.current == nil {
		return fmt.Errorf("connect: there is no client yet; want a line such as client ann ip=203.0.113.7 before it")
	}
	p.connections++
	c := connection{number: p.connections, ticket: p.connections, alpn: "h2"}
	for word := range strings.FieldsSeq(s) {
		switch word {
		case "resumed":
			if p.current.conn == nil {
				return fmt.Errorf("connect resumed: %s has no earlier connection to resume; want connect before it", p.current.name)
			}
			c.ticket, c.resumed = p.current.conn.ticket, true
		case "beside":
			if p.current.conn == nil {
				return fmt.Errorf("connect beside: %s has no earlier connection that another was opened beside; want connect before it", p.current.name)
			}
			c.beside, c.resumed = p.current.conn.ticket, true
		case "http/1.1":
			c.alpn = word
		default:
			return fmt.Errorf("connect %q; want connect, and after it resumed or beside, or http/1.1, or both", s)
		}
	}
	next := *p.current // requests before this one keep what they came over
	next.conn = &c
	p.clients[next.name], p.current = &next, &next
	return nil
}

// over fills in what a connection shows.
func (c *connection) over(to *wire.Conn) {
	if c == nil {
		return
	}
	to.TLS, to.ALPN, to.Resumed = true, c.alpn, c.resumed
	if c.beside != 0 {
		to.Beside = "ticket " + strconv.Itoa(c.beside)
	}
	to.ID, to.Ticket, to.Memory = "connection "+strconv.Itoa(c.number), "ticket "+strconv.Itoa(c.ticket), new(wire.Memory)
}

// who tells what became known of people: how a new Session's visitor was known,
// who may be meant, who turned out to be whom and who is related. Users go by the
// number of their first Session.
func (n *names) who(all []journey.Judgement) []string {
	var out []string
	for _, j := range all {
		apart := 0
		for _, v := range j.Sessions {
			if v.MergedInto != 0 {
				out = append(out, fmt.Sprintf("=   session %d is part of session %d", n.of(v.ID), n.of(v.MergedInto)))
			}
			if n.told[v.ID] {
				continue
			}
			n.told[v.ID] = true
			if v.Recognised != "" {
				out = append(out, fmt.Sprintf("=   recognised by %s: the user of session %d", v.Recognised, n.of(v.SpecID)))
			}
			for _, c := range v.Candidates {
				out = append(out, fmt.Sprintf("=   may be the user of session %d, %d %%: %s", n.of(c.SpecID), c.Confidence, strings.Join(c.Reasons, "; ")))
			}
		}
		for _, c := range j.SpecChanges {
			if c.Kind == journey.SpecSplit && c.From == c.Into {
				if apart++; apart > 1 {
					continue // they are all told by the first
				}
				out = append(out, fmt.Sprintf("=   split: those who were the user of session %d are told apart: %s", n.of(j.SpecChanges[0].From), c.Reason))
				continue
			}
			out = append(out, fmt.Sprintf("=   %s: the user of session %d is that of session %d: %s", c.Kind, n.of(c.From), n.of(c.Into), c.Reason))
		}
		for _, l := range j.Links {
			out = append(out, fmt.Sprintf("=   the users of sessions %d and %d are related by %s", n.of(l.A), n.of(l.B), l.Element))
		}
	}
	return out
}

// names numbers Sessions and Events by their place in the script.
type names struct {
	sessions, events map[journey.ID]int
	told             map[journey.ID]bool
}

func (n *names) of(session journey.ID) int {
	if n.sessions[session] == 0 {
		n.sessions[session] = len(n.sessions) + 1
	}
	return n.sessions[session]
}
