package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/throughline/throughline/internal/capture"
	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// matchedSpec is a Spec with why it matches, or nearly does.
type matchedSpec struct {
	Spec  string   `json:"spec"`
	Name  string   `json:"name"`
	Type  string   `json:"type"`
	Place string   `json:"place"`
	Holds []string `json:"holds"`
	Fails []string `json:"fails,omitempty"`
	First string   `json:"first,omitempty"` // why it is tried before the next
}

type matchAnswer struct {
	Event  string        `json:"event"` // key of the Spec that makes the Event, or ""
	Match  []matchedSpec `json:"match"`
	Nearly []matchedSpec `json:"nearly"`
}

func policyMatch() *cobra.Command {
	var dir, bodyFile string
	var fields []string
	var asJSON bool
	c := &cobra.Command{
		Use: "match METHOD URL", Short: "Tell which specs match a request, and why",
		Long: "Tells which specs match a request, most specific first, and why; and which only\n" +
			"one condition keeps from it. The first one makes the Event. Nothing is sent.",
		Example: "  throughline policy match --policy examples/shop/policy POST /login -H 'Content-Type: application/json'\n" +
			"  throughline policy match --policy ./policy POST https://shop.example/graphql --body query.json",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			snap, err := matchPolicy(dir)
			if err != nil {
				return err
			}
			head, err := requestHead(args[0], args[1], fields)
			if err != nil {
				return err
			}
			body := &wire.Body{Seen: true}
			if bodyFile != "" {
				if body.Bytes, err = readBody(c.InOrStdin(), bodyFile); err != nil {
					return err
				}
			}
			hasher, err := element.NewHasher(make([]byte, 32)) // nothing is hashed here
			if err != nil {
				return err
			}
			matching, near := capture.New(hasher, "").Explain(capture.NewIndex(snap.Specs), head, body)
			answer := matchAnswer{Match: explained(matching), Nearly: explained(near)}
			if len(answer.Match) > 0 {
				answer.Event = answer.Match[0].Spec
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), answer)
			}
			return answer.write(c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&dir, "policy", "", "policy folder; without it the starter policy")
	c.Flags().StringArrayVarP(&fields, "header", "H", nil, "a header of the request, 'Name: value'")
	c.Flags().StringVar(&bodyFile, "body", "", "file with the request's body, - for standard input")
	jsonFlag(c, &asJSON)
	return c
}

func matchPolicy(dir string) (*policy.Snapshot, error) {
	var snap *policy.Snapshot
	var faults []policy.Fault
	if dir == "" {
		snap, faults = policy.Compile(policy.Starter())
	} else {
		snap, faults = policy.Load(dir)
	}
	if len(faults) > 0 {
		return nil, errors.New(strings.Join(lines(faults), "\n"))
	}
	return snap, nil
}

// requestHead is the head that a method, a URL and headers stand for.
func requestHead(method, target string, fields []string) (*wire.Head, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" && !strings.HasPrefix(target, "/") {
		return nil, fmt.Errorf("%q is no URL: want /path?query or https://host/path?query", target)
	}
	if method == "" || strings.ToUpper(method) != method {
		return nil, fmt.Errorf("%q is no method: want GET, POST and so on, in capitals", method)
	}
	h := &wire.Head{Method: method, Target: target, Host: strings.ToLower(u.Hostname()), Proto: "HTTP/1.1"}
	for _, f := range fields {
		name, value, ok := strings.Cut(f, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("%q is no header: want 'Name: value'", f)
		}
		h.Fields = append(h.Fields, wire.Field{Name: name, Value: strings.TrimSpace(value)})
		if strings.EqualFold(name, "Host") && u.Host == "" {
			h.Host, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(value)), ":")
		}
	}
	return h, nil
}

// readBody reads as much of a body as a Spec may.
func readBody(stdin io.Reader, name string) ([]byte, error) {
	from := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	body, err := io.ReadAll(io.LimitReader(from, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return body, nil
}

func explained(all []capture.Explanation) []matchedSpec {
	out := []matchedSpec{}
	for _, e := range all {
		s := e.Spec
		out = append(out, matchedSpec{Spec: s.Key, Name: s.Name, Type: string(s.Type), Place: s.Pos.String(),
			Holds: e.Holds, Fails: e.Fails, First: e.First})
	}
	return out
}

func (a matchAnswer) write(w io.Writer) error {
	var b strings.Builder
	if len(a.Match) == 0 {
		b.WriteString("no spec matches: the request is relayed and not read\n")
	}
	for i, s := range a.Match {
		note := "makes the Event"
		if i > 0 {
			note = "matches too"
		}
		fmt.Fprintf(&b, "%d. %s %q (%s) %s: %s\n", i+1, s.Spec, s.Name, s.Type, s.Place, note)
		for _, h := range s.Holds {
			fmt.Fprintf(&b, "     %s\n", h)
		}
		if s.First != "" {
			fmt.Fprintf(&b, "   before %s: %s\n", a.Match[i+1].Spec, s.First)
		}
	}
	if len(a.Nearly) > 0 {
		b.WriteString("nearly:\n")
	}
	for _, s := range a.Nearly {
		fmt.Fprintf(&b, "   %s %q (%s) %s: not %s\n", s.Spec, s.Name, s.Type, s.Place, strings.Join(s.Fails, "; "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
