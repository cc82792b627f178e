package hub

// The JSON shapes of discovery. They hold names and counts, never a value.

// Learnt is what discovery knows.
type Learnt struct {
	Sites     []LearningSite `json:"sites"`
	Proposals []Proposal     `json:"proposals" doc:"those no Spec names first, then the most frequent"`
	Shapes    int            `json:"shapes" doc:"kinds of requests learnt, those without a proposal included"`
	Waiting   int            `json:"waiting" doc:"words that too few visitors have sent to be kept"`
	Visitors  int            `json:"visitors" doc:"how many must have sent a word before it is kept"`
	Missed    int64          `json:"missed" doc:"requests passed over, since there were too many"`
}

// LearningSite is a site, and whether it is learnt from.
type LearningSite struct {
	Name     string `json:"name"`
	Learning bool   `json:"learning"`
}

// Proposal is a Spec for a kind of request that looks like something.
type Proposal struct {
	ID          string           `json:"id"`
	Site        string           `json:"site"`
	Name        string           `json:"name" doc:"of the Spec proposed"`
	Type        string           `json:"type" doc:"event type"`
	TypeName    string           `json:"type_name"`
	Says        string           `json:"says" doc:"why it is proposed"`
	Method      string           `json:"method"`
	Path        string           `json:"path"`
	ContentType string           `json:"content_type"`
	Count       int64            `json:"count" doc:"requests seen"`
	Statuses    map[string]int64 `json:"statuses" doc:"how they were answered, by class: 2xx"`
	Fields      []ProposedField  `json:"fields"`
	YAML        string           `json:"yaml"`
	NamedBy     string           `json:"named_by" doc:"name of a Spec in force that names such requests by now; empty: none"`
}

// ProposedField is a field of such requests.
type ProposedField struct {
	Source  string           `json:"source" doc:"as a Spec reads it"`
	Kinds   map[string]int64 `json:"kinds" doc:"what its values looked like, by how often"`
	Element string           `json:"element" doc:"which it is proposed to be copied to; empty: it is not"`
	Name    string           `json:"name" doc:"of that element"`
	Secret  bool             `json:"secret" doc:"left out since it holds secrets"`
}

// AcceptProposals names proposals.
type AcceptProposals struct {
	IDs []string `json:"ids" minItems:"1" maxItems:"100" uniqueItems:"true"`
}

// ProposedFile is what would be added to the policy folder.
type ProposedFile struct {
	File   string   `json:"file" doc:"a name that the policy folder does not have"`
	YAML   string   `json:"yaml"`
	Faults []string `json:"faults" doc:"what is wrong with the policy once it is there; empty: it compiles"`
}
