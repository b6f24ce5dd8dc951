// Package bundles embeds the example bundles that commands use without a file system.
package bundles

import (
	"embed"
	"io/fs"
)

//go:embed all:demo
var files embed.FS

// Demo is the bundle of postern demo: a SaaS with tiers, roles and role sets.
func Demo() fs.FS {
	demo, err := fs.Sub(files, "demo")
	if err != nil {
		panic("BUG: the demo bundle is not embedded: " + err.Error())
	}
	return demo
}
