package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/throughline/throughline/internal/recognition"
)

// mostDays is how far back a measurement may look.
const mostDays = 90

func identityCommand() *cobra.Command {
	c := &cobra.Command{Use: "identity", Short: "Measure how well visitors are recognised",
		Example: "  throughline identity report --days 7\n  throughline identity report --site shop --json"}
	c.AddCommand(identityReport())
	return c
}

func identityReport() *cobra.Command {
	var data string
	var asJSON bool
	q := recognition.Question{}
	c := &cobra.Command{
		Use: "report", Short: "Hold Spec IDs against the accounts that signed in",
		Long: "Log-ins are the truth: what the journal holds is stitched anew with every account\n" +
			"hidden, and the Spec IDs that come out are held against the accounts. Prints how\n" +
			"often a first request was recognised, how often wrongly, and precision and recall\n" +
			"by browser family and by kind of key, each with a 95 % interval. A running\n" +
			"process measures itself, without haste, so that traffic does not notice.",
		Example: "  throughline identity report --data ./data\n  throughline identity report --days 1 --site shop\n  throughline identity report --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if q.Days < 1 || q.Days > mostDays {
				return fmt.Errorf("identity report: --days is %d; want 1 to %d", q.Days, mostDays)
			}
			report, err := recognised(c.Context(), data, q, progressTo(c.ErrOrStderr()))
			if err != nil {
				return fmt.Errorf("identity report: %w", err)
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), report)
			}
			return writeRecognition(c.OutOrStdout(), q, &report)
		},
	}
	dataFlag(c, &data)
	c.Flags().IntVar(&q.Days, "days", 7, "how many days back; the journal keeps about seven")
	c.Flags().StringVar(&q.Site, "site", "", "one site; all if not given")
	jsonFlag(c, &asJSON)
	return c
}

// progressTo tells a terminal how far it is, and a file nothing.
func progressTo(w io.Writer) func(done float64) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	last := -1
	return func(done float64) {
		if now := int(100 * done); now != last {
			last = now
			_, _ = fmt.Fprintf(f, "\rmeasuring %3d %%", now)
			if now >= 100 {
				_, _ = fmt.Fprint(f, "\r                \r")
			}
		}
	}
}

// recognised has the running process measure, or does it itself where there is none.
func recognised(ctx context.Context, data string, q recognition.Question, told func(float64)) (recognition.Report, error) {
	if _, err := os.Stat(filepath.Join(data, "format")); err != nil {
		return recognition.Report{}, fmt.Errorf("%s is no data folder: %w", data, err)
	}
	lock, err := lockData(data)
	if errors.Is(err, errLocked) {
		return askRecognised(ctx, data, q, told)
	}
	if err != nil {
		return recognition.Report{}, err
	}
	defer lock.release()
	src, err := openStored(data)
	if err != nil {
		return recognition.Report{}, err
	}
	report, err := recognition.Run(ctx, src, q, time.Now(), told)
	return report, errors.Join(err, src.journal.Close())
}

func askRecognised(ctx context.Context, data string, q recognition.Question, told func(float64)) (recognition.Report, error) {
	for {
		text, err := ask(ctx, data, "/identity/report", askedReport(q))
		if err != nil {
			return recognition.Report{}, err
		}
		var a recognition.Answer
		if err := json.Unmarshal(text, &a); err != nil {
			return recognition.Report{}, err
		}
		if told != nil {
			told(a.Progress)
		}
		switch {
		case a.State == recognition.Failed:
			return recognition.Report{}, errors.New(a.Error)
		case a.State == recognition.Ready && a.Report != nil:
			return *a.Report, nil
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
			return recognition.Report{}, ctx.Err()
		}
	}
}

