package fingerprint

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// Tickets puts a random ID into the session tickets that we give: a client that
// resumes a session brings it back, without a cookie or a header and from whatever
// address. A ticket is sealed by keys of ours, so nobody else can read the ID, make
// one up or tell that it is there. Safe for concurrent use.
type Tickets struct {
	seal tls.Config // holds the keys, nothing else
	file string     // "": keys of this process, which crypto/tls changes every day
	log  *slog.Logger

	mu      sync.Mutex
	stamp   string
	checked time.Time
}

// TicketID is a connection's. It is written in the handshake and read after it.
type TicketID struct {
	id     [16]byte
	there  bool // it stands in a ticket that was given or accepted
	came   bool // the client resumed with it
	seeing [16]byte
	seen   bool // what the client's ticket says, who has not yet shown to own it
}

// mark begins what is ours in a ticket.
const mark = "tl\x01"

// maxKeys bounds how many keys a file holds.
const maxKeys = 16

// NewTickets makes Tickets. Replicas share the file of keys; without one, a client's
// ID is new at each of them and when the process starts anew.
func NewTickets(file string, log *slog.Logger) (*Tickets, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	t := &Tickets{file: file, log: log}
	if file == "" {
		return t, nil
	}
	t.stamp, t.checked = t.look(), time.Now()
	keys, err := readKeys(file)
	if err != nil {
		return nil, err
	}
	t.seal.SetSessionTicketKeys(keys)
	return t, nil
}

// For is the configuration of one connection, whose ID goes to id. A configuration
// without tickets gets none.
func (t *Tickets) For(conf *tls.Config, id *TicketID) *tls.Config {
	if conf.SessionTicketsDisabled {
		return conf
	}
	c := conf.Clone()
	c.UnwrapSession = func(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		t.refresh()
		// A ticket that is not ours, or too old, is as if there were none.
		state, err := t.seal.DecryptTicket(ticket, cs)
		if err != nil || state == nil {
			return nil, nil
		}
		id.see(state)
		return state, nil
	}
	c.WrapSession = func(cs tls.ConnectionState, state *tls.SessionState) ([]byte, error) {
		t.refresh()
		id.settle(cs.DidResume)
		if !id.there {
			_, _ = rand.Read(id.id[:]) // never fails
			id.there = true
		}
		state.Extra = append(state.Extra, append([]byte(mark), id.id[:]...))
		return t.seal.EncryptTicket(cs, state)
	}
	return c
}

// Result is the ID in hex after a handshake. resumed says that the client came with
// it: else it was given to him just now. ok is false when he holds no ticket of ours.
func (i *TicketID) Result(state tls.ConnectionState) (id string, resumed, ok bool) {
	i.settle(state.DidResume)
	if !i.there {
		return "", false, false
	}
	return hex.EncodeToString(i.id[:]), i.came, true
}

// see takes the ID out of the client's ticket.
func (i *TicketID) see(state *tls.SessionState) {
	for _, e := range state.Extra {
		if len(e) == len(mark)+len(i.seeing) && string(e[:len(mark)]) == mark {
			copy(i.seeing[:], e[len(mark):])
			i.seen = true
			return
		}
	}
	i.seen = false // of several tickets the last is the one that counts
}

// settle believes what the ticket says once the client has resumed with it: a ticket
// goes over the wire in the clear, its secret does not, so that showing one proves
// nothing.
func (i *TicketID) settle(resumed bool) {
	if resumed && i.seen && !i.there {
		i.id, i.there, i.came = i.seeing, true, true
	}
	i.seen = false
}

// refresh reads the keys again when their file has changed. It looks at most once a
// second. Keys that do not load are logged; the old ones stay.
func (t *Tickets) refresh() {
	if t.file == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.checked) < time.Second {
		return
	}
	t.checked = time.Now()
	stamp := t.look()
	if stamp == t.stamp {
		return
	}
	t.stamp = stamp
	keys, err := readKeys(t.file)
	if err != nil {
		t.log.Error("changed ticket keys do not load, the old ones stay", "file", t.file, "error", err.Error())
		return
	}
	t.seal.SetSessionTicketKeys(keys)
	t.log.Info("ticket keys read again", "file", t.file, "keys", len(keys))
}

func (t *Tickets) look() string {
	info, err := os.Stat(t.file)
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size(), info.Mode())
}

// readKeys reads a file of ticket keys: 64 hex digits a line, the first seals, all
// open. To rotate, put a new line first and take the last away a week later, which
// is as long as a ticket lives.
func readKeys(file string) ([][32]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("ticket keys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("ticket keys: %s: mode %04o lets others read it: want 0600", file, info.Mode().Perm())
	}
	if info.Size() > 16<<10 {
		return nil, fmt.Errorf("ticket keys: %s: %d bytes: want at most %d keys of 64 hex digits", file, info.Size(), maxKeys)
	}
	text, err := os.ReadFile(file) //nolint:gosec // the operator's own file
	if err != nil {
		return nil, fmt.Errorf("ticket keys: %w", err)
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("ticket keys: %s: %w", file, err)
	}
	return keys, nil
}

var errNoKeys = errors.New("it has no keys: want 64 hex digits a line, e.g. of `openssl rand -hex 32`")

// parseKeys reads the lines of keys. A fault names its line, never what is there.
func parseKeys(text []byte) (keys [][32]byte, err error) {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		s := strings.TrimSpace(string(line))
		if s == "" || s[0] == '#' {
			continue
		}
		var k [32]byte
		if len(s) != 64 {
			return nil, fmt.Errorf("line %d: %d characters: want 64 hex digits", n, len(s))
		}
		if _, err := hex.Decode(k[:], []byte(s)); err != nil {
			return nil, fmt.Errorf("line %d: not all are hex digits", n)
		}
		if k == ([32]byte{}) {
			return nil, fmt.Errorf("line %d: a key of zeros", n)
		}
		for i := range keys {
			if keys[i] == k {
				return nil, fmt.Errorf("line %d: the same key stands there before", n)
			}
		}
		if len(keys) == maxKeys {
			return nil, fmt.Errorf("line %d: want at most %d keys", n, maxKeys)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}
