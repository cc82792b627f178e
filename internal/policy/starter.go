package policy

import _ "embed"

//go:embed starter.yaml
var starter string

// Starter returns the built-in policy, which is in force when none is given.
func Starter() map[string]string {
	return map[string]string{"starter.yaml": starter}
}
