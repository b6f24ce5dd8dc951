package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"postern/cmd/process"
	"postern/cmd/soak/world"
)

// How long Postern may take until all is well again, once nothing is wrong any more.
const recovery = 30 * time.Second

// calm ends what is wrong, waits until Postern has the last revision, asks about that one
// alone, and fills in what is measured of a Postern that runs.
func (s *soak) calm(ctx context.Context, r *report) error {
	s.logs.Settle()
	newest, err := s.bundles.Settle()
	if err == nil {
		err = errors.Join(s.remote.Settle(), s.file.Settle())
	}
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	if err := process.Until(waiting, func() error { return s.inForce(newest) }); err != nil {
		return fmt.Errorf("after all is well: %w", err)
	}
	s.j.seen.Store(int64(newest))
	asking, stop := context.WithTimeout(ctx, min(s.lasts/10, 5*time.Second))
	defer stop()
	s.traffic.run(asking, s.seed+1)
	if err := s.traffic.quiet(s.sample); err != nil {
		return err
	}
	m, err := s.written(ctx)
	if err != nil {
		return err
	}
	r.reloads = map[string]float64{"ok": m[`postern_bundle_reloads_total{result="ok"}`], "error": m[`postern_bundle_reloads_total{result="error"}`]}
	r.lost, r.decisions = m[lostRecords], m[decisionsMade]
	r.unread = m["postern_decisions_total"] - r.decisions
	r.growths, err = growths(s.samples, s.lasts)
	return err
}

// written returns the metrics once all records have come, or have had the time to. A file is
// read to its end when Postern has ended; a server must be sent all before that.
func (s *soak) written(ctx context.Context) (map[string]float64, error) {
	for end := time.Now().Add(recovery); ; {
		m, err := s.postern.Metrics()
		lines, _ := s.records.counts()
		if err != nil || s.log == fromPath || time.Now().After(end) || ctx.Err() != nil ||
			float64(lines)+m[lostRecords] == m[decisionsMade] {
			return m, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// The metrics of the decision log: what it lost, and what it should have. What could not be
// read is counted among the decisions, and is neither timed nor logged.
const (
	lostRecords   = "postern_decision_log_lost_total"
	decisionsMade = "postern_decision_duration_seconds_count"
)

// inForce asks Postern's status for the revision that decides.
func (s *soak) inForce(revision int) error {
	text, err := process.Fetch(s.postern.Addresses["admin"], "/v1/status")
	if err != nil {
		return err
	}
	var status struct{ Bundle *struct{ Revision string } }
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return err
	}
	if status.Bundle == nil || status.Bundle.Revision != world.Name(revision) {
		return fmt.Errorf("%s is not in force: %+v", world.Name(revision), status.Bundle)
	}
	return nil
}
