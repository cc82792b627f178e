package main

import (
	"context"
	"errors"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/hub"
	"github.com/throughline/throughline/internal/policy"
)

// policyState is the revision in force and what was wrong with one refused.
type policyState struct {
	mu     sync.Mutex
	snap   *policy.Snapshot
	since  time.Time
	faults []string
}

// loadPolicy puts the folder's policy, or the starter, in force. A faulty one
// at start ends the start; later the running one stays.
func (a *app) loadPolicy(ctx context.Context) error {
	snap, faults := a.readPolicy()
	if len(faults) > 0 {
		a.policy.mu.Lock()
		a.policy.faults = lines(faults)
		a.policy.mu.Unlock()
		return errors.New("policy refused:\n" + strings.Join(lines(faults), "\n"))
	}
	if err := a.engine.SetPolicy(ctx, snap); err != nil {
		return err
	}
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	if a.policy.snap == nil || a.policy.snap.Revision != snap.Revision {
		a.policy.since = time.Now()
	}
	a.policy.snap, a.policy.faults = snap, nil
	return nil
}

func (a *app) readPolicy() (*policy.Snapshot, []policy.Fault) {
	if a.set.Policy == "" {
		return policy.Compile(policy.Starter())
	}
	return policy.Load(a.set.Policy)
}

func lines(faults []policy.Fault) []string {
	out := make([]string, len(faults))
	for i, f := range faults {
		out[i] = f.String()
	}
	return out
}

// watchPolicy looks for changes every two seconds and puts a changed policy in
// force when it is whole.
func (a *app) watchPolicy(ctx context.Context) {
	if a.set.Policy == "" {
		return
	}
	a.background.Go(func() {
		seen := fingerprint(a.set.Policy)
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if f := fingerprint(a.set.Policy); f != seen {
				seen = f
				switch err := a.loadPolicy(ctx); {
				case err != nil:
					a.log.Error("policy refused, the running one stays", "error", err.Error())
				default:
					a.log.Info("policy in force", "revision", a.engine.Policy().Revision)
				}
			}
		}
	})
}

// fingerprint changes when a file of the folder does.
func fingerprint(dir string) uint64 {
	h := fnv.New64a()
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // a file that went away changes the print by itself
		}
		if info, err := os.Stat(p); err == nil {
			_, _ = h.Write([]byte(p + info.ModTime().String()))
		}
		return nil
	})
	return h.Sum64()
}

// policyText answers the Hub.
func (a *app) policyText() hub.Policy {
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	return hub.Policy{Revision: a.policy.snap.Revision, Since: a.policy.since.UTC().Format(time.RFC3339Nano), Files: a.policy.snap.Bundle}
}

// elements are those that the policy in force knows.
func (a *app) elements() *element.Set {
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	if a.policy.snap == nil {
		return nil
	}
	return a.policy.snap.Elements
}

func (a *app) sessionTimeout() time.Duration {
	a.policy.mu.Lock()
	defer a.policy.mu.Unlock()
	return a.policy.snap.Session.Timeout
}
