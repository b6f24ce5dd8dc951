package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Registry starts a registry of images, empty, and returns its address. More is added to its
// configuration below http, and at the top.
func Registry(t testing.TB, http, top string) (address string) {
	t.Helper()
	binary := Program(t, "docker-registry")
	address = FreeAddress(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf(`version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: %s}
  delete: {enabled: true}
http:
  addr: %s
%s
%s
`, filepath.Join(dir, "data"), address, http, top)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	Start(t, "docker-registry", binary, "serve", config).Listens(t, address)
	return address
}
