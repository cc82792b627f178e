package auth

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/throughline/throughline/internal/control"
)

// Names stand in URLs, so they are short and plain, and never an e-mail address.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

const nameRule = "use 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit"

const tokenPrefix = "tl_"

func userFaults(u control.User, password string) error {
	faults := nameAndRoleFaults(u.Name, u.Role)
	if wrong := passwordFault(u.Name, password); wrong != "" {
		faults = append(faults, Fault{"password", wrong})
	}
	if faults == nil {
		return nil
	}
	return faults
}

func nameAndRoleFaults(name string, role control.Role) (faults Faults) {
	if !nameForm.MatchString(name) {
		faults = append(faults, Fault{"name", nameRule})
	}
	if !role.Valid() {
		faults = append(faults, Fault{"role", "use admin, analyst or viewer"})
	}
	return faults
}

// CreateUser adds a user. It answers Faults or control.ErrExists.
func (s *Service) CreateUser(ctx context.Context, by By, name string, role control.Role, password string) (control.User, error) {
	u := control.User{Name: canonicalName(name), Role: role, Created: s.clock()}
	if err := userFaults(u, password); err != nil {
		return control.User{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return control.User{}, err
	}
	u.Password = hash
	if err := s.store.CreateUser(ctx, u); err != nil {
		return control.User{}, err
	}
	return u, s.Record(ctx, by, "user.create", u.Name, "role "+string(role))
}

// SetPassword gives a user a new password and ends all of the user's sessions.
func (s *Service) SetPassword(ctx context.Context, by By, name, password string) error {
	name = canonicalName(name)
	if wrong := passwordFault(name, password); wrong != "" {
		return Faults{{"password", wrong}}
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	if err := s.store.SetPassword(ctx, name, hash, control.Hash{}); err != nil {
		return err
	}
	return s.Record(ctx, by, "user.password", name, "set anew")
}

// DeleteUser removes a user. It answers control.ErrNotFound or ErrLastAdmin.
func (s *Service) DeleteUser(ctx context.Context, by By, name string) error {
	if err := s.store.DeleteUser(ctx, name); err != nil {
		return err
	}
	return s.Record(ctx, by, "user.delete", name, "")
}

// Users lists all users.
func (s *Service) Users(ctx context.Context) ([]control.User, error) { return s.store.Users(ctx) }

// CreateToken adds an API token and answers its secret, this once. A zero
// expires means never.
func (s *Service) CreateToken(ctx context.Context, by By, name string, role control.Role, expires time.Time) (control.Token, string, error) {
	name = canonicalName(name)
	faults := nameAndRoleFaults(name, role)
	now := s.clock()
	if !expires.IsZero() && !expires.After(now) {
		faults = append(faults, Fault{"expires", "lies in the past"})
	}
	if faults != nil {
		return control.Token{}, "", faults
	}
	secret := tokenPrefix + newSecret()
	t := control.Token{Name: name, Role: role, Hash: hashOf(secret), Prefix: secret[:len(tokenPrefix)+5], Created: now, Expires: expires}
	if err := s.store.CreateToken(ctx, t); err != nil {
		return control.Token{}, "", err
	}
	detail := fmt.Sprintf("role %s, %s…", role, t.Prefix)
	if !expires.IsZero() {
		detail += ", until " + expires.UTC().Format(time.RFC3339)
	}
	return t, secret, s.Record(ctx, by, "token.create", name, detail)
}

// DeleteToken revokes an API token. It answers control.ErrNotFound.
func (s *Service) DeleteToken(ctx context.Context, by By, name string) error {
	if err := s.store.DeleteToken(ctx, name); err != nil {
		return err
	}
	return s.Record(ctx, by, "token.delete", name, "")
}

// Tokens lists all API tokens.
func (s *Service) Tokens(ctx context.Context) ([]control.Token, error) { return s.store.Tokens(ctx) }

// AuditLog reads the audit log, newest first.
func (s *Service) AuditLog(ctx context.Context, before int64, limit int) ([]control.AuditEntry, error) {
	return s.store.AuditLog(ctx, before, limit)
}
