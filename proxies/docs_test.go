package proxies

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fence is a block of a page that shows a file: its language, the file's path and its text.
var fence = regexp.MustCompile("(?ms)^```[a-z]* (testdata/[^\n]+)\n(.*?)^```$")

// TestDocs: what the pages show are the configurations that were tested, and all of them
// are shown.
func TestDocs(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	shown := map[string]bool{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
			file, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(block[1])))
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if string(file) != block[2] {
				t.Errorf("%s: the block is not what is in %s", page, block[1])
			}
			shown[block[1]] = true
		}
	}
	err = filepath.WalkDir("../testdata/proxies", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if name = strings.TrimPrefix(filepath.ToSlash(name), "../"); !shown[name] {
			t.Errorf("%s is on no page of docs", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
