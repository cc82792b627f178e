package recognition

import "time"

// Report is how well Spec IDs followed the accounts that signed in.
type Report struct {
	From     *time.Time `json:"from,omitempty" doc:"of the oldest entry that was read"`
	To       *time.Time `json:"to,omitempty" doc:"of the newest"`
	Entries  int64      `json:"entries" doc:"journal entries read"`
	Sessions int64      `json:"sessions" doc:"stitched anew from them"`
	Labelled int64      `json:"labelled" doc:"sessions in which exactly one account signed in, and that are not left out"`
	Accounts int64      `json:"accounts" doc:"that signed in to those"`
	SpecIDs  int64      `json:"spec_ids" doc:"given to those, the accounts hidden"`

	Overall  Quality      `json:"overall"`
	First    FirstRequest `json:"first_request"`
	False    Rate         `json:"false_recognition" doc:"of accounts seen for the first time, those whose first request was given the Spec ID of another account"`
	Families []Group      `json:"families" doc:"by browser family, the most sessions first"`
	Kinds    []Group      `json:"kinds" doc:"by the kind of key by which the first request was known"`
	LeftOut  LeftOut      `json:"left_out"`
	Notes    []string     `json:"notes" doc:"what bounds these figures, in words"`
}

// Quality holds a clustering against the truth. Pairs are counted from both of
// their ends, so that the groups add up to the whole.
type Quality struct {
	Sessions       int64 `json:"sessions"`
	PairPrecision  Rate  `json:"pair_precision" doc:"of pairs of sessions with one Spec ID, those of one account"`
	PairRecall     Rate  `json:"pair_recall" doc:"of pairs of sessions of one account, those with one Spec ID"`
	CubedPrecision Rate  `json:"bcubed_precision" doc:"the mean over sessions: of those with its Spec ID, how many are of its account"`
	CubedRecall    Rate  `json:"bcubed_recall" doc:"the mean over sessions: of those of its account, how many have its Spec ID"`
}

// FirstRequest says how the first requests of visitors were answered who came
// back: whose account had signed in to an earlier session.
type FirstRequest struct {
	Returning      int64 `json:"returning" doc:"sessions of an account that had signed in to an earlier one"`
	Strong         Rate  `json:"strong" doc:"answered rightly by a strong key"`
	StrongWrong    int64 `json:"strong_wrong" doc:"answered by a strong key with the Spec ID of others"`
	Candidate      Rate  `json:"candidate" doc:"no strong key, and the likeliest candidate was right"`
	CandidateWrong int64 `json:"candidate_wrong" doc:"no strong key, and the likeliest candidate was not right"`
	Unanswered     int64 `json:"unanswered" doc:"taken for new, without a candidate"`
}

// Group is the sessions of one browser family, or known by one kind of key.
type Group struct {
	Name    string       `json:"name" doc:"of the family; or cookie, bearer, token, ticket, device, none"`
	Quality Quality      `json:"quality"`
	First   FirstRequest `json:"first_request"`
}

// LeftOut counts what the truth does not say, or not surely.
type LeftOut struct {
	Unlabelled          int64 `json:"unlabelled" doc:"sessions without a successful log-in"`
	SeveralAccounts     int64 `json:"several_accounts" doc:"sessions in which more than one account signed in"`
	SharedAccounts      int64 `json:"shared_accounts" doc:"accounts used on more devices, or in more sessions, than one user has"`
	SharedAccountsUsed  int64 `json:"shared_account_sessions" doc:"their sessions"`
	SharedDevices       int64 `json:"shared_device_sessions" doc:"sessions that signed in with a key that more accounts used than one user has"`
	BeyondLimit         int64 `json:"beyond_limit" doc:"labelled sessions past the bound on memory"`
	WithoutRequest      int64 `json:"without_request" doc:"responses whose request lies before the window"`
	ForgottenKeys       int64 `json:"forgotten_keys" doc:"dropped at the bound on memory, the oldest first"`
	OpenedBeyondPending int64 `json:"beyond_pending" doc:"requests not followed since too many waited for their response"`
}
