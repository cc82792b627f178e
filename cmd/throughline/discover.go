package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/throughline/throughline/internal/discovery"
)

// discoveryFile is where in the data folder shapes are kept.
const discoveryFile = "discovery.json"

// saveDiscovery writes down what was learnt now and then.
func (a *app) saveDiscovery(ctx context.Context) {
	a.background.Go(func() {
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := a.learner.Save(a.path(discoveryFile)); err != nil {
				a.log.Warn("discovery", "error", err.Error())
			}
		}
	})
}

// discovered is what discover prints.
type discovered struct {
	Proposals []discovery.Proposal `json:"proposals"`
	Shapes    []discovery.Shape    `json:"shapes"`
	// Waiting are words that too few visitors have sent; of a running process.
	Waiting int `json:"waiting"`
}

func discoverCommand() *cobra.Command {
	var data, site string
	var asJSON, asYAML, clearAll bool
	c := &cobra.Command{
		Use:   "discover",
		Short: "Propose Specs for requests that no Spec names",
		Long: "Shows what sites with `discovery: true` have learnt: methods, path templates,\n" +
			"content types, names and kinds of fields, counts; never a value. What looks like\n" +
			"a login, a payment and so on comes with a Spec ready to use.",
		Example: "  throughline discover --data ./data\n  throughline discover --site shop --yaml > policy/proposed.yaml\n  throughline discover --clear",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := readDiscovered(c.Context(), data, site, clearAll)
			if err != nil {
				return fmt.Errorf("discover: %w", err)
			}
			switch {
			case asJSON:
				return printJSON(c.OutOrStdout(), d)
			case asYAML:
				return d.writeYAML(c.OutOrStdout())
			}
			return d.write(c.OutOrStdout())
		},
	}
	dataFlag(c, &data)
	c.Flags().StringVar(&site, "site", "", "only of this site")
	c.Flags().BoolVar(&asYAML, "yaml", false, "print the proposed Specs as a policy file")
	c.Flags().BoolVar(&clearAll, "clear", false, "forget everything that was learnt")
	jsonFlag(c, &asJSON)
	c.MarkFlagsMutuallyExclusive("json", "yaml", "clear")
	c.MarkFlagsMutuallyExclusive("site", "clear")
	return c
}

// readDiscovered reads the file, which a running process writes first.
func readDiscovered(ctx context.Context, data, site string, clearAll bool) (discovered, error) {
	d := discovered{}
	path := filepath.Join(data, discoveryFile)
	lock, err := lockData(data)
	switch {
	case errors.Is(err, errLocked):
		text, err := ask(ctx, data, "/discovery", map[string]bool{"Clear": clearAll})
		if err != nil {
			return d, err
		}
		var s discovery.Stats
		if err := json.Unmarshal(text, &s); err != nil {
			return d, err
		}
		d.Waiting = s.Waiting
	case err != nil:
		return d, err
	default:
		defer lock.release()
		if clearAll {
			l := discovery.New()
			if err := l.Save(path); err != nil {
				return d, err
			}
		}
	}
	shapes, err := discovery.Read(path)
	if err != nil {
		return d, err
	}
	d.Shapes = slices.DeleteFunc(shapes, func(s discovery.Shape) bool { return site != "" && s.Site != site })
	d.Proposals = discovery.Propose(d.Shapes)
	return d, nil
}

func (d discovered) write(out io.Writer) error {
	var b strings.Builder
	for _, p := range d.Proposals {
		fmt.Fprintf(&b, "%s (%s, %d seen)\n\n", p.Says, p.Site, p.Count)
		for _, line := range strings.Split(strings.TrimSpace(p.YAML), "\n") {
			b.WriteString("    " + line + "\n")
		}
		b.WriteByte('\n')
	}
	if len(d.Shapes) > 0 {
		b.WriteString("All that was learnt:\n")
		w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
		for _, s := range d.Shapes {
			names := make([]string, len(s.Fields))
			for i, f := range s.Fields {
				names[i] = f.In + " " + f.Name
			}
			_, _ = fmt.Fprintf(w, "  %s\t%s %s\t%s\t%d\t%s\n", s.Site, s.Method, s.Path, s.Type, s.Count, strings.Join(names, ", "))
		}
		_ = w.Flush() // a Builder takes all
	} else {
		b.WriteString("nothing was learnt yet; `discovery: true` in a site's configuration begins it\n")
	}
	if d.Waiting > 0 {
		fmt.Fprintf(&b, "%d words wait until %d visitors have sent them\n", d.Waiting, discovery.Visitors)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (d discovered) writeYAML(out io.Writer) error {
	for i, p := range d.Proposals {
		sep := ""
		if i > 0 {
			sep = "---\n"
		}
		if _, err := fmt.Fprintf(out, "%s# %s: %s\n%s", sep, p.Site, p.Says, p.YAML); err != nil {
			return err
		}
	}
	return nil
}
