package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"postern/bundles"
	"postern/cmd/archive"
	"postern/cmd/bench/world"
)

// A scenario is one bundle and one way to serve it.
type scenario struct {
	name          string
	organizations int  // 0 is the demo's bundle
	unconditional bool // the server has no ETag, and sends all each time
}

func (o options) scenarios() []scenario {
	many, most := 1000, 100_000
	if o.quick {
		many, most = 100, 1000
	}
	all := []scenario{{name: "demo"}}
	if o.source == fromURL {
		all = append(all, scenario{name: "demo, no ETag", unconditional: true})
	}
	return append(all,
		scenario{name: fmt.Sprintf("%d organizations", many), organizations: many},
		scenario{name: fmt.Sprintf("%d organizations", most), organizations: most})
}

// name is a revision's name.
func name(revision int) string { return fmt.Sprintf("fleet-%d", revision) }

// bundle packs a revision of the scenario's bundle. Revisions differ in more than their name
// where they are of organizations: the second one has another role.
func (s scenario) bundle(revision int) ([]byte, error) {
	if s.organizations > 0 {
		return archive.Pack(map[string]any{
			".manifest":       world.Manifest(name(revision)),
			"model/data.json": world.Model(s.organizations, revision%2 == 0),
		})
	}
	files := map[string]any{}
	demo := bundles.Demo()
	err := fs.WalkDir(demo, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(demo, path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		return nil, err
	}
	manifest := map[string]any{}
	if text, ok := files[".manifest"].(string); ok {
		if err := json.Unmarshal([]byte(text), &manifest); err != nil {
			return nil, err
		}
	}
	manifest["revision"] = name(revision)
	files[".manifest"] = manifest
	return archive.Pack(files)
}

// archiveName is the bundle's file in the directory that is served.
const archiveName = "bundle.tar.gz"

// publish puts a revision in its place, at once, and returns its size.
func (s scenario) publish(dir string, revision int) (int, error) {
	text, err := s.bundle(revision)
	if err != nil {
		return 0, err
	}
	next := filepath.Join(dir, ".next")
	if err := os.WriteFile(next, text, 0o644); err != nil {
		return 0, err
	}
	return len(text), os.Rename(next, filepath.Join(dir, archiveName))
}
