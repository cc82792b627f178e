package sim

import "strconv"

// HeldOut are the seeds that the published figures are of. Session and identity were
// tuned on seeds 1 to 8, never on these: whoever changes the algorithm looks at
// those, and at these once, in the end. Who changes it because of these takes others:
// 101 to 103, 201 to 203, 301 to 303 and 401 to 403 went that way.
func HeldOut() []uint64 { return []uint64{501, 502, 503} }

// Figure is one metric with its target, if it has one.
type Figure struct {
	Metric string
	Value  float64
	Target string // a bound in words: ">=0.98"
	Met    bool
}

// Figures are a Score's metrics at a site.
func (s *Score) Figures(site Site) []Figure {
	f1 := .94
	switch {
	case site.Cookies:
		f1 = .99
	case site.Tickets:
		f1 = .97
	}
	changed := 0.
	if !s.LinksChangeNobody {
		changed = 1
	}
	return []Figure{
		atLeast("session_f1", s.Session.F1(), f1),
		atLeast("strong_precision", s.StrongPrecision, .98),
		{"false_recognition", s.FalseRecognition, "<0.005", s.FalseRecognition < .005},
		{"largest_cluster", float64(s.LargestCluster), "<=" + strconv.Itoa(s.Cap), s.LargestCluster <= s.Cap},
		atLeast("ring_recall", s.RingRecall, .7),
		{"links_change_identity", changed, "=0", changed == 0},
		{Metric: "session_precision", Value: s.Session.Precision},
		{Metric: "session_recall", Value: s.Session.Recall},
		{Metric: "session_b3_f1", Value: s.SessionItems.F1()},
		{Metric: "false_join", Value: s.FalseJoin},
		{Metric: "strong_answers", Value: float64(s.StrongAnswers)},
		{Metric: "recognised", Value: s.Recognised},
		{Metric: "identity_b3_precision", Value: s.IdentityItems.Precision},
		{Metric: "identity_b3_recall", Value: s.IdentityItems.Recall},
		{Metric: "candidates", Value: float64(s.Candidates)},
		{Metric: "candidate_error", Value: s.CandidateError},
		{Metric: "candidate_worst", Value: s.CandidateWorst},
		{Metric: "link_precision", Value: s.LinkPrecision},
		{Metric: "requests", Value: float64(s.Requests)},
		{Metric: "visits", Value: float64(s.Visits)},
		{Metric: "sessions", Value: float64(s.Sessions)},
		{Metric: "people", Value: float64(s.People)},
	}
}

func atLeast(metric string, v, bound float64) Figure {
	return Figure{metric, v, ">=" + strconv.FormatFloat(bound, 'g', -1, 64), v >= bound}
}
