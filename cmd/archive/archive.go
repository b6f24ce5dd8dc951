// Package archive packs bundles for the soak and the fleet.
package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"slices"
)

// Pack makes a .tar.gz of files by their names. What is no text is written as JSON. The same
// files give the same bytes.
func Pack(files map[string]any) ([]byte, error) {
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	all := tar.NewWriter(packed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text, ok := files[name].(string)
		if !ok {
			encoded, err := json.Marshal(files[name])
			if err != nil {
				return nil, err
			}
			text = string(encoded)
		}
		if err := all.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return nil, err
		}
		if _, err := all.Write([]byte(text)); err != nil {
			return nil, err
		}
	}
	if err := all.Close(); err != nil {
		return nil, err
	}
	if err := packed.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
