package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/policy"
)

// Options steer a run.
type Options struct {
	Rewrite bool   // write what came of the requests into the scripts
	Policy  string // a folder to run under instead of what the scripts name
}

// Report is what came of all scripts.
type Report struct {
	Passed  int      `json:"passed"`
	Failed  int      `json:"failed"`
	Scripts []Result `json:"scripts"`
}

// Result is what came of one.
type Result struct {
	Path     string `json:"path"`
	Requests int    `json:"requests"`
	Diff     string `json:"diff,omitempty"` // what differs, empty when passed
	Written  bool   `json:"written,omitempty"`
}

// Run runs every *.journey file below dir. No file at all is an error, and so is
// one that can't be read or whose policy has faults.
func Run(dir string, opt Options) (Report, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(p) == ".journey" {
			paths = append(paths, p)
		}
		return err
	})
	if err != nil {
		return Report{}, fmt.Errorf("journeys: %w", err)
	}
	if len(paths) == 0 {
		return Report{}, fmt.Errorf("journeys: no *.journey file below %s", dir)
	}
	slices.Sort(paths)
	var r Report
	var faults []error
	for _, p := range paths {
		res, err := runFile(p, opt)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		r.Scripts = append(r.Scripts, res)
		if res.Diff == "" {
			r.Passed++
		} else {
			r.Failed++
		}
	}
	return r, errors.Join(faults...)
}

func runFile(path string, opt Options) (Result, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Result{}, err
	}
	s, err := parse(path, string(text))
	if err != nil {
		return Result{}, err
	}
	snap, err := s.load(opt.Policy)
	if err != nil {
		return Result{}, err
	}
	got, err := play(context.Background(), s, snap)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", path, err)
	}
	res := Result{Path: path, Requests: len(s.steps)}
	if opt.Rewrite {
		out := s.render(got)
		if out != string(text) {
			res.Written = true
			if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
				return res, err
			}
		}
		return res, nil
	}
	res.Diff = s.diff(got)
	return res, nil
}

// load compiles the policy to run under: the folder given, else the one the script
// names, else the nearest folder `policy` at or above the script.
func (s *script) load(given string) (*policy.Snapshot, error) {
	dir := filepath.Dir(s.path)
	folder := filepath.Join(dir, s.policy)
	switch {
	case given != "":
		folder = given
	case s.policy == "":
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		folder = ""
		for d := abs; ; d = filepath.Dir(d) {
			if info, err := os.Stat(filepath.Join(d, "policy")); err == nil && info.IsDir() {
				folder = filepath.Join(d, "policy")
				break
			}
			if d == filepath.Dir(d) {
				break
			}
		}
		if folder == "" {
			return nil, fmt.Errorf("%s: no folder policy at or above it; want a line such as policy ../policy", s.path)
		}
	}
	snap, faults := policy.Load(folder)
	if len(faults) > 0 {
		var b strings.Builder
		for _, f := range faults {
			b.WriteString("\n" + f.String())
		}
		return nil, fmt.Errorf("%s: policy %s has faults:%s", s.path, folder, b.String())
	}
	return snap, nil
}

// diff shows, request by request, what was expected and did not come (-) and
// what came instead (+).
func (s *script) diff(got [][]string) string {
	var b strings.Builder
	for i, st := range s.steps {
		if slices.Equal(st.want, got[i]) {
			continue
		}
		fmt.Fprintf(&b, "%s:%d: %s\n", s.path, st.line, st.request.start)
		compare(&b, st.want, got[i])
	}
	return b.String()
}

// compare writes want and got as one list: what both have as it is, what did not
// come after -, what came instead after +. It keeps as much as can be kept, by
// their longest common subsequence; the lists have a few dozen lines.
func compare(b *strings.Builder, want, got []string) {
	common := make([][]int, len(want)+1) // of want[i:] and got[j:]
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i] == got[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(want) || j < len(got); {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			b.WriteString("    " + want[i] + "\n")
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			b.WriteString("  - " + want[i] + "\n")
			i++
		default:
			b.WriteString("  + " + got[j] + "\n")
			j++
		}
	}
}

// Write prints the report: a line a script, and what differs.
func (r Report) Write(w io.Writer) error {
	for _, s := range r.Scripts {
		state := "ok  "
		switch {
		case s.Diff != "":
			state = "FAIL"
		case s.Written:
			state = "new "
		}
		if _, err := fmt.Fprintf(w, "%s %s (%d requests)\n%s", state, s.Path, s.Requests, s.Diff); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d passed, %d failed\n", r.Passed, r.Failed)
	return err
}