// writeRecognition lays a report out for people.
func writeRecognition(out io.Writer, q recognition.Question, r *recognition.Report) error {
	var b strings.Builder
	site := "all sites"
	if q.Site != "" {
		site = "site " + q.Site
	}
	fmt.Fprintf(&b, "Recognition of visitors, %s, %s\n", site, span(r))
	fmt.Fprintf(&b, "%s journal entries, %s sessions; %s with a log-in, of %s accounts, under %s Spec IDs\n",
		grouped(r.Entries), grouped(r.Sessions), grouped(r.Labelled), grouped(r.Accounts), grouped(r.SpecIDs))
	if r.Labelled > 0 {
		figures(&b, r)
		groups(&b, "By browser family", r.Families)
		groups(&b, "By key of the first request", r.Kinds)
	}
	leftOut(&b, &r.LeftOut)
	b.WriteString("\nTo read these figures\n")
	for _, n := range r.Notes {
		wrapped(&b, n)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func span(r *recognition.Report) string {
	if r.From == nil || r.To == nil {
		return "an empty journal"
	}
	const form = "2006-01-02 15:04"
	return r.From.Format(form) + " to " + r.To.Format(form) + " UTC"
}

func figures(b *strings.Builder, r *recognition.Report) {
	row := func(what string, x recognition.Rate, counted string) {
		fmt.Fprintf(b, "  %-34s %8s  %-17s  %s\n", what, percent(x), interval(x), counted)
	}
	of := func(x recognition.Rate, what string) string {
		return fmt.Sprintf("%s of %s %s", grouped(int64(x.Hits+0.5)), grouped(x.Of), what)
	}
	f := &r.First
	fmt.Fprintf(b, "\n%-36s %8s  %-17s  %s\n", "First request of those who returned", "share", "95 % interval", "counted")
	row("known by a strong key", f.Strong, of(f.Strong, "returning"))
	row("likeliest candidate right", f.Candidate, of(f.Candidate, "returning"))
	fmt.Fprintf(b, "  %s by a strong key, %s by a candidate; %s without an answer\n", "wrong: "+grouped(f.StrongWrong), grouped(f.CandidateWrong), grouped(f.Unanswered))
	b.WriteString("\nNew accounts\n")
	row("given the Spec ID of another", r.False, of(r.False, "first seen"))
	b.WriteString("\nSpec IDs against accounts\n")
	o := &r.Overall
	row("pairs, precision", o.PairPrecision, of(o.PairPrecision, "pairs"))
	row("pairs, recall", o.PairRecall, of(o.PairRecall, "pairs"))
	row("B-cubed, precision", o.CubedPrecision, grouped(o.CubedPrecision.Of)+" sessions")
	row("B-cubed, recall", o.CubedRecall, grouped(o.CubedRecall.Of)+" sessions")
}

// leftOut lists what the truth does not say, as far as it occurs.
func leftOut(b *strings.Builder, l *recognition.LeftOut) {
	list := []string{}
	add := func(n int64, one, rest string) {
		if n > 1 {
			one += "s"
		}
		if n > 0 {
			list = append(list, grouped(n)+" "+one+rest)
		}
	}
	add(l.Unlabelled, "session", " without a log-in")
	add(l.SeveralAccounts, "session", " of several accounts")
	add(l.SharedAccountsUsed, "session", " of "+grouped(l.SharedAccounts)+" shared accounts")
	add(l.SharedDevices, "session", " on shared devices")
	add(l.BeyondLimit, "session", " past the bound")
	add(l.WithoutRequest, "response", " without a request")
	add(l.OpenedBeyondPending, "request", " not followed")
	add(l.ForgottenKeys, "key", " forgotten")
	if len(list) > 0 {
		b.WriteString("\nLeft out\n")
		wrapped(b, strings.Join(list, ", "))
	}
}

func groups(b *strings.Builder, title string, list []recognition.Group) {
	fmt.Fprintf(b, "\n%-28s %9s  %-26s %-26s %s\n", title, "sessions", "B-cubed precision", "B-cubed recall", "returning known at once")
	for i := range list {
		g := &list[i]
		fmt.Fprintf(b, "  %-26s %9s  %-26s %-26s %s\n", shortened(g.Name, 26), grouped(g.Quality.Sessions),
			both(g.Quality.CubedPrecision), both(g.Quality.CubedRecall), both(g.First.Strong))
	}
}

func both(x recognition.Rate) string {
	if x.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%8s (%s)", percent(x), interval(x))
}

func percent(x recognition.Rate) string {
	if x.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", 100*x.Share)
}

func interval(x recognition.Rate) string {
	if x.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f–%.2f", 100*x.Low, 100*x.High)
}

// shortened keeps a table in line.
func shortened(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// grouped writes a count with its thousands apart.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// wrapped writes a point of a list, in lines of a terminal's width.
func wrapped(b *strings.Builder, text string) {
	const width = 98
	line := "  -"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = "   "
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
