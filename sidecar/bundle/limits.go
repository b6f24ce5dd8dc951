package bundle

// Limits bound what one source may be. A source beyond any of them is refused before
// more than the limit is held in memory. A limit of zero allows nothing.
type Limits struct {
	// FileBytes bounds a module, a YAML file and, in a signed source, a file that is
	// ignored; DataBytes a data.json. A manifest has a limit of its own, 64 KiB, and a
	// signature too, 8 MiB.
	FileBytes int64
	DataBytes int64
	// TotalBytes bounds the sum of a directory's files that are read, and an archive's
	// whole decompressed stream.
	TotalBytes int64
	// Files bounds the files and directories, ignored ones included.
	Files int
	// Depth bounds how deeply directories and data nest.
	Depth int
}

// DefaultLimits are generous for policies, and for data of a few hundred thousand
// organizations.
func DefaultLimits() Limits {
	return Limits{
		FileBytes:  16 << 20,
		DataBytes:  64 << 20,
		TotalBytes: 96 << 20,
		Files:      10_000,
		Depth:      128,
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
	case signatureFile:
		return min(l.FileBytes, maxSignatureBytes)
	}
	return l.FileBytes
}
