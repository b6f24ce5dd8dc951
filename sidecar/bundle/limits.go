package bundle

import "fmt"

// Limits bound what one source may be. A source beyond any of them is refused before
// more than the limit is held in memory. A limit of zero allows nothing.
type Limits struct {
	// FileBytes bounds a YAML file and, in a signed source, a file that is ignored;
	// DataBytes a data.json. A manifest has a limit of its own, 64 KiB, and a signature
	// too, 8 MiB.
	FileBytes int64
	DataBytes int64
	// Module bounds a Rego file and Modules all of them, in bytes, and Tokens how many words
	// and marks they have together: parsed, one takes hundreds of bytes.
	Module  int64
	Modules int64
	Tokens  int
	// TotalBytes bounds the sum of a directory's files that are read, and an archive's
	// whole decompressed stream.
	TotalBytes int64
	// Files bounds the files and directories, ignored ones included.
	Files int
	// Depth bounds how deeply directories and data nest.
	Depth int
	// Values bounds the values of all data and the manifest, of which an object counts
	// as [objectValues]: bytes do not bound them, since two are enough for one. Nodes bounds what one YAML file may be parsed to before it is data.
	Values int
	Nodes  int
}

// DefaultLimits are generous for policies, and for data of a few hundred thousand
// organizations, or in YAML of a hundred thousand. What is just within them takes
// about half a gigabyte to read, in whatever form it takes most.
func DefaultLimits() Limits {
	return Limits{
		FileBytes:  16 << 20,
		DataBytes:  64 << 20,
		Module:     1 << 20,
		Modules:    4 << 20,
		Tokens:     400_000,
		TotalBytes: 96 << 20,
		Files:      10_000,
		Depth:      128,
		Values:     5_000_000,
		Nodes:      2_000_000,
	}
}

// maxManifestBytes bounds the manifest, and maxSignatureBytes the signature, which names
// every file.
const (
	maxManifestBytes  = 64 << 10
	maxSignatureBytes = 8 << 20
)

// bytesFor is the limit of a file's size by its kind.
func (l Limits) bytesFor(k kind) int64 {
	switch k {
	case manifestFile:
		return min(l.FileBytes, maxManifestBytes)
	case jsonData:
		return l.DataBytes
	case moduleFile, testFile:
		return l.Module
	case signatureFile:
		return min(l.FileBytes, maxSignatureBytes)
	}
	return l.FileBytes
}

// objectValues is how many values an object counts as, for the memory that it takes beside
// its members.
const objectValues = 4

// A room is what is left of the limits for values that are decoded one after another.
type room struct {
	depth        int
	values, left int
	nodes        int
}

func (l Limits) room() *room {
	return &room{depth: l.Depth, values: l.Values, left: l.Values, nodes: l.Nodes}
}

// take makes place for n values, before they are.
func (r *room) take(n int) error {
	if r.left -= n; r.left < 0 {
		r.left = 0
		return fmt.Errorf("more than %d values in the data of the bundle, where an object counts as %d", r.values, objectValues)
	}
	return nil
}
