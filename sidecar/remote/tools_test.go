package remote

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/testdata/harness"
)

// An nginx serves the files of a directory.
type nginx struct {
	t         testing.TB
	dir, root string
	address   string
	binary    string
	stop      func()
}

// newNginx starts nginx. In the text of the server block, ADDRESS and DIR stand for its own.
func newNginx(t testing.TB, server string) *nginx {
	t.Helper()
	n := &nginx{t: t, binary: harness.Program(t, "nginx"), dir: t.TempDir(), address: harness.FreeAddress(t)}
	n.root = filepath.Join(n.dir, "root")
	if err := os.Mkdir(n.root, 0o755); err != nil {
		t.Fatal(err)
	}
	if server == "" {
		server = "listen ADDRESS;"
	}
	server = strings.NewReplacer("ADDRESS", n.address, "DIR", n.dir).Replace(server)
	writeFile(t, filepath.Join(n.dir, "nginx.conf"), fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http {
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  log_format asked '$request_method $uri $status etag=$http_if_none_match auth=$http_authorization referer=$http_referer agent=$http_user_agent prefer=$http_prefer';
  access_log %[1]s/access.log asked;
  default_type application/gzip;
  server { root %[1]s/root; %[2]s }
}`, n.dir, server))
	n.start()
	return n
}

func (n *nginx) start() {
	n.t.Helper()
	p := harness.Start(n.t, "nginx", n.binary, "-e", "stderr", "-c", filepath.Join(n.dir, "nginx.conf"))
	p.Listens(n.t, n.address)
	n.stop = p.Stop
}

// put replaces a file, with a time of its own, of which nginx makes the ETag.
func (n *nginx) put(name string, content []byte) {
	n.t.Helper()
	path := filepath.Join(n.root, name)
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		n.t.Fatal(err)
	}
	at := time.Unix(1_700_000_000+time.Now().UnixNano()%100_000_000, 0)
	if err := os.Chtimes(path+".new", at, at); err != nil {
		n.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		n.t.Fatal(err)
	}
}

func (n *nginx) remove(name string) {
	n.t.Helper()
	if err := os.Remove(filepath.Join(n.root, name)); err != nil {
		n.t.Fatal(err)
	}
}

// log is a line for each request.
func (n *nginx) log() string {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.dir, "access.log"))
	if err != nil {
		n.t.Fatal(err)
	}
	return string(text)
}
