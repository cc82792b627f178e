package inventory

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteText writes tables for a terminal.
func (v Inventory) WriteText(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "What is collected, by policy revision %s\n", v.Revision)
	for _, s := range v.Sites {
		fmt.Fprintf(&b, "\nsite %s (%s): %s", s.Name, strings.Join(s.Hosts, ", "), s.Mode)
		if s.Learning {
			b.WriteString(", shapes of requests are learnt")
		}
	}
	if len(v.Sites) > 0 {
		b.WriteByte('\n')
	}
	for _, s := range v.Specs {
		fmt.Fprintf(&b, "\n%s: %s, %s\n  %s\n", s.Name, s.Type, s.Processing, s.Requests)
		if len(v.Sites) > 0 {
			fmt.Fprintf(&b, "  sites: %s\n", orNone(s.Sites))
		}
		table(&b, elements(s.Elements))
	}
	section := func(title string, rows [][]string) {
		fmt.Fprintf(&b, "\n%s\n", title)
		if len(rows) == 0 {
			rows = [][]string{{"none"}}
		}
		table(&b, rows)
	}
	rows := [][]string{{"WHAT", "FORM", "WHERE"}}
	for _, f := range v.Always {
		rows = append(rows, []string{f.What, f.Form, f.Where})
	}
	section("Every Event also carries", rows)
	section("Enrichment adds, from data on this machine", elements(v.Enrichment.Elements))
	rows = nil
	for _, d := range v.Enrichment.Data {
		rows = append(rows, []string{d.Name, d.State})
	}
	section("Its data", rows)
	rows = nil
	for _, k := range v.Keys {
		rows = append(rows, []string{k.Kind, k.What, k.From, k.Form, k.Where})
	}
	section("Session keys tell visitors apart", rows)
	rows = nil
	for _, r := range v.Rules {
		rows = append(rows, []string{r.Kind + " " + r.ID, r.Title, r.Mode, "looks back by: " + orNone(r.Elements)})
	}
	section("Conclusions drawn", rows)
	rows = nil
	for _, s := range v.Sends {
		rows = append(rows, []string{s.Workflow, s.Action, "to " + s.To, strings.Join(s.What, ", "), s.Mode})
	}
	section("Sent by workflows", rows)
	rows = nil
	for _, p := range v.Places {
		rows = append(rows, []string{p.Name, p.Holds, p.For})
	}
	section("Where it rests, and for how long", rows)
	_, err := io.WriteString(out, b.String())
	return err
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func elements(list []Element) [][]string {
	rows := [][]string{{"ELEMENT", "FROM", "KIND", "SENSITIVITY", "KEPT AS", "FOR"}}
	for _, e := range list {
		id := e.ID
		if e.Entity {
			id += " *"
		}
		rows = append(rows, []string{id, From(e), e.Kind, e.Sensitivity, e.Form, e.For})
	}
	return rows
}

// From says where a value comes from.
func From(e Element) string {
	if e.Derived || e.Of == "connection" {
		return e.Source
	}
	return e.Of + " " + e.Source
}

func table(b *strings.Builder, rows [][]string) {
	w := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		_, _ = fmt.Fprintln(w, "  "+strings.Join(r, "\t")) // a Builder takes all
	}
	_ = w.Flush()
}

//go:embed page.html
var page string

// WriteHTML writes one page for a data-protection officer, to be read and printed
// without anything else.
func (v Inventory) WriteHTML(out io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{"from": From, "join": orNone}).Parse(page)
	if err != nil {
		return fmt.Errorf("inventory page: %w", err)
	}
	if err := t.Execute(out, v); err != nil {
		return fmt.Errorf("inventory page: %w", err)
	}
	return nil
}
