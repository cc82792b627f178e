// Package controltest says what every control.Store must do. The test of each
// implementation calls Run.
package controltest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/control"
)

// Run checks a store. open gives a fresh, empty one for each call; reopen opens
// the file a Backup wrote.
func Run(t *testing.T, open func(t *testing.T) control.Store, reopen func(t *testing.T, path string) control.Store) {
	for name, check := range map[string]func(*testing.T, control.Store){
		"users": users, "last admin": lastAdmin, "sessions": sessions, "passwords": passwords,
		"tokens": tokens, "set-up link": setupLink, "set-up race": setupRace,
		"audit": audit, "settings": settings, "concurrent": concurrent,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
	t.Run("backup", func(t *testing.T) { backup(t, open(t), reopen) })
}

func at(minute int) time.Time {
	return time.Date(2026, 3, 1, 12, minute, 0, 123000, time.UTC)
}

func hash(b byte) control.Hash { return control.Hash{b, 31: b} }

func user(name string, role control.Role) control.User {
	return control.User{Name: name, Role: role, Password: "$argon2id$" + name, Created: at(0)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

func wantSame(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func users(t *testing.T, s control.Store) {
	ctx := t.Context()
	ann, bob := user("ann", control.Admin), user("bob", control.Viewer)
	bob.Disabled = true
	must(t, s.CreateUser(ctx, bob))
	must(t, s.CreateUser(ctx, ann))
	wantErr(t, s.CreateUser(ctx, user("ann", control.Viewer)), control.ErrExists)
	got, err := s.User(ctx, "bob")
	must(t, err)
	wantSame(t, got, bob)
	_, err = s.User(ctx, "carl")
	wantErr(t, err, control.ErrNotFound)
	all, err := s.Users(ctx)
	must(t, err)
	wantSame(t, all, []control.User{ann, bob})
	must(t, s.DeleteUser(ctx, "bob"))
	wantErr(t, s.DeleteUser(ctx, "bob"), control.ErrNotFound)
	if s.CreateUser(ctx, user("eve", "root")) == nil {
		t.Fatal("a role that doesn't exist was stored")
	}
}

func lastAdmin(t *testing.T, s control.Store) {
	ctx := t.Context()
	out := user("out", control.Admin)
	out.Disabled = true
	for _, u := range []control.User{user("ann", control.Admin), user("bob", control.Analyst), out} {
		must(t, s.CreateUser(ctx, u))
	}
	wantErr(t, s.DeleteUser(ctx, "ann"), control.ErrLastAdmin)
	if _, err := s.User(ctx, "ann"); err != nil {
		t.Fatalf("the refused deletion happened: %v", err)
	}
	must(t, s.CreateUser(ctx, user("dora", control.Admin)))
	must(t, s.DeleteUser(ctx, "ann"))
}

func sessions(t *testing.T, s control.Store) {
	ctx := t.Context()
	ann := user("ann", control.Admin)
	must(t, s.CreateUser(ctx, ann))
	must(t, s.CreateUser(ctx, user("bob", control.Admin)))
	v := control.Session{Hash: hash(1), User: "ann", Created: at(0), LastSeen: at(1), Expires: at(50)}
	must(t, s.CreateSession(ctx, v))
	wantErr(t, s.CreateSession(ctx, control.Session{Hash: hash(9), User: "nobody", Expires: at(50)}), control.ErrNotFound)
	got, of, err := s.Session(ctx, hash(1))
	must(t, err)
	wantSame(t, got, v)
	wantSame(t, of, ann)
	_, _, err = s.Session(ctx, hash(2))
	wantErr(t, err, control.ErrNotFound)

	must(t, s.TouchSession(ctx, hash(1), at(9)))
	must(t, s.TouchSession(ctx, hash(1), at(5))) // a late write doesn't turn time back
	got, _, err = s.Session(ctx, hash(1))
	must(t, err)
	wantSame(t, got.LastSeen, at(9))
	wantErr(t, s.TouchSession(ctx, hash(2), at(9)), control.ErrNotFound)

	must(t, s.CreateSession(ctx, control.Session{Hash: hash(3), User: "ann", LastSeen: at(20), Expires: at(21)}))
	must(t, s.CreateSession(ctx, control.Session{Hash: hash(4), User: "ann", LastSeen: at(20), Expires: at(50)}))
	must(t, s.CreateSession(ctx, control.Session{Hash: hash(5), User: "bob", LastSeen: at(20), Expires: at(50)}))
	must(t, s.PurgeSessions(ctx, at(21), at(9)))
	for h, stays := range map[byte]bool{1: false, 3: false, 4: true, 5: true} {
		if _, _, err := s.Session(ctx, hash(h)); (err == nil) != stays {
			t.Errorf("session %d after the purge: %v, want it to stay: %v", h, err, stays)
		}
	}
	must(t, s.DeleteUser(ctx, "ann"))
	_, _, err = s.Session(ctx, hash(4))
	wantErr(t, err, control.ErrNotFound)
	must(t, s.DeleteSession(ctx, hash(5)))
	wantErr(t, s.DeleteSession(ctx, hash(5)), control.ErrNotFound)
}

func passwords(t *testing.T, s control.Store) {
	ctx := t.Context()
	must(t, s.CreateUser(ctx, user("ann", control.Admin)))
	must(t, s.CreateUser(ctx, user("bob", control.Admin)))
	for b, name := range map[byte]string{1: "ann", 2: "ann", 3: "bob"} {
		must(t, s.CreateSession(ctx, control.Session{Hash: hash(b), User: name, LastSeen: at(1), Expires: at(50)}))
	}
	must(t, s.SetPassword(ctx, "ann", "new", hash(2)))
	wantErr(t, s.SetPassword(ctx, "carl", "new", hash(2)), control.ErrNotFound)
	for h, stays := range map[byte]bool{1: false, 2: true, 3: true} {
		if _, _, err := s.Session(ctx, hash(h)); (err == nil) != stays {
			t.Errorf("session %d after the change: %v, want it to stay: %v", h, err, stays)
		}
	}
	must(t, s.Rehash(ctx, "ann", "new", "stronger"))
	must(t, s.Rehash(ctx, "ann", "new", "stale"))
	u, err := s.User(ctx, "ann")
	must(t, err)
	wantSame(t, u.Password, "stronger")
}

func tokens(t *testing.T, s control.Store) {
	ctx := t.Context()
	ci := control.Token{Name: "ci", Role: control.Viewer, Hash: hash(1), Prefix: "tl_abcd", Created: at(0), Expires: at(30)}
	ops := control.Token{Name: "ops", Role: control.Admin, Hash: hash(2), Prefix: "tl_efgh", Created: at(1)}
	must(t, s.CreateToken(ctx, ops))
	must(t, s.CreateToken(ctx, ci))
	wantErr(t, s.CreateToken(ctx, control.Token{Name: "ci", Role: control.Viewer, Hash: hash(3)}), control.ErrExists)
	got, err := s.Token(ctx, hash(1))
	must(t, err)
	wantSame(t, got, ci)
	all, err := s.Tokens(ctx)
	must(t, err)
	wantSame(t, all, []control.Token{ci, ops})
	must(t, s.TouchToken(ctx, hash(2), at(7)))
	got, err = s.Token(ctx, hash(2))
	must(t, err)
	wantSame(t, got.LastUsed, at(7))
	must(t, s.DeleteToken(ctx, "ci"))
	wantErr(t, s.DeleteToken(ctx, "ci"), control.ErrNotFound)
	_, err = s.Token(ctx, hash(1))
	wantErr(t, err, control.ErrNotFound)
}

func setupLink(t *testing.T, s control.Store) {
	ctx := t.Context()
	ann := user("ann", control.Admin)
	must(t, s.CreateSetupLink(ctx, hash(1), at(60)))
	must(t, s.CreateSetupLink(ctx, hash(2), at(60)))
	wantErr(t, s.RedeemSetupLink(ctx, hash(1), at(1), ann), control.ErrSpent)  // replaced
	wantErr(t, s.RedeemSetupLink(ctx, hash(2), at(60), ann), control.ErrSpent) // expired
	must(t, s.RedeemSetupLink(ctx, hash(2), at(59), ann))
	got, err := s.User(ctx, "ann")
	must(t, err)
	wantSame(t, got, ann)
	wantErr(t, s.RedeemSetupLink(ctx, hash(2), at(59), user("eve", control.Admin)), control.ErrSpent)
	must(t, s.CreateSetupLink(ctx, hash(3), at(60)))
	wantErr(t, s.RedeemSetupLink(ctx, hash(3), at(1), user("eve", control.Admin)), control.ErrSpent) // a user exists
}

func setupRace(t *testing.T, s control.Store) {
	ctx := t.Context()
	must(t, s.CreateSetupLink(ctx, hash(1), at(60)))
	won := make([]bool, 8)
	var wg sync.WaitGroup
	for i := range won {
		wg.Go(func() {
			err := s.RedeemSetupLink(ctx, hash(1), at(1), user(fmt.Sprint("u", i), control.Admin))
			won[i] = err == nil
			if err != nil && !errors.Is(err, control.ErrSpent) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	n := 0
	for _, w := range won {
		if w {
			n++
		}
	}
	all, err := s.Users(ctx)
	must(t, err)
	if n != 1 || len(all) != 1 {
		t.Fatalf("%d redeemed the link, %d users were made, want one", n, len(all))
	}
}

func audit(t *testing.T, s control.Store) {
	ctx := t.Context()
	for i := range 5 {
		must(t, s.AppendAudit(ctx, control.AuditEntry{Time: at(i), Actor: "ann", Action: "user.create",
			Target: fmt.Sprint("u", i), Detail: "role viewer", IP: "192.0.2.1"}))
	}
	page, err := s.AuditLog(ctx, 0, 3)
	must(t, err)
	if len(page) != 3 || page[0].Target != "u4" || page[2].Target != "u2" {
		t.Fatalf("first page: %+v", page)
	}
	wantSame(t, page[0], control.AuditEntry{ID: page[0].ID, Time: at(4), Actor: "ann", Action: "user.create",
		Target: "u4", Detail: "role viewer", IP: "192.0.2.1"})
	page, err = s.AuditLog(ctx, page[2].ID, 3)
	must(t, err)
	if len(page) != 2 || page[0].Target != "u1" || page[1].Target != "u0" {
		t.Fatalf("second page: %+v", page)
	}
}

func settings(t *testing.T, s control.Store) {
	ctx := t.Context()
	v, err := s.Setting(ctx, "bypass.shop")
	must(t, err)
	wantSame(t, v, "")
	must(t, s.SetSetting(ctx, "bypass.shop", "off"))
	must(t, s.SetSetting(ctx, "bypass.shop", "on"))
	must(t, s.SetSetting(ctx, "bypassed", "x"))
	must(t, s.SetSetting(ctx, "BYPASS.shop", "x"))
	v, err = s.Setting(ctx, "bypass.shop")
	must(t, err)
	wantSame(t, v, "on")
	all, err := s.Settings(ctx, "bypass.")
	must(t, err)
	wantSame(t, all, map[string]string{"bypass.shop": "on"})
}

func concurrent(t *testing.T, s control.Store) {
	ctx := t.Context()
	must(t, s.CreateUser(ctx, user("ann", control.Admin)))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				if err := s.AppendAudit(ctx, control.AuditEntry{Time: at(j), Action: "x"}); err != nil {
					t.Error(err)
				}
				if _, err := s.User(ctx, "ann"); err != nil {
					t.Error(err)
				}
				if err := s.SetSetting(ctx, fmt.Sprint("k", i), fmt.Sprint(j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	log, err := s.AuditLog(ctx, 0, 500)
	must(t, err)
	wantSame(t, len(log), 80)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if s.AppendAudit(cancelled, control.AuditEntry{Action: "y"}) == nil {
		t.Error("a cancelled write succeeded")
	}
	must(t, s.AppendAudit(ctx, control.AuditEntry{Action: "y"}))
}

func backup(t *testing.T, s control.Store, reopen func(*testing.T, string) control.Store) {
	ctx := t.Context()
	must(t, s.CreateUser(ctx, user("ann", control.Admin)))
	must(t, s.AppendAudit(ctx, control.AuditEntry{Time: at(1), Action: "user.create", Target: "ann"}))
	path := filepath.Join(t.TempDir(), "copy?#1.db")
	must(t, s.Backup(ctx, path))
	if s.Backup(ctx, path) == nil {
		t.Error("a backup overwrote a file")
	}
	must(t, s.CreateUser(ctx, user("bob", control.Viewer)))
	copied := reopen(t, path)
	all, err := copied.Users(ctx)
	must(t, err)
	wantSame(t, all, []control.User{user("ann", control.Admin)})
	log, err := copied.AuditLog(ctx, 0, 10)
	must(t, err)
	wantSame(t, len(log), 1)
}
