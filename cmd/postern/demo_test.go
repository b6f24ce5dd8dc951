package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

var curlLine = regexp.MustCompile(`^curl -si? (?:-H 'Authorization: (Bearer [^']+)' )?(?:-d '([^']+)' )?(http://\S+)$`)

// TestDemo runs the demo and every curl line that it prints: each answer is the one that
// the line's title promises. Then it interrupts the demo, which must end well.
func TestDemo(t *testing.T) {
	out, printed := io.Pipe()
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		var log strings.Builder
		ended <- execute(ctx, []string{"demo", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, strings.NewReader(""), printed, &log)
		printed.CloseWithError(io.EOF)
		if log.Len() > 0 {
			t.Errorf("the demo logged:\n%s", log.String())
		}
	}()
	lines := bufio.NewScanner(out)
	title, ran := "", 0
	for lines.Scan() {
		if about, ok := strings.CutPrefix(lines.Text(), "# "); ok {
			title = about
			continue
		}
		m := curlLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		ran++
		answer, header := curl(t, m[1], m[2], m[3])
		if _, expect, ok := strings.Cut(title, ": "); ok && outcome(t, answer) != expect {
			t.Errorf("%s\n%s\nis answered\n%s", title, lines.Text(), answer)
		}
		if strings.HasSuffix(m[3], "/v1/session") && !strings.Contains(answer, `"plan":"free"`) {
			t.Errorf("session: %s", answer)
		}
		if strings.HasSuffix(m[3], "/ext_authz/invoices/7") && (answer != "" || header.Get("X-Postern-User") != "user_ada" || header.Get("X-Postern-Role") != "org:admin") {
			t.Errorf("the answer to Envoy has the body %q and the headers %v", answer, header)
		}
		if strings.HasSuffix(m[3], "/v1/status") {
			if !strings.Contains(answer, `"revision": "demo-1"`) {
				t.Errorf("status: %s", answer)
			}
			break
		}
	}
	interrupt()
	go io.Copy(io.Discard, out)
	select {
	case code := <-ended:
		if code != exitOK {
			t.Errorf("the demo ended with %d", code)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the demo did not end")
	}
	if ran < 12 {
		t.Errorf("%d curl lines ran, want 12", ran)
	}
}

// curl does what a printed line would.
func curl(t *testing.T, authorization, body, url string) (answer string, header http.Header) {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl -d says
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", url, res.StatusCode, text, err)
	}
	return string(text), res.Header
}

// outcome is allow, or the codes of a denial.
func outcome(t *testing.T, answer string) string {
	t.Helper()
	var d struct {
		Allow   bool
		Reasons []struct{ Code string }
	}
	if err := json.Unmarshal([]byte(answer), &d); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	if d.Allow {
		return "allow"
	}
	var codes []string
	for _, r := range d.Reasons {
		codes = append(codes, r.Code)
	}
	return strings.Join(codes, " ")
}
