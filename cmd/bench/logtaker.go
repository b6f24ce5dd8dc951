package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"postern/cmd/process"
)

// What a server of decision logs has taken since it was asked last.
type taken struct {
	Records int             `json:"records"`
	Last    json.RawMessage `json:"last"`
	// Failed is why something that came was no list of records.
	Failed string `json:"failed"`
}

// takeLogs is the role of a server that takes decision logs as OPA's do. Its settings are what
// every record says.
func takeLogs(_ context.Context, in *bufio.Reader, out io.Writer) error {
	says := ""
	if err := told(in, &says); err != nil {
		return err
	}
	var mu sync.Mutex // guards all
	var all taken
	mux := http.NewServeMux()
	mux.HandleFunc("POST /logs", func(w http.ResponseWriter, r *http.Request) {
		n, last, err := readEvents(r.Body, says)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			all.Failed = err.Error()
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		all.Records, all.Last = all.Records+n, last
	})
	mux.HandleFunc("GET /taken", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(w).Encode(all) // who asked is told nothing where it is gone
		all = taken{}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return serveUntil(in, out, map[string]string{"http": l.Addr().String()}, func() error { return http.Serve(l, mux) })
}

// readEvents counts the events of a chunk by what each says, since to take all of them apart
// would take the processor from who is measured; the last one is.
func readEvents(body io.Reader, says string) (n int, last []byte, err error) {
	plain, err := gzip.NewReader(body)
	if err != nil {
		return 0, nil, err
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		return 0, nil, err
	}
	at := bytes.LastIndex(text, []byte(`{"labels":`))
	if at < 1 || text[0] != '[' || text[len(text)-1] != ']' || !json.Valid(text[at:len(text)-1]) {
		return 0, nil, fmt.Errorf("no list of events: %.200q", text)
	}
	return bytes.Count(text, []byte(says)), text[at : len(text)-1], nil
}

// takenBy asks the server.
func takenBy(p *process.Process) (n int, last []byte, err error) {
	text, err := process.Fetch(p.Addresses["http"], "/taken")
	if err != nil {
		return 0, nil, err
	}
	var t taken
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return 0, nil, err
	}
	if t.Failed != "" {
		return 0, nil, fmt.Errorf("a server of decision logs was sent something else: %s", t.Failed)
	}
	return t.Records, t.Last, nil
}
