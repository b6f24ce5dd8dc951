package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"postern/cmd/bench/world"
)

// A setup is what of Postern's configuration differs between scenarios.
type setup struct {
	bundle      string
	decisionLog string // a path; empty for none
	patient     bool   // what is asked once, before anything is measured, may take its time
}

// configuration writes Postern's configuration file and returns its path.
func (b *bench) configuration(s setup) (string, error) {
	log := s.decisionLog
	if log == "" {
		log = "none"
	}
	deadline := "100ms" // as it is by default
	if s.patient {
		deadline = "10s"
	}
	text := fmt.Sprintf(`http: {listen: "127.0.0.1:0"}
grpc: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0"}
bundles: [{path: %q}]
issuers: [{issuer: %q, jwks: %q, authorized_parties: [%q]}]
policy: {deadline: %s}
decision_log: %q
`, s.bundle, world.Issuer, b.jwks, world.Party, deadline, log)
	path := b.path("postern.yaml")
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// startPostern starts the program that a user would, and waits until it is ready.
func (b *bench) startPostern(ctx context.Context, s setup) (*process, error) {
	program, err := b.program(ctx, "postern", "postern/cmd/postern")
	if err != nil {
		return nil, err
	}
	path, err := b.configuration(s)
	if err != nil {
		return nil, err
	}
	p, err := launch(ctx, program, []string{"serve", "--config", path}, nil)
	if err != nil {
		return nil, err
	}
	err = until(ctx, func() error {
		if p.addresses = announced(p.errs.String()); p.addresses == nil {
			return errors.New("Postern has not said where it listens")
		}
		_, err := fetch(p.addresses["admin"], "/readyz")
		return err
	})
	if err != nil {
		p.stop()
		return nil, p.failed(err)
	}
	return p, nil
}

// announced finds in Postern's own log where it listens; nil where it does not say yet.
func announced(log string) map[string]string {
	for line := range strings.Lines(log) {
		var said struct {
			Message   string            `json:"msg"`
			Addresses map[string]string `json:"addresses"`
		}
		if json.Unmarshal([]byte(line), &said) == nil && said.Message == "serving" {
			return said.Addresses
		}
	}
	return nil
}

// fetch gets a page that must be there.
func fetch(address, path string) (string, error) {
	res, err := http.Get("http://" + address + path)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", path, res.Status, body)
	}
	return string(body), err
}

// metrics are Postern's, by name and labels as they are exposed, and their sums by name
// alone.
func (p *process) metrics() (map[string]float64, error) {
	text, err := fetch(p.addresses["admin"], "/metrics")
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		at := strings.LastIndexByte(lines.Text(), ' ')
		if at < 0 || strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		if value, err := strconv.ParseFloat(lines.Text()[at+1:], 64); err == nil {
			series := lines.Text()[:at]
			all[series] = value
			if name, _, labelled := strings.Cut(series, "{"); labelled {
				all[name] += value
			}
		}
	}
	return all, lines.Err()
}

// The counters of memoised decisions.
const (
	memoHits   = "postern_decision_memo_hits_total"
	memoMisses = "postern_decision_memo_misses_total"
)
