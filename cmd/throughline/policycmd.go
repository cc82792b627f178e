package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/replay"
)

func policyCommand() *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "Check and test policies",
		Example: "  throughline policy check examples/shop/policy\n  throughline policy test examples/shop"}
	c.AddCommand(policyCheck(), policyTest(), policyMatch(), policyAudit(), policySchema())
	return c
}

func policyCheck() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "check DIR", Short: "Check a policy folder; every fault is said at once",
		Example: "  throughline policy check ./policy",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			snap, faults := policy.Load(args[0])
			if asJSON {
				if err := printJSON(c.OutOrStdout(), lines(faults)); err != nil {
					return err
				}
			} else {
				for _, f := range faults {
					if _, err := fmt.Fprintln(c.OutOrStdout(), f); err != nil {
						return err
					}
				}
			}
			if len(faults) > 0 {
				return errReported
			}
			if asJSON {
				return nil
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "ok: revision %s, %d specs, %d labels, %d signatures, %d workflows\n",
				snap.Revision, len(snap.Specs), len(snap.Labels), len(snap.Signatures), len(snap.Workflows))
			return err
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// checkPolicy is check for the start of other commands.
func checkPolicy(dir string) error {
	if _, faults := policy.Load(dir); len(faults) > 0 {
		return errors.New(strings.Join(lines(faults), "\n"))
	}
	return nil
}

func policyTest() *cobra.Command {
	var rewrite, asJSON bool
	var try string
	c := &cobra.Command{
		Use: "test DIR", Short: "Run the *.journey scripts of a folder",
		Long: "Runs every *.journey script below DIR: requests with times, and what must come\n" +
			"of them. No script at all is a failure. docs/journeys.md explains the format.",
		Example: "  throughline policy test examples/shop\n  throughline policy test --rewrite ./policy\n" +
			"  throughline policy test --policy ./draft examples/shop",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			report, err := replay.Run(args[0], replay.Options{Rewrite: rewrite, Policy: try})
			if err != nil {
				return err
			}
			if asJSON {
				if err := printJSON(c.OutOrStdout(), report); err != nil {
					return err
				}
			} else if err := report.Write(c.OutOrStdout()); err != nil {
				return err
			}
			if report.Failed > 0 {
				return errReported
			}
			return nil
		},
	}
	c.Flags().BoolVar(&rewrite, "rewrite", false, "regenerate what the scripts expect")
	c.Flags().StringVar(&try, "policy", "", "folder of another policy to try in place of the scripts' own")
	c.MarkFlagsMutuallyExclusive("rewrite", "policy")
	jsonFlag(c, &asJSON)
	return c
}

func policySchema() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of policy documents, for editors",
		Example: "  throughline policy schema > policy.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(policy.Schema())
			return err
		},
	}
}
