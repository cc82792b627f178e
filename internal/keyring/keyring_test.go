package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

func TestAKeyIsCreatedOnceAndForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			r, err := LoadOrCreate(path, start)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = r.Current.ID()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("two who began at once got keys %v", ids)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	left, _ := os.ReadDir(filepath.Dir(path))
	if len(left) != 1 {
		t.Fatalf("files left: %v", left)
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	long := strings.Repeat("0a", 32)
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "there is no key"},
		"short":            {strings.Repeat("0a", 31), "has 62 hex digits; want 64"},
		"not hex":          {strings.Repeat("xy", 32), "not hex digits"},
		"twice":            {"current " + long + "\ncurrent " + long, "there twice"},
		"two and no names": {"current " + long + ";previous " + strings.Repeat("0b", 32), "none that names entities"},
		"the same twice":   {"current " + long + ";previous " + long + ";names " + long, "the same key"},
		"unknown":          {"present " + long, "unknown name"},
		"bad time":         {"current " + long + " yesterday", "no time"},
	} {
		_, err := Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		} else if strings.Contains(err.Error(), "0a0a0a") {
			t.Errorf("%s: the error holds the key: %v", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(long), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, OwnerOnly); err == nil || !strings.Contains(err.Error(), "others") {
		t.Fatalf("a key that others can read: %v", err)
	}
	if err := os.Chmod(path, 0o440); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, OwnerOnly); err == nil {
		t.Fatal("the data folder's key was taken with mode 0440")
	}
	if _, err := Load(path, GroupReads); err != nil {
		t.Fatalf("a mounted secret: %v", err)
	}
}

func TestRotationKeepsNamesAndOnePreviousKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	first, err := LoadOrCreate(path, start)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Retire(); !errors.Is(err, ErrOne) {
		t.Fatalf("retire the only key: %v", err)
	}
	second, err := first.Rotate(start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Rotate(start); !errors.Is(err, ErrTwo) {
		t.Fatalf("rotate twice: %v", err)
	}
	if err := Save(path, second); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path, OwnerOnly)
	if err != nil || got.Current.ID() != second.Current.ID() || got.Previous == nil || got.Previous.ID() != first.Current.ID() ||
		got.Names.ID() != first.Names.ID() || !got.Current.Since.Equal(start.Add(time.Hour)) || !got.Previous.Since.Equal(start) {
		t.Fatalf("%v %v", got, err)
	}
	third, err := got.Retire()
	if err != nil {
		t.Fatal(err)
	}
	if err := Save(path, third); err != nil {
		t.Fatal(err)
	}
	if got, err = Load(path, OwnerOnly); err != nil || got.Previous != nil || got.Names.ID() != first.Names.ID() {
		t.Fatalf("%v %v", got, err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v", info.Mode())
	}
}

func TestAKeyNeverPrints(t *testing.T) {
	r, err := Parse(strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(r)
	for _, s := range []string{fmt.Sprint(r), fmt.Sprintf("%+v", r), fmt.Sprintf("%#v", r), fmt.Sprintf("%v", &r), string(text)} {
		if strings.Contains(s, "abab") || strings.Contains(s, "171 171") || strings.Contains(s, "0xab") {
			t.Errorf("the key is in %q", s)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(strings.Repeat("0a", 32))
	f.Add("current " + strings.Repeat("0a", 32) + " 2026-01-31T10:00:00Z\nprevious " + strings.Repeat("0b", 32) + "\nnames " + strings.Repeat("0b", 32))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(string(r.text()))
		if err != nil || again.Current.ID() != r.Current.ID() || again.Names.ID() != r.Names.ID() || (again.Previous == nil) != (r.Previous == nil) {
			t.Fatalf("%v does not read back: %v %v", r, again, err)
		}
	})
}
