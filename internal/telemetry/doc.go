// Package telemetry is how a running Throughline tells about itself: slog JSON,
// Prometheus metrics, health. Other packages expose plain counters; cmd connects
// them here, so that nothing in the request path imports a metrics library.
package telemetry
