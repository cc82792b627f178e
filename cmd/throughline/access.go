package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/throughline/throughline/internal/auth"
	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/control/sqlite"
)

// withAuth opens the control data, which may be in use by a running process at
// the same time.
func withAuth(ctx context.Context, data string, fn func(*auth.Service) error) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, filepath.Join(data, "control.sqlite"))
	if err != nil {
		return err
	}
	service, err := auth.New(auth.Config{Store: store})
	if err == nil {
		err = fn(service)
	}
	return errors.Join(err, store.Close())
}

var cli = auth.By{Actor: "cli"}

func userCommand() *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "Manage who may sign in to the Hub",
		Example: "  throughline user add ann --role admin\n  throughline user passwd ann\n  throughline user list --json"}
	c.AddCommand(userAdd(), userPasswd(), userList())
	return c
}

func userAdd() *cobra.Command {
	var data, role string
	c := &cobra.Command{
		Use: "add NAME", Short: "Create a user; the password is read from the terminal or standard input",
		Example: "  throughline user add ann --role analyst\n  echo \"$PASSWORD\" | throughline user add ann --role admin",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withAuth(c.Context(), data, func(s *auth.Service) error {
				password, err := readPassword(c.InOrStdin(), c.ErrOrStderr())
				if err != nil {
					return err
				}
				u, err := s.CreateUser(c.Context(), cli, args[0], control.Role(role), password)
				if err != nil {
					return fmt.Errorf("user add: %w", err)
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "created %s, %s\n", u.Name, u.Role)
				return err
			})
		},
	}
	dataFlag(c, &data)
	c.Flags().StringVar(&role, "role", "analyst", "admin, analyst or viewer")
	return c
}

func userPasswd() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use: "passwd NAME", Short: "Set a user's password; all of the user's sessions end",
		Example: "  throughline user passwd ann",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withAuth(c.Context(), data, func(s *auth.Service) error {
				password, err := readPassword(c.InOrStdin(), c.ErrOrStderr())
				if err != nil {
					return err
				}
				if err := s.SetPassword(c.Context(), cli, args[0], password); err != nil {
					return fmt.Errorf("user passwd: %w", err)
				}
				_, err = fmt.Fprintln(c.OutOrStdout(), "password set for", args[0])
				return err
			})
		},
	}
	dataFlag(c, &data)
	return c
}

func userList() *cobra.Command {
	var data string
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "List users", Example: "  throughline user list", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withAuth(c.Context(), data, func(s *auth.Service) error {
				users, err := s.Users(c.Context())
				if err != nil {
					return err
				}
				type row struct {
					Name    string    `json:"name"`
					Role    string    `json:"role"`
					Created time.Time `json:"created"`
				}
				rows := make([]row, len(users))
				for i, u := range users {
					rows[i] = row{u.Name, string(u.Role), u.Created.UTC()}
				}
				if asJSON {
					return printJSON(c.OutOrStdout(), rows)
				}
				w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
				for _, r := range rows {
					if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", r.Name, r.Role, r.Created.Format(time.DateOnly)); err != nil {
						return err
					}
				}
				return w.Flush()
			})
		},
	}
	dataFlag(c, &data)
	jsonFlag(c, &asJSON)
	return c
}

func tokenCommand() *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Manage API tokens",
		Example: "  throughline token create reporting --role viewer"}
	var data, role, expires string
	create := &cobra.Command{
		Use: "create NAME", Short: "Create an API token and print its secret, this once",
		Example: "  throughline token create reporting --role viewer --expires 90d",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var until time.Time
			if expires != "" {
				d, err := parseDuration(expires)
				if err != nil || d <= 0 {
					return fmt.Errorf("--expires: %q is no time from now; want e.g. 90d or 12h", expires)
				}
				until = time.Now().Add(d)
			}
			return withAuth(c.Context(), data, func(s *auth.Service) error {
				_, secret, err := s.CreateToken(c.Context(), cli, args[0], control.Role(role), until)
				if err != nil {
					return fmt.Errorf("token create: %w", err)
				}
				_, err = fmt.Fprintln(c.OutOrStdout(), secret)
				return err
			})
		},
	}
	dataFlag(create, &data)
	create.Flags().StringVar(&role, "role", "viewer", "admin, analyst or viewer")
	create.Flags().StringVar(&expires, "expires", "", "how long it is good, e.g. 90d (default: for ever)")
	c.AddCommand(create)
	return c
}

// readPassword asks twice on a terminal, or takes the first line of a pipe.
func readPassword(in io.Reader, prompt io.Writer) (string, error) {
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	ask := func(what string) (string, error) {
		if _, err := fmt.Fprint(prompt, what); err != nil {
			return "", err
		}
		p, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(prompt)
		return string(p), err
	}
	first, err := ask("Password: ")
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	again, err := ask("Again: ")
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	if first != again {
		return "", errors.New("the two passwords differ")
	}
	return first, nil
}
