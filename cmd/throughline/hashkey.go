package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/keyring"
)

// hashKeyEnv holds the key of all keyed hashes where no file does.
const hashKeyEnv = "THROUGHLINE_HASH_KEY"

// keySource is where the key comes from: the environment, a file that the
// configuration names, or the data folder's own.
type keySource struct {
	text string // from the environment
	file string
	own  bool // the file is the data folder's
}

func (s *settings) keySource() keySource {
	switch env := os.Getenv(hashKeyEnv); {
	case env != "":
		return keySource{text: env}
	case s.HashKey != "":
		return keySource{file: s.HashKey}
	}
	return keySource{file: keyFile(s.Data), own: true}
}

// checkHashKey finds fault with a key that is given twice.
func (c Config) checkHashKey(bad func(field, wrong, right string)) {
	if c.HashKey != "" && os.Getenv(hashKeyEnv) != "" {
		bad("hash_key", "the environment gives a key as "+hashKeyEnv+" too", "one of the two")
	}
}

func (k keySource) String() string {
	switch {
	case k.text != "":
		return hashKeyEnv
	case k.own:
		return "data folder"
	}
	return k.file
}

func (k keySource) load(now time.Time) (keyring.Ring, error) {
	switch {
	case k.text != "":
		r, err := keyring.Parse(k.text)
		if err != nil {
			return r, fmt.Errorf("%s: %w", hashKeyEnv, err)
		}
		return r, nil
	case k.own:
		return keyring.LoadOrCreate(k.file, now)
	}
	return keyring.Load(k.file, keyring.GroupReads)
}

// save puts a ring where the key came from.
func (k keySource) save(r keyring.Ring) error {
	if k.file == "" {
		return fmt.Errorf("the key comes from the environment (%s); replace it there: `throughline key rotate --file FILE` writes what belongs into it", hashKeyEnv)
	}
	return keyring.Save(k.file, r)
}

func keyFile(data string) string { return data + string(os.PathSeparator) + "key" }

// keyIDFile remembers which key a data folder was used with.
func keyIDFile(data string) string { return data + string(os.PathSeparator) + "key.id" }

// openKey reads the key, or makes one on the first start, and refuses one that
// the folder was not used with: everybody would be a stranger.
func (a *app) openKey(ctx context.Context) (*element.Hasher, error) {
	src := a.set.keySource()
	if !src.own {
		if _, err := os.Stat(keyFile(a.set.Data)); err == nil {
			return nil, fmt.Errorf("there are two keys: %s, and %s in the data folder; keep the one that was used and move the other away", src, keyFile(a.set.Data))
		}
	}
	used, err := usedKey(a.set.Data)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(src.file); src.own && used != "" && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the data folder was used with key %s, and it is not there; give it as hash_key or %s, or put it back as %s", used, hashKeyEnv, src.file)
	}
	ring, err := src.load(time.Now())
	if err != nil {
		return nil, err
	}
	known := ring.Current.ID() == used || ring.Previous != nil && ring.Previous.ID() == used
	switch {
	case used != "" && !known:
		return nil, fmt.Errorf("the data folder was used with key %s, %s gives %s: nobody would be found; give the key that was used, beside the new one as `previous`", used, src, ring.Current.ID())
	case used != "" && used != ring.Current.ID(): // it was replaced outside
		if err := a.control.AppendAudit(ctx, keyAudit("start", "key.rotate", ring)); err != nil {
			return nil, err
		}
	}
	a.hasher, err = element.NewRotating(hasherKeys(ring))
	if err != nil {
		return nil, err
	}
	if used == ring.Current.ID() {
		return a.hasher, nil
	}
	return a.hasher, writeAtomic(keyIDFile(a.set.Data), []byte(ring.Current.ID()+"\n"))
}

func usedKey(data string) (string, error) {
	text, err := os.ReadFile(keyIDFile(data))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("data folder: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func hasherKeys(r keyring.Ring) element.Keys {
	k := element.Keys{Current: r.Current.Bytes(), Names: r.Names.Bytes()}
	if r.Previous != nil {
		k.Previous = r.Previous.Bytes()
	}
	return k
}

// turn names what is done to a ring.
type turn string

const (
	rotate turn = "rotate"
	retire turn = "retire"
)

func (t turn) apply(r keyring.Ring, now time.Time) (keyring.Ring, error) {
	if t == retire {
		return r.Retire()
	}
	return r.Rotate(now)
}

// turnKey rotates or retires in the running process: from the next request on.
func (a *app) turnKey(ctx context.Context, t turn) (keyReport, error) {
	a.turning.Lock()
	defer a.turning.Unlock()
	src := a.set.keySource()
	ring, err := turnStored(a.set.Data, src, t)
	if err != nil {
		return keyReport{}, err
	}
	if err := a.hasher.SetKeys(hasherKeys(ring)); err != nil {
		return keyReport{}, err
	}
	a.log.Info("hash key", "did", string(t), "current", ring.Current.ID())
	return keyReportOf(src.String(), ring), a.control.AppendAudit(ctx, keyAudit(cli.Actor, "key."+string(t), ring))
}

// turnStored does so in the file, and notes for the folder which key is used.
func turnStored(data string, src keySource, t turn) (keyring.Ring, error) {
	ring, err := src.load(time.Now())
	if err != nil {
		return ring, err
	}
	if ring, err = t.apply(ring, time.Now()); err != nil {
		return ring, err
	}
	if err := src.save(ring); err != nil {
		return ring, err
	}
	return ring, writeAtomic(keyIDFile(data), []byte(ring.Current.ID()+"\n"))
}

func keyAudit(actor, action string, r keyring.Ring) control.AuditEntry {
	detail := "current " + r.Current.ID()
	if r.Previous != nil {
		detail += ", previous " + r.Previous.ID()
	}
	return control.AuditEntry{Time: time.Now(), Actor: actor, Action: action, Target: "hash key", Detail: detail}
}
