package duckdb

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/throughline/throughline/internal/journey"
)

// eventDetail holds, as JSON in one column, what of an Event has no column, so
// that it reads back exactly as it was.
type eventDetail struct {
	Elements   []elementDetail       `json:"e,omitempty"` // in order
	Labels     []journey.Label       `json:"l,omitempty"`
	Signatures []journey.Signature   `json:"s,omitempty"`
	Change     *journey.RatingChange `json:"c,omitempty"`
	Actions    []journey.Action      `json:"a,omitempty"`
	Workflows  []string              `json:"w,omitempty"`
}

// elementDetail is an Element without the value that its column or the map
// holds. Value is set where those don't give it back to the letter.
type elementDetail struct {
	ID      string  `json:"i"`
	Entity  bool    `json:"n,omitempty"`
	Hash    int64   `json:"h,omitempty"`
	Invalid string  `json:"x,omitempty"`
	Value   *string `json:"v,omitempty"`
	// Unverified as the Element's.
	Unverified bool `json:"u,omitempty"`
}

// sessionDetail is the same for a Session.
type sessionDetail struct {
	Labels     []journey.Label     `json:"l,omitempty"`
	Signatures []journey.Signature `json:"s,omitempty"`
	Actions    []journey.Action    `json:"a,omitempty"`
}

// eventColumns are those before the elements, in the table's order.
const eventColumns = `ts, sid, eid, spec_id, site, name, type, spec, method, status, outcome, rating, points,
	duration, join_reason, revision, sync, truncated`

// codec turns Events into rows. Not safe for concurrent use. A row takes the memory
// of the one before, and its values too where they are the same, as most are.
type codec struct {
	columns map[string]int // element to place among the element columns
	row     []driver.Value
	values  []driver.Value // by element column: its newest
	extra   duckdb.Map
	text    []byte
}

func newCodec() *codec {
	c := &codec{columns: map[string]int{}, extra: duckdb.Map{}}
	for i, id := range elementColumns() {
		c.columns[id] = i
	}
	c.row = make([]driver.Value, eventFields+len(c.columns)+3)
	c.values = make([]driver.Value, len(c.columns))
	return c
}

// eventFields are those of eventColumns and those behind them that no Event is read
// from.
const eventFields = 21

// event renders a row of the table events, good until the next call.
func (c *codec) event(e *journey.Event, partition int, seq uint64) ([]driver.Value, error) {
	r := c.row
	r[0] = micros(e.Time)
	again(&r[1], int64(e.SessionID))
	again(&r[2], int64(e.ID))
	again(&r[3], int64(e.SpecID))
	again(&r[4], e.Site)
	again(&r[5], e.Name)
	again(&r[6], string(e.Type))
	again(&r[7], e.Spec)
	again(&r[8], e.Method)
	again(&r[9], int32(e.Status))
	again(&r[10], string(e.Outcome))
	again(&r[11], uint8(e.Rating))
	again(&r[12], int32(e.Points))
	again(&r[13], e.Duration)
	again(&r[14], e.JoinReason)
	again(&r[15], e.Revision)
	again(&r[16], e.Sync)
	again(&r[17], e.Truncated)
	again(&r[18], e.RatingChange != nil)
	again(&r[19], int16(partition))
	again(&r[20], int64(seq))
	elements := r[eventFields : eventFields+len(c.columns)]
	clear(elements)
	clear(c.extra)
	if err := c.detail(e, elements); err != nil {
		return nil, fmt.Errorf("event %s: %w", e.ID, err)
	}
	tail := r[eventFields+len(c.columns):]
	tail[0], tail[1], tail[2] = c.extra, labelIDs(e.Labels), c.text
	return r, nil
}

// again sets a value, unless it is there.
func again[T comparable](at *driver.Value, v T) {
	if old, ok := (*at).(T); !ok || old != v {
		*at = v
	}
}

