package recognition

import (
	"fmt"
	"strings"
)

// notes say in plain words what bounds the figures of a Report, the most important
// first. Only what applies is said.
func notes(r *Report, caps Caps) []string {
	if r.Labelled == 0 {
		return []string{"No successful log-in was seen in the window that could serve as a label. " +
			"Map a Spec of type authentication_attempt or account_create with the element username or email, and an outcome, so that log-ins are told from failed ones."}
	}
	out := []string{
		"The truth is the accounts that signed in; they were hidden while sessions and Spec IDs were made anew. In operation a confirmed account also joins, so Spec IDs there are at least as complete.",
		"Only visitors who sign in are measured. Those who never do may be harder to recognise, or easier.",
		"A family that shares an account looks like one user here, and one user with two accounts, or two users of one device, look like mistakes: precision and recall can't reach 100 % on real traffic.",
		"Somebody who comes back on another device, or has cleared its cookies, can't be known before signing in. That bounds recall and first-request recognition.",
		"Keys and accounts from before the window are not known to the measurement, so a visitor counts as returning only after a log-in within it.",
		"Intervals treat sessions as independent. Those of one account are not quite, so real intervals are somewhat wider; those of pairs rest on sessions, not on the number of pairs.",
	}
	l := &r.LeftOut
	add := func(n int64, format string, args ...any) {
		if n > 0 {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(l.SharedAccounts, "%s with %s left out of the truth: more than %d devices or %d sessions, which is not one user.",
		many(l.SharedAccounts, "account"), many(l.SharedAccountsUsed, "session"), caps.DevicesPerAccount, caps.SessionsPerUser)
	add(l.SharedDevices, "%s left out: signed in with a key that more than %d accounts used (a kiosk, a shared computer, or a cookie that is the same for everybody). In operation such keys join nobody.",
		many(l.SharedDevices, "session"), caps.AccountsPerKey)
	add(l.SeveralAccounts, "%s left out: more than one account signed in to the same session.", many(l.SeveralAccounts, "session"))
	add(l.BeyondLimit, "%s left out: the measurement keeps a bounded number, and these came after it was reached.", many(l.BeyondLimit, "labelled session"))
	add(l.ForgottenKeys, "%s forgotten at the bound on memory, so that visitors who stayed away long are recognised less often here than in operation.", many(l.ForgottenKeys, "key"))
	add(l.OpenedBeyondPending, "%s not followed, since too many waited for their response at once.", many(l.OpenedBeyondPending, "request"))
	if few := thin(r); few != "" {
		out = append(out, few)
	}
	return out
}

// enough labels give an interval that says something.
const enough = 100

func thin(r *Report) string {
	if r.Labelled >= enough {
		return ""
	}
	return fmt.Sprintf("Only %s: look at the intervals, not at the shares.", many(r.Labelled, "labelled session"))
}

func many(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return digits(n) + " " + one + "s"
}

// digits groups a count by thousands.
func digits(n int64) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}
