package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"postern/cmd/process"
)

// An nginx serves one directory.
type nginx struct {
	process *process.Process
	address string
	log     string // the path of its access log
}

// startNginx serves www below dir. Unconditional, it has neither ETag nor Last-Modified.
func startNginx(ctx context.Context, dir string, unconditional bool) (*nginx, error) {
	binary, err := exec.LookPath("nginx")
	if err != nil {
		binary = "/usr/sbin/nginx" // not on everybody's path
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &nginx{address: l.Addr().String(), log: filepath.Join(dir, "access.log")}
	if err := l.Close(); err != nil { // nginx cannot be given a listener, and no port 0
		return nil, err
	}
	conditional := ""
	if unconditional {
		conditional = "etag off; if_modified_since off; max_ranges 0; add_header Last-Modified '';"
	}
	text := fmt.Sprintf(`worker_processes 1;
events { worker_connections 4096; }
http {
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    log_format fleet '$msec $status $bytes_sent';
    access_log %s fleet;
    types { application/gzip gz; }
    server { listen %s; root %s; %s }
}
`, n.log, n.address, filepath.Join(dir, "www"), conditional)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return nil, err
	}
	globals := "daemon off; error_log stderr; pid " + filepath.Join(dir, "nginx.pid") + ";"
	if os.Geteuid() == 0 {
		globals += " user root;" // for its files in dir
	}
	if n.process, err = process.Launch(ctx, nil, binary, []string{"-p", dir, "-e", "stderr", "-c", path, "-g", globals}, nil); err != nil {
		return nil, err
	}
	err = process.Until(ctx, func() error {
		res, err := http.Head("http://" + n.address + "/" + archiveName)
		if err != nil {
			return err
		}
		_ = res.Body.Close() // of a HEAD
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	})
	if err != nil {
		n.process.Stop()
		return nil, n.process.Failed(err)
	}
	return n, nil
}

// A seen is what the server saw in some time.
type seen struct {
	requests       int
	notModified    int
	whole          int
	bytes          int // sent, headers and all
	bytesUnchanged int // of the 304s
	others         map[int]int
}

// between counts what the access log has from one time to another.
func (n *nginx) between(from, to time.Time) (seen, error) {
	s := seen{others: map[int]int{}}
	file, err := os.Open(n.log)
	if err != nil {
		return s, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var at float64
		var status, sent int
		if _, err := fmt.Sscan(lines.Text(), &at, &status, &sent); err != nil {
			return s, fmt.Errorf("a line of nginx's log: %w: %q", err, lines.Text())
		}
		when := time.UnixMilli(int64(at * 1000))
		if when.Before(from) || !when.Before(to) {
			continue
		}
		s.requests++
		s.bytes += sent
		switch status {
		case http.StatusNotModified:
			s.notModified++
			s.bytesUnchanged += sent
		case http.StatusOK:
			s.whole++
		default:
			s.others[status]++
		}
	}
	return s, lines.Err()
}
