package main

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/throughline/throughline/internal/enrich"
	"github.com/throughline/throughline/internal/inventory"
	"github.com/throughline/throughline/internal/journal"
	"github.com/throughline/throughline/internal/policy"
)

func policyAudit() *cobra.Command {
	var dir, config, page string
	var asJSON bool
	c := &cobra.Command{
		Use: "audit", Short: "List exactly what is collected, in what form, where and for how long",
		Long: "Lists what a policy collects, read off the compiled policy and the catalogue:\n" +
			"each Element with its source, sensitivity and form, what is added to it, where\n" +
			"it is kept and for how long, and what is sent to whom. With --config it also\n" +
			"knows the sites and the times set there. docs/privacy.md explains it.",
		Example: "  throughline policy audit --policy ./policy\n  throughline policy audit --config throughline.yaml --html record.html",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v, err := takeStock(config, dir, time.Now())
			if err != nil {
				return err
			}
			switch {
			case page != "":
				var b strings.Builder
				if err := v.WriteHTML(&b); err != nil {
					return err
				}
				if err := writeAtomic(page, []byte(b.String())); err != nil {
					return err
				}
				_, err = io.WriteString(c.OutOrStdout(), "wrote "+page+"\n")
				return err
			case asJSON:
				return printJSON(c.OutOrStdout(), v)
			}
			return v.WriteText(c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&dir, "policy", "", "policy folder (default: the configuration's, else the built-in starter)")
	c.Flags().StringVar(&config, "config", "", "configuration file, for sites and how long things are kept")
	c.Flags().StringVar(&page, "html", "", "write a page for a data-protection officer to this file")
	jsonFlag(c, &asJSON)
	c.MarkFlagsMutuallyExclusive("json", "html")
	return c
}

// takeStock reads policy and configuration as serve does.
func takeStock(config, dir string, now time.Time) (inventory.Inventory, error) {
	set := settings{Config: defaultConfig()}
	set.retention = 90 * 24 * time.Hour
	if config != "" {
		c, faults := loadConfig(config)
		if len(faults) == 0 {
			set, faults = c.check(flagFault)
		}
		if err := faultsError(faults); err != nil {
			return inventory.Inventory{}, err
		}
	}
	if dir == "" {
		dir = set.Policy
	}
	snap, faults := policy.Compile(policy.Starter())
	if dir != "" {
		snap, faults = policy.Load(dir)
	}
	if len(faults) > 0 {
		return inventory.Inventory{}, errors.New(strings.Join(lines(faults), "\n"))
	}
	geo := enrich.Open(set.enrich)
	defer func() { _ = geo.Close() }()
	var data []inventory.Data
	for _, s := range geo.Status() {
		data = append(data, inventory.Data{Name: s.Name, State: s.State})
	}
	var learning []string
	for _, s := range set.sites {
		if s.Discovery {
			learning = append(learning, s.Name)
		}
	}
	return inventory.New(inventory.Config{Policy: snap, Sites: set.sites, Learning: learning, Keys: keyNames(set), Enriched: enrich.Adds(), Data: data,
		Journal: journal.KeptFor, Bound: set.Journal.MaxBytes, Events: set.retention, Made: now}), nil
}

// keyNames says which keys of connections are read at all.
func keyNames(set settings) inventory.Connections {
	return inventory.Connections{TLS: set.TLS != nil && set.Fingerprint.Connections, Tickets: set.Fingerprint.TicketID}
}
