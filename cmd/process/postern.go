package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Serve starts a program that is Postern with a configuration file, and waits until it is
// ready. What it says also goes to log, if there is one.
func Serve(ctx context.Context, log io.Writer, program, config string) (*Process, error) {
	p, err := Launch(ctx, log, program, []string{"serve", "--config", config}, nil)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, p.out) // it has nothing to say here: its end is what is waited for
		cancel()
	}()
	err = Until(waiting, func() error {
		if p.Addresses == nil {
			p.Addresses = announced(p.errs.String())
		}
		if p.Addresses == nil {
			return errors.New("it has not said where it listens")
		}
		_, err := Fetch(p.Addresses["admin"], "/readyz")
		return err
	})
	if err != nil {
		p.Stop()
		return nil, p.Failed(err)
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

// Fetch gets a page that must be there.
func Fetch(address, path string) (string, error) {
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

// Metrics are Postern's, by name and labels as they are exposed, and their sums by name
// alone.
func (p *Process) Metrics() (map[string]float64, error) {
	text, err := Fetch(p.Addresses["admin"], "/metrics")
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
