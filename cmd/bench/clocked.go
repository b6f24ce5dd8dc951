package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"postern/sidecar/config"
	"postern/sidecar/server"
)

// clockedSettings are those of the role clocked.
type clockedSettings struct {
	Config string    `json:"config"` // a path
	Now    time.Time `json:"now"`
}

// clocked is the role of a Postern whose clock stands still until a line, a time in JSON,
// moves it; it answers with what its clock then says.
func clocked(ctx context.Context, in *bufio.Reader, out io.Writer) error {
	var settings clockedSettings
	if err := told(in, &settings); err != nil {
		return err
	}
	var now atomic.Pointer[time.Time]
	now.Store(&settings.Now)
	c, err := configured(settings.Config)
	if err != nil {
		return err
	}
	answers := json.NewEncoder(out)
	serving := make(chan error, 1)
	s, err := server.New(server.Options{
		Config: c, Now: func() time.Time { return *now.Load() },
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Serving: func(addresses map[string]string) { serving <- answers.Encode(addresses) },
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case err := <-serving:
		if err != nil {
			return err
		}
	}
	for {
		var at time.Time
		if err := told(in, &at); errors.Is(err, io.EOF) {
			stop()
			return <-ended
		} else if err != nil {
			return err
		}
		now.Store(&at)
		if err := answers.Encode(at); err != nil {
			return err
		}
	}
}

// configured reads a configuration file as serve --config does.
func configured(path string) (*config.Config, error) {
	var flags config.Flags
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.Register(set)
	if err := set.Parse([]string{"--config", path}); err != nil {
		return nil, err
	}
	return config.Load(&flags, nil)
}
