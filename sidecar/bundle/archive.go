package bundle

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"postern/sidecar/phrase"
)

// readArchive reads a .tar.gz stream to its very end: entries, the zeros after them, the
// checksum and length of gzip (RFC 1952 section 2.3.1), and nothing behind it.
func readArchive(ctx context.Context, limits Limits, signed bool, r io.Reader) (*tree, error) {
	// gzip takes no more than it needs from a reader of bytes, so what follows is seen.
	raw := bufio.NewReader(canceledReader{ctx, r})
	gz, err := gzip.NewReader(raw)
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the file is empty")
	case err != nil:
		return nil, fmt.Errorf("read as .tar.gz: %w", err)
	}
	gz.Multistream(false)
	stream := &bounded{r: gz, left: limits.TotalBytes}
	t := newTree(limits, signed)
	if err := t.untar(tar.NewReader(stream)); err != nil {
		return nil, err
	}
	if err := stream.finish(); err != nil {
		return nil, err
	}
	if _, err := raw.ReadByte(); err == nil {
		return nil, errors.New("data follows the end of the archive")
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read to the end of the archive: %w", err)
	}
	t.done()
	return t, nil
}

func (t *tree) untar(tr *tar.Reader) error {
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read tar header %d: %w", t.entries+1, err)
		}
		if err := t.unpack(header, tr); err != nil {
			return err
		}
	}
}

// unpack takes one entry.
func (t *tree) unpack(header *tar.Header, r io.Reader) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return checkGlobal(header)
	}
	if err := checkRecords(header); err != nil {
		return err
	}
	directory := header.Typeflag == tar.TypeDir
	name, absolute := local(header.Name, directory)
	if directory && name == "" {
		return nil
	}
	if err := t.enter(name, directory); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if header.Size != 0 {
			return fmt.Errorf("%s: a directory with content", name)
		}
		return nil
	case tar.TypeReg:
	default:
		return fmt.Errorf("%s: is %s, and only files and directories are read", name, entryType(header.Typeflag))
	}
	if k, err := t.kindOf(name); absolute && err == nil && k == ignoredFile {
		return fmt.Errorf("name %s is absolute", phrase.Quote(header.Name))
	}
	return t.take(name, r, header.Size)
}

// local strips the one "/" or "./" that opa build or tar put before a name, and the
// slash after that of a directory. What is wrong with the rest is left in.
func local(name string, directory bool) (rest string, absolute bool) {
	rest, absolute = strings.CutPrefix(name, "/")
	if !absolute {
		rest = strings.TrimPrefix(name, "./")
	}
	if directory {
		rest = strings.TrimSuffix(rest, "/")
		if rest == "." {
			rest = ""
		}
	}
	return rest, absolute
}

// checkRecords refuses PAX records that change what an entry's bytes are.
func checkRecords(header *tar.Header) error {
	for key := range header.PAXRecords {
		if key == "size" || strings.HasPrefix(key, "GNU.sparse.") {
			return fmt.Errorf("%s: PAX record %s changes the size of the entry", phrase.Quote(header.Name), phrase.Quote(key))
		}
	}
	return nil
}

// checkGlobal accepts the comment that git archive writes, and no other global record:
// what such a record does to later entries differs between readers.
func checkGlobal(header *tar.Header) error {
	for key := range header.PAXRecords {
		if key != "comment" {
			return fmt.Errorf("global PAX record %s is not supported", phrase.Quote(key))
		}
	}
	return nil
}

// entryType names what a tar entry is.
func entryType(flag byte) string {
	switch flag {
	case tar.TypeLink:
		return "a hard link"
	case tar.TypeSymlink:
		return "a symbolic link"
	case tar.TypeChar, tar.TypeBlock:
		return "a device"
	case tar.TypeFifo:
		return "a FIFO"
	case tar.TypeGNUSparse:
		return "a sparse file"
	}
	return fmt.Sprintf("an entry of type %q", flag)
}

// tarEnd is how many zero octets end a tar archive: two blocks.
const tarEnd = 2 * 512

// bounded reads a stream up to a limit and counts the zeros that it ends in.
type bounded struct {
	r     io.Reader
	left  int64
	zeros int64
}

var errTooLarge = errors.New("the archive is larger when decompressed than the limit of all files")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return n, errTooLarge
	}
	b.count(p[:n])
	return n, err
}

// count keeps the length of the run of zeros at the end of all that was read.
func (b *bounded) count(p []byte) {
	end := len(p)
	for end > 0 && p[end-1] == 0 {
		end--
	}
	if end > 0 {
		b.zeros = 0
	}
	b.zeros += int64(len(p) - end)
}

// finish reads what is left after the last entry, which must be zeros, and so reaches
// gzip's checksum.
func (b *bounded) finish() error {
	rest := make([]byte, 4096)
	for {
		n, err := b.Read(rest)
		if b.zeros < int64(n) {
			return errors.New("data follows the last entry of the archive")
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read to the end of the archive: %w", err)
		}
	}
	if b.zeros < tarEnd {
		return errors.New("the archive has no end mark: it is cut short")
	}
	return nil
}
