package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journal"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/recognition"
	"github.com/throughline/throughline/internal/session"
)

// rememberedKeys bounds what a measurement remembers, beside an engine that has
// its own to remember.
const rememberedKeys = 1_000_000

// measureBy is how a partition is measured under the session rules in force.
func measureBy(partition int, rules policy.SessionRules) recognition.Config {
	people := identity.DefaultRules()
	people.MaxKeys = min(people.MaxKeys, rememberedKeys)
	return recognition.Config{Partition: partition, Sessions: stitchBy(rules), People: people,
		Policy: func(bundle map[string]string) (session.Rules, bool) {
			snap, faults := policy.Compile(bundle)
			if len(faults) > 0 {
				return session.Rules{}, false
			}
			return stitchBy(snap.Session), true
		}}
}

func stitchBy(r policy.SessionRules) session.Rules {
	return session.Rules{Timeout: r.Timeout.Microseconds(), MaxAge: r.MaxAge.Microseconds()}
}

// ownJournal is a recognition.Source over what runs.
type ownJournal struct{ *app }

func (a ownJournal) Partitions(site string) ([]int, error) {
	out := []int{}
	for _, s := range a.sites() {
		if site == "" || s.Name == site {
			out = append(out, s.Partition)
		}
	}
	if site != "" && len(out) == 0 {
		return nil, recognition.ErrNoSite
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (a ownJournal) Config(partition int) recognition.Config {
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	return measureBy(partition, a.policy.snap.Session)
}

func (a ownJournal) Read(ctx context.Context, partition int, since time.Time, take func(*journey.Entry, float64) error) error {
	return readSince(ctx, a.journal, partition, since, take)
}

// readSince calls take with what a partition's journal has stored since a time, up
// to the newest entry there is when it begins.
func readSince(ctx context.Context, j *journal.Journal, partition int, since time.Time, take func(*journey.Entry, float64) error) error {
	before, err := j.Before(ctx, partition, since)
	if err != nil {
		return err
	}
	first, err := j.First(ctx, partition)
	if err != nil {
		return err
	}
	last, err := j.Last(ctx, partition)
	if err != nil {
		return err
	}
	before = max(before, first-1)
	if before >= last {
		return nil
	}
	_, err = partitionLog{j: j, n: partition}.replayTo(ctx, before, last, func(seq uint64, e *journey.Entry) error {
		return take(e, float64(seq-before)/float64(last-before))
	})
	return err
}

// storedJournal is a recognition.Source over a data folder that nobody uses.
type storedJournal struct {
	journal *journal.Journal
	sites   map[string]int // partition by name
}

func openStored(data string) (storedJournal, error) {
	out := storedJournal{sites: map[string]int{}}
	text, err := os.ReadFile(filepath.Join(data, "partitions.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return out, fmt.Errorf("nothing has been recorded in %s yet", data)
	}
	if err == nil {
		err = json.Unmarshal(text, &out.sites)
	}
	if err != nil {
		return out, fmt.Errorf("partitions: %w", err)
	}
	out.journal, err = journal.Open(journal.Config{Dir: filepath.Join(data, "journal")})
	return out, err
}

func (s storedJournal) Partitions(site string) ([]int, error) {
	there := s.journal.Partitions()
	out := []int{}
	for name, n := range s.sites {
		if (site == "" || name == site) && slices.Contains(there, n) {
			out = append(out, n)
		}
	}
	if _, known := s.sites[site]; site != "" && !known {
		return nil, recognition.ErrNoSite
	}
	slices.Sort(out)
	return out, nil
}

// Config takes the session rules that a policy has by default, until the journal
// tells of others.
func (s storedJournal) Config(partition int) recognition.Config {
	var rules policy.SessionRules
	if snap, faults := policy.Compile(policy.Starter()); len(faults) == 0 {
		rules = snap.Session
	}
	return measureBy(partition, rules)
}

func (s storedJournal) Read(ctx context.Context, partition int, since time.Time, take func(*journey.Entry, float64) error) error {
	return readSince(ctx, s.journal, partition, since, take)
}

// askedReport is what a command asks of the running process.
type askedReport struct {
	Site string
	Days int
}

// reportIdentity answers a command how far a measurement is.
func (a *app) reportIdentity(w http.ResponseWriter, r *http.Request) {
	var q askedReport
	if err := json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&q); err != nil || q.Days < 1 || q.Days > mostDays {
		http.Error(w, fmt.Sprintf(`want {"Site": name or "", "Days": 1 to %d}`, mostDays), http.StatusBadRequest)
		return
	}
	answer, err := a.known.Ask(recognition.Question(q))
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	_ = json.NewEncoder(w).Encode(answer) // who asked may have left
}