// detail puts the elements in their places and renders what no column holds.
func (c *codec) detail(e *journey.Event, elements []driver.Value) error {
	b := append(c.text[:0], '{')
	for i := range e.Elements {
		if b = append(b, ','); i == 0 {
			b = append(b[:len(b)-1], `"e":[`...)
		}
		el := &e.Elements[i]
		b = renderElement(b, el, c.place(elements, c.extra, el))
	}
	if len(e.Elements) > 0 {
		b = append(b, ']')
	}
	if len(e.Labels)+len(e.Signatures)+len(e.Actions)+len(e.Workflows) > 0 || e.RatingChange != nil {
		rest, err := json.Marshal(&eventDetail{Labels: e.Labels, Signatures: e.Signatures, Change: e.RatingChange, Actions: e.Actions, Workflows: e.Workflows})
		if err != nil {
			return err
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, rest[1:len(rest)-1]...)
	}
	c.text = append(b, '}')
	return nil
}

// renderElement writes an elementDetail; placed tells that its value stands elsewhere.
func renderElement(b []byte, el *journey.Element, placed bool) []byte {
	b = renderText(append(b, `{"i":`...), el.ID)
	if el.Entity {
		b = append(b, `,"n":true`...)
	}
	if el.Hash != 0 {
		b = strconv.AppendInt(append(b, `,"h":`...), el.Hash, 10)
	}
	if el.Invalid != "" {
		b = renderText(append(b, `,"x":`...), el.Invalid)
	}
	if !placed {
		b = renderText(append(b, `,"v":`...), el.Value)
	}
	if el.Unverified {
		b = append(b, `,"u":true`...)
	}
	return append(b, '}')
}

