package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/throughline/throughline/internal/certificate/acme"
	"github.com/throughline/throughline/internal/probe"
	"github.com/throughline/throughline/internal/site"
)

func siteCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "site",
		Short:   "Look at sites as their visitors find them",
		Example: "  throughline site check www.example.com --config throughline.yaml",
	}
	c.AddCommand(siteCheckCommand())
	return c
}

// siteReport is what `site check --json` prints.
type siteReport struct {
	Host    string         `json:"host"`
	Site    string         `json:"site"`
	OK      bool           `json:"ok"`
	Records []probe.Record `json:"records"`
	Checks  []probe.Result `json:"checks"`
}

func siteCheckCommand() *cobra.Command {
	var config, resolver, connect, ca string
	var asJSON bool
	c := &cobra.Command{
		Use:   "check HOST",
		Short: "Print a host's DNS records, and check them, its certificate and its origin",
		Long: "Prints the DNS records to publish for a host. Then checks that they are there,\n" +
			"that the certificate shown is the host's, trusted and not about to end, and\n" +
			"that the origin is verified and answers. Ends with 1 when something failed.\n" +
			"Before cut-over, --connect looks for the certificate at Throughline itself,\n" +
			"where the name does not lead yet.",
		Example: "  throughline site check www.example.com\n" +
			"  throughline site check www.example.com --config /etc/throughline/throughline.yaml --json\n" +
			"  throughline site check www.example.com --connect 192.0.2.10:443",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, faults := loadConfig(config)
			if len(faults) > 0 {
				return faultsError(faults)
			}
			set, faults := cfg.check(flagFault)
			if len(faults) > 0 {
				return faultsError(faults)
			}
			plan, err := sitePlan(set, strings.TrimSuffix(strings.ToLower(args[0]), "."))
			if err != nil {
				return err
			}
			plan.Resolver, plan.Connect = resolver, connect
			if ca != "" {
				plan.Roots = readRoots("--ca", ca, func(field, wrong, right string) { err = fmt.Errorf("%s: %s; want %s", field, wrong, right) })
				if err != nil {
					return err
				}
			}
			r := siteReport{Host: plan.Host, Site: plan.Site.Name, Records: plan.Records(), Checks: plan.Check(c.Context())}
			r.OK = !slices.ContainsFunc(r.Checks, func(one probe.Result) bool { return !one.OK })
			if asJSON {
				err = printJSON(c.OutOrStdout(), r)
			} else {
				err = r.print(c.OutOrStdout())
			}
			if err == nil && !r.OK {
				err = errReported
			}
			return err
		},
	}
	c.Flags().StringVar(&config, "config", "throughline.yaml", "configuration file")
	c.Flags().StringVar(&resolver, "resolver", "", "name server to ask, host:port (default: this machine's)")
	c.Flags().StringVar(&connect, "connect", "", "look for the certificate at host:port instead of where the name leads")
	c.Flags().StringVar(&ca, "ca", "", "PEM roots by which the certificate is verified (default: this machine's)")
	jsonFlag(c, &asJSON)
	return c
}

// sitePlan says what should be so for a host of the configuration.
func sitePlan(set settings, host string) (probe.Plan, error) {
	if !hostName(host) {
		return probe.Plan{}, fmt.Errorf("%q is no host; want a name without scheme, port or star, e.g. www.example.com", host)
	}
	st := site.Find(set.sites, host)
	if st == nil {
		return probe.Plan{}, errors.New("no site has the host " + host + "; want one of the hosts in sites")
	}
	p := probe.Plan{Host: host, Site: st, Managed: strings.ToLower(strings.TrimSuffix(set.ManagedDomain, "."))}
	if a := set.certificates.acme; a != nil && a.DNS != nil {
		name := host
		if _, rest, ok := strings.Cut(host, "."); !slices.Contains(a.Names, host) && ok && slices.Contains(a.Names, "*."+rest) {
			name = "*." + rest
		}
		if slices.Contains(a.Names, name) {
			p.Delegated, p.Challenge = acme.Delegated(name), a.DNS.Target(name)
		}
	}
	return p, nil
}

func (r siteReport) print(w io.Writer) error {
	var b strings.Builder
	if len(r.Records) > 0 {
		b.WriteString("DNS records to publish:\n")
		for _, rec := range r.Records {
			fmt.Fprintf(&b, "  %s\n", rec)
		}
		b.WriteString("\n")
	}
	for _, one := range r.Checks {
		word := "ok"
		if !one.OK {
			word = "failed"
		}
		fmt.Fprintf(&b, "%-15s %-7s %s", one.Check, word, one.Found)
		if !one.OK {
			fmt.Fprintf(&b, "; want %s", one.Want)
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
