//go:build !race

package element

const raceDetector = false
