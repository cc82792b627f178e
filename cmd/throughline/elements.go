package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/policy"
)

// elementLine is an element as `throughline elements --json` prints it.
type elementLine struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Group       string              `json:"group"`
	Entity      bool                `json:"entity"`
	Kind        element.Kind        `json:"kind"`
	Sensitivity element.Sensitivity `json:"sensitivity"`
	Stored      element.Storage     `json:"stored"`
	Primary     bool                `json:"primary"`
	Computed    bool                `json:"computed"`
	Custom      bool                `json:"custom"`
	Parts       []string            `json:"parts"`
	Example     string              `json:"example"`
	About       string              `json:"about"`
}

func elementsCommand() *cobra.Command {
	var asJSON bool
	var dir string
	c := &cobra.Command{
		Use: "elements", Short: "List the elements that Specs can fill",
		Long: "Lists the catalogue: every element with its kind, what is stored of it and an\n" +
			"example. With --policy, the elements that a policy defines too.",
		Example: "  throughline elements\n  throughline elements --json --policy ./policy",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			defs := element.Catalogue()
			if dir != "" {
				snap, faults := policy.Load(dir)
				if len(faults) > 0 {
					for _, f := range faults {
						if _, err := fmt.Fprintln(c.ErrOrStderr(), f); err != nil {
							return err
						}
					}
					return errReported
				}
				defs = snap.Elements.All()
			}
			out := elementLines(defs)
			if asJSON {
				return printJSON(c.OutOrStdout(), out)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tNAME\tGROUP\tTYPE\tKIND\tSENSITIVITY\tSTORED\tEXAMPLE")
			for _, e := range out {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.Name, e.Group, elementType(e), e.Kind, e.Sensitivity, e.Stored, e.Example)
			}
			return w.Flush()
		},
	}
	c.Flags().StringVar(&dir, "policy", "", "folder of a policy whose own elements are listed too")
	jsonFlag(c, &asJSON)
	return c
}

func elementLines(defs []element.Def) []elementLine {
	out := make([]elementLine, len(defs))
	for i, d := range defs {
		out[i] = elementLine{ID: d.ID, Name: d.Name, Group: d.Group, Entity: d.Entity, Kind: d.Kind, Sensitivity: d.Sensitivity,
			Stored: d.Storage(), Primary: d.Primary, Computed: d.Computed, Custom: d.Custom, Parts: d.PartIDs(), Example: d.Example, About: d.About}
	}
	return out
}

func elementType(e elementLine) string {
	kind := "attribute"
	if e.Entity {
		kind = "entity"
	}
	if e.Computed {
		kind += ", computed"
	}
	return kind
}