// renderText writes a string as encoding/json does.
func renderText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || strings.IndexByte(`"\<>&`, c) >= 0 {
			text, _ := json.Marshal(s) // no string fails
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// place puts an element's value where it is searched, and tells whether it
// reads back from there to the letter.
func (c *codec) place(columns []driver.Value, extra duckdb.Map, el *journey.Element) bool {
	i, column := c.columns[el.ID]
	switch {
	case strings.Contains(el.Value, "\x00"):
		return false // the driver would cut it there
	case column && columns[i] != nil:
		return false // the same element again
	case column && el.ID == amountColumn:
		f, err := strconv.ParseFloat(el.Value, 64)
		if err != nil {
			return el.Value == ""
		}
		columns[i] = f
		return formatAmount(f) == el.Value
	case column:
		if el.Value != "" {
			again(&c.values[i], el.Value)
			columns[i] = c.values[i]
		}
	default:
		if _, taken := extra[el.ID]; taken {
			return false
		}
		extra[el.ID] = el.Value
	}
	return true
}

func formatAmount(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func labelIDs(labels []journey.Label) []string {
	out := make([]string, 0, len(labels))
	for i := range labels {
		out = append(out, labels[i].ID)
	}
	return out
}

// selectEvent lists what scanEvent reads.
func selectEvent() string {
	return `SELECT ` + eventColumns + `, ` + strings.Join(elementColumns(), ", ") + `, extra, detail`
}

// scanEvent reads a row of selectEvent; more takes columns after it.
func scanEvent(rows *sql.Rows, more ...any) (journey.Event, error) {
	var e journey.Event
	var ts time.Time
	var sid, eid, spec int64
	var typ, outcome, text string
	var extra duckdb.Map
	ids := elementColumns()
	values := make([]sql.NullString, len(ids))
	var amount sql.NullFloat64
	into := []any{&ts, &sid, &eid, &spec, &e.Site, &e.Name, &typ, &e.Spec, &e.Method, &e.Status, &outcome,
		(*uint8)(&e.Rating), &e.Points, &e.Duration, &e.JoinReason, &e.Revision, &e.Sync, &e.Truncated}
	for i := range ids {
		if ids[i] == amountColumn {
			into = append(into, &amount)
		} else {
			into = append(into, &values[i])
		}
	}
	into = append(append(into, &extra, &text), more...)
	if err := rows.Scan(into...); err != nil {
		return e, err
	}
	var d eventDetail
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return e, fmt.Errorf("detail of event %d: %w", eid, err)
	}
	e.Time, e.SessionID, e.ID, e.SpecID = ts.UnixMicro(), journey.ID(sid), journey.ID(eid), journey.ID(spec)
	e.Type, e.Outcome = journey.EventType(typ), journey.Outcome(outcome)
	e.Labels, e.Signatures, e.RatingChange, e.Actions, e.Workflows = d.Labels, d.Signatures, d.Change, d.Actions, d.Workflows
	if len(d.Elements) > 0 {
		e.Elements = make([]journey.Element, len(d.Elements))
	}
	for i, el := range d.Elements {
		e.Elements[i] = journey.Element{ID: el.ID, Entity: el.Entity, Hash: el.Hash, Invalid: el.Invalid, Unverified: el.Unverified}
		if el.Value != nil {
			e.Elements[i].Value = *el.Value
			continue
		}
		if v, ok := extra[el.ID].(string); ok {
			e.Elements[i].Value = v
			continue
		}
		for j, id := range ids {
			if id != el.ID {
				continue
			}
			if id == amountColumn && amount.Valid {
				e.Elements[i].Value = formatAmount(amount.Float64)
			} else {
				e.Elements[i].Value = values[j].String
			}
		}
	}
	return e, nil
}

// sessionRow renders a row of the table sessions.
func sessionRow(s *journey.Session) ([]driver.Value, error) {
	text, err := json.Marshal(&sessionDetail{Labels: s.Labels, Signatures: s.Signatures, Actions: s.Actions})
	if err != nil {
		return nil, fmt.Errorf("session %s: %w", s.ID, err)
	}
	signatures := make([]string, 0, len(s.Signatures))
	for i := range s.Signatures {
		signatures = append(signatures, s.Signatures[i].ID)
	}
	var candidates []byte
	if len(s.Candidates) > 0 {
		if candidates, err = json.Marshal(s.Candidates); err != nil {
			return nil, fmt.Errorf("session %s: %w", s.ID, err)
		}
	}
	return []driver.Value{int64(s.ID), int64(s.SpecID), s.Site, micros(s.Start), micros(s.Last), int32(s.Events),
		uint8(s.Rating), int32(s.Points), int32(len(s.Labels)), labelIDs(s.Labels), signatures, s.IP, s.Country,
		s.City, s.UserAgent, s.Account, string(text), s.Recognised, string(candidates), int64(s.MergedInto)}, nil
}

const selectSession = `s.sid, s.spec_id, s.site, s.start, s.last, s.events, s.rating, s.points, s.ip, s.country,
	s.city, s.user_agent, s.account, s.detail, s.recognised, s.candidates, s.merged_into`

// scanSession reads a row of selectSession; more takes columns after it.
func scanSession(rows *sql.Rows, more ...any) (journey.Session, error) {
	var s journey.Session
	var sid, spec, merged int64
	var start, last time.Time
	var text, candidates string
	err := rows.Scan(append([]any{&sid, &spec, &s.Site, &start, &last, &s.Events, (*uint8)(&s.Rating), &s.Points, &s.IP,
		&s.Country, &s.City, &s.UserAgent, &s.Account, &text, &s.Recognised, &candidates, &merged}, more...)...)
	if err != nil {
		return s, err
	}
	var d sessionDetail
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return s, fmt.Errorf("detail of session %d: %w", sid, err)
	}
	if candidates != "" {
		if err := json.Unmarshal([]byte(candidates), &s.Candidates); err != nil {
			return s, fmt.Errorf("candidates of session %d: %w", sid, err)
		}
	}
	s.MergedInto = journey.ID(merged)
	s.ID, s.SpecID, s.Start, s.Last = journey.ID(sid), journey.ID(spec), start.UnixMicro(), last.UnixMicro()
	s.Labels, s.Signatures, s.Actions = d.Labels, d.Signatures, d.Actions
	return s, nil
}
