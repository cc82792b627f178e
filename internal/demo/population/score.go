package population

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// SeenSession is a session as the product under test saw it.
type SeenSession struct {
	ID         string
	IP         string   // last seen
	IPs        []string // all seen, when known
	UserAgent  string   // whole, or a short form such as "Chrome 143 on Windows"
	Account    string
	Start      time.Time
	Last       time.Time
	Rating     string   // normal, suspicious or malicious
	Signatures []string // IDs; one named like a scenario blames that scenario
}

func (s *SeenSession) flagged() bool { return s.Rating == "suspicious" || s.Rating == "malicious" }

// Row scores one scenario. The unit is the actor: one is flagged when at least
// one of the sessions matched to it was rated suspicious or malicious.
//
// For an abuse scenario TP are its actors flagged, FN those that were not (one
// that no session was matched to included), and FP the good actors flagged by a
// signature that is named like the scenario. For a good scenario FP are its
// actors flagged. The row "all abuse" counts every good actor flagged as FP,
// whatever the reason.
type Row struct {
	Scenario  string  `json:"scenario"`
	Good      bool    `json:"good"`
	Actors    int     `json:"actors"`
	Sessions  int     `json:"sessions"`
	TP        int     `json:"tp"`
	FP        int     `json:"fp"`
	FN        int     `json:"fn"`
	Malicious int     `json:"malicious"` // actors with a session rated malicious
	Precision float64 `json:"precision"` // 1 when nothing was flagged
	Recall    float64 `json:"recall"`    // 1 when there was nothing to find
}

// AllAbuse names the row over all abuse scenarios.
const AllAbuse = "all abuse"

// slack is how far clocks and the end of an exchange may lie apart.
const slack = 2 * time.Second

// Score compares what was seen with the truth. Abuse rows come first, then the
// row over all of them, then the good scenarios that appeared. Abusers that
// never got to act are left out.
func Score(t *Truth, sessions []SeenSession) []Row {
	actors := t.Actors()
	seen := make([]sighting, len(actors))
	for i := range sessions {
		if a := match(actors, &sessions[i]); a >= 0 {
			seen[a].add(&sessions[i])
		}
	}
	var rows []Row
	all := Row{Scenario: AllAbuse}
	for _, scenario := range Abuse() {
		row := Row{Scenario: string(scenario)}
		for i, a := range actors {
			switch {
			case a.Good && seen[i].flagged && slices.Contains(seen[i].signatures, string(scenario)):
				row.FP++
			case a.Scenario == scenario && a.Acted:
				row.take(&seen[i])
			}
		}
		row.finish()
		all.Actors, all.Sessions = all.Actors+row.Actors, all.Sessions+row.Sessions
		all.TP, all.FN, all.Malicious = all.TP+row.TP, all.FN+row.FN, all.Malicious+row.Malicious
		rows = append(rows, row)
	}
	var good []Row
	for _, scenario := range GoodScenarios() {
		row := Row{Scenario: string(scenario), Good: true}
		for i, a := range actors {
			if a.Scenario == scenario {
				row.take(&seen[i])
			}
		}
		// For the good, a flag is the mistake and silence is right.
		row.FP, row.TP, row.FN = row.TP, 0, 0
		all.FP += row.FP
		if row.finish(); row.Actors > 0 {
			good = append(good, row)
		}
	}
	all.finish()
	return append(append(rows, all), good...)
}

// sighting is what was seen of one actor.
type sighting struct {
	sessions           int
	flagged, malicious bool
	signatures         []string
}

func (s *sighting) add(seen *SeenSession) {
	s.sessions++
	s.flagged = s.flagged || seen.flagged()
	s.malicious = s.malicious || seen.Rating == "malicious"
	s.signatures = append(s.signatures, seen.Signatures...)
}

func (r *Row) take(s *sighting) {
	r.Actors++
	r.Sessions += s.sessions
	if s.malicious {
		r.Malicious++
	}
	if s.flagged {
		r.TP++
	} else {
		r.FN++
	}
}

func (r *Row) finish() {
	r.Precision, r.Recall = ratio(r.TP, r.TP+r.FP), ratio(r.TP, r.TP+r.FN)
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

// match finds the actor a session belongs to, or -1: same address, overlapping
// time, and of those the one whose user agent and account fit best.
func match(actors []Actor, s *SeenSession) int {
	best, bestFit := -1, 0.0
	for i := range actors {
		a := &actors[i]
		if !slices.Contains(a.IPs, s.IP) && !slices.ContainsFunc(s.IPs, func(ip string) bool { return slices.Contains(a.IPs, ip) }) {
			continue
		}
		if !a.present(s.Start, s.Last) {
			continue
		}
		fit := agentFit(s.UserAgent, a.UserAgent)
		if fit < .5 {
			continue
		}
		if s.Account != "" && slices.Contains(a.Usernames, s.Account) {
			fit += .5
		}
		if fit > bestFit {
			best, bestFit = i, fit
		}
	}
	return best
}

func (a *Actor) present(from, to time.Time) bool {
	for _, w := range a.Windows {
		if !from.After(w.To.Add(slack)) && !to.Before(w.From.Add(-slack)) {
			return true
		}
	}
	return false
}

// agentFit tells how well a short form fits a whole user agent, 0 to 1: the
// share of its words found there. Nothing seen fits a little.
func agentFit(seen, full string) float64 {
	if seen == "" {
		return .5
	}
	if seen == full {
		return 1
	}
	hay := strings.ToLower(full)
	words, found := 0, 0
	for _, w := range strings.FieldsFunc(strings.ToLower(seen), func(r rune) bool { return strings.ContainsRune(" /(),;", r) }) {
		if w == "on" || w == "mobile" {
			continue
		}
		words++
		if agentHas(hay, w) {
			found++
		}
	}
	if words == 0 {
		return .5
	}
	return float64(found) / float64(words)
}

// agentHas looks for a word of a short form, by the names that user agents use.
func agentHas(hay, word string) bool {
	switch word {
	case "chrome":
		return strings.Contains(hay, "chrome/") && !strings.Contains(hay, "edg/")
	case "edge":
		return strings.Contains(hay, "edg/")
	case "safari":
		return strings.Contains(hay, "version/") && strings.Contains(hay, "safari/")
	case "macos", "mac":
		return strings.Contains(hay, "macintosh")
	case "ios":
		return strings.Contains(hay, "iphone") || strings.Contains(hay, "ipad") || strings.Contains(hay, "ios ")
	case "linux":
		return strings.Contains(hay, "linux") && !strings.Contains(hay, "android")
	}
	return strings.Contains(hay, word)
}

// WriteTable prints rows for people.
func WriteTable(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SCENARIO\tACTORS\tSESSIONS\tFOUND\tMISSED\tWRONG\tMALICIOUS\tPRECISION\tRECALL\t")
	for _, r := range rows {
		name, precision, recall := r.Scenario, percent(r.Precision), percent(r.Recall)
		if r.Good {
			name, precision, recall = "  "+name, "", ""
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t\n", name, r.Actors, r.Sessions, r.TP, r.FN, r.FP, r.Malicious, precision, recall)
	}
	return t.Flush()
}

func percent(f float64) string { return fmt.Sprintf("%.0f%%", f*100) }

// WriteJSON prints rows for machines.
func WriteJSON(w io.Writer, rows []Row) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(rows)
}
