package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/throughline/throughline/internal/control/sqlite"
	"github.com/throughline/throughline/internal/keyring"
)

func keyCommand() *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "Look at and replace the key of all keyed hashes",
		Long: "Session keys and sensitive values are kept as keyed hashes only. `rotate` puts a\n" +
			"new key in force while the one before stays active beside it, so that nobody\n" +
			"becomes a stranger; `retire` lets go of that. No key is ever printed.",
		Example: "  throughline key status\n  throughline key rotate\n  throughline key retire"}
	c.AddCommand(keyStatus(), keyTurn(rotate, "Put a new key in force, beside the one before",
		"From the next request on values are hashed with the new key. What was hashed with\n"+
			"the one before is still found, and moves over as its owners come back. Leave\n"+
			"both active for as long as your longest session and rule window, then retire\n"+
			"the previous one."),
		keyTurn(retire, "Let go of the previous key",
			"Sessions and sensitive values that have not been seen since the rotation can no\n"+
				"longer be recognised. What is stored of them stays readable as it is."))
	return c
}

// keyRow is what is told of a key.
type keyRow struct {
	ID    string `json:"id"`
	Since string `json:"since,omitempty"`
}

// keyReport is what is told of a ring.
type keyReport struct {
	Source   string  `json:"source"`
	Current  keyRow  `json:"current"`
	Previous *keyRow `json:"previous,omitempty"`
	Names    keyRow  `json:"names"`
}

func keyReportOf(source string, r keyring.Ring) keyReport {
	row := func(k keyring.Key) keyRow {
		out := keyRow{ID: k.ID()}
		if !k.Since.IsZero() {
			out.Since = k.Since.UTC().Format(time.RFC3339)
		}
		return out
	}
	out := keyReport{Source: source, Current: row(r.Current), Names: row(r.Names)}
	if r.Previous != nil {
		p := row(*r.Previous)
		out.Previous = &p
	}
	return out
}

func (k keyReport) write(w io.Writer) error {
	say := func(what string, r keyRow) string {
		if r.Since == "" {
			return fmt.Sprintf("%-9s %s\n", what, r.ID)
		}
		return fmt.Sprintf("%-9s %s  since %s\n", what, r.ID, r.Since)
	}
	text := fmt.Sprintf("%-9s %s\n", "source", k.Source) + say("current", k.Current)
	if k.Previous != nil {
		text += say("previous", *k.Previous) + "both are active; `throughline key retire` lets go of the previous one\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// storedKey is where a command finds the key without the configuration.
func storedKey(data, file string) (keySource, error) {
	if file != "" {
		return keySource{file: file}, nil
	}
	src := keySource{file: keyFile(data), own: true}
	if _, err := os.Stat(src.file); err != nil {
		return src, fmt.Errorf("%s holds no key: either nothing has started there yet, or the key comes from %s or a file (name it with --file)", data, hashKeyEnv)
	}
	return src, nil
}

func keyStatus() *cobra.Command {
	var data, file string
	var asJSON bool
	c := &cobra.Command{
		Use: "status", Short: "Say which keys are active, by their IDs",
		Example: "  throughline key status --data ./data\n  throughline key status --file /run/secrets/hash-key --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			src, err := storedKey(data, file)
			if err != nil {
				return err
			}
			ring, err := src.load(time.Now())
			if err != nil {
				return err
			}
			report := keyReportOf(src.String(), ring)
			if asJSON {
				return printJSON(c.OutOrStdout(), report)
			}
			return report.write(c.OutOrStdout())
		},
	}
	dataFlag(c, &data)
	c.Flags().StringVar(&file, "file", "", "key file outside the data folder")
	jsonFlag(c, &asJSON)
	return c
}

func keyTurn(t turn, short, long string) *cobra.Command {
	var data, file string
	c := &cobra.Command{
		Use: string(t), Short: short, Long: long,
		Example: fmt.Sprintf("  throughline key %s --data ./data\n  throughline key %s --file ./hash-key   # then give it to every node", t, t),
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			report, err := turnByCommand(c.Context(), data, file, t)
			if err != nil {
				return fmt.Errorf("key %s: %w", t, err)
			}
			return report.write(c.OutOrStdout())
		},
	}
	dataFlag(c, &data)
	c.Flags().StringVar(&file, "file", "", "turn a key file that is given to nodes by hand; they take it up when they restart")
	return c
}

// turnByCommand does it in the running process where there is one.
func turnByCommand(ctx context.Context, data, file string, t turn) (keyReport, error) {
	if file != "" {
		src := keySource{file: file}
		ring, err := src.load(time.Now())
		if err == nil {
			ring, err = t.apply(ring, time.Now())
		}
		if err != nil {
			return keyReport{}, err
		}
		return keyReportOf(file, ring), src.save(ring)
	}
	if _, err := os.Stat(filepath.Join(data, "format")); err != nil {
		return keyReport{}, fmt.Errorf("%s is no data folder: %w", data, err)
	}
	lock, err := lockData(data)
	if errors.Is(err, errLocked) {
		var report keyReport
		text, err := ask(ctx, data, "/key/"+string(t), struct{}{})
		if err == nil {
			err = json.Unmarshal(text, &report)
		}
		return report, err
	}
	if err != nil {
		return keyReport{}, err
	}
	defer lock.release()
	src, err := storedKey(data, "")
	if err != nil {
		return keyReport{}, err
	}
	ring, err := turnStored(data, src, t)
	if err != nil {
		return keyReport{}, err
	}
	store, err := sqlite.Open(ctx, filepath.Join(data, "control.sqlite"))
	if err != nil {
		return keyReport{}, err
	}
	err = store.AppendAudit(ctx, keyAudit(cli.Actor, "key."+string(t), ring))
	return keyReportOf(src.String(), ring), errors.Join(err, store.Close())
}
