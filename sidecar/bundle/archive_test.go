package bundle

import (
	"archive/tar"
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

var small = files{"a/data.json": `{"b": 1}`, "x.rego": "package x\ny := 1"}

func refusedArchive(t *testing.T, want string, archive []byte) {
	t.Helper()
	refused(t, want, write(t, archive))
}

func TestArchive_names(t *testing.T) {
	data := `{"b": 1}`
	f := func(name, want string) {
		t.Helper()
		archive := zip(t, tarball(t, regular(name, data)))
		if want == "" {
			b := load(t, write(t, archive))
			if b.Files[0].Path != "a/data.json" {
				t.Errorf("%q is read as %q, want a/data.json", name, b.Files[0].Path)
			}
			return
		}
		refusedArchive(t, want, archive)
	}
	f("a/data.json", "")
	f("/a/data.json", "")
	f("./a/data.json", "")
	f("//a/data.json", "absolute")
	f("././a/data.json", "empty, . or .. part")
	f("/./a/data.json", "empty, . or .. part")
	f("./../a/data.json", "empty, . or .. part")
	f("../a/data.json", "empty, . or .. part")
	f("../../etc/p.rego", "empty, . or .. part")
	f("/../a/data.json", "empty, . or .. part")
	f("a/../../b/data.json", "empty, . or .. part")
	f("a/./data.json", "empty, . or .. part")
	f("a//data.json", "empty, . or .. part")
	f(`a\data.json`, "backslash")
	f(`a\..\b`, "backslash")
	f(`C:\x`, "backslash")
	f("C:/data.json", "drive letter")
	f("c:data.json", "drive letter")
	f("/etc/cron.d/x", "absolute")
	f("a\n/data.json", "control character")
	f("a\x1b/data.json", "control character")
	f("a\u202e/data.json", "control character")
	f("a\xff/data.json", "not valid UTF-8")
	f(strings.Repeat("a", 1100)+"/data.json", "longer than 1024 bytes")
	f(strings.Repeat("a/", 200)+"data.json", "directories deep")
	f("x.manifest", "one manifest")
	f("a/.manifest", "one manifest")
	f(".manifest.pb", "one manifest")
	f(".signatures.json", "signed")
	f("policy.wasm", "WebAssembly")
	f("plan.json", "query plans")
	f("patch.json", "delta bundle")
}

func TestArchive_entries(t *testing.T) {
	f := func(want string, entries ...entry) {
		t.Helper()
		refusedArchive(t, want, zip(t, tarball(t, append([]entry{regular("a/data.json", `{"b": 1}`)}, entries...)...)))
	}
	of := func(flag byte, name, link string) entry {
		return entry{tar.Header{Typeflag: flag, Name: name, Linkname: link}, ""}
	}
	f("x.rego: is a symbolic link", of(tar.TypeSymlink, "x.rego", "/etc/passwd"))
	f("README: is a symbolic link", of(tar.TypeSymlink, "README", "a/data.json"))
	f("x.rego: is a hard link", of(tar.TypeLink, "x.rego", "a/data.json"))
	f("x.rego: is a FIFO", of(tar.TypeFifo, "x.rego", ""))
	f("x.rego: is a device", of(tar.TypeChar, "x.rego", ""))
	f("x.rego: is a device", of(tar.TypeBlock, "x.rego", ""))
	f("x.rego: is an entry of type", of(tar.TypeCont, "x.rego", ""))
	f("a/data.json: is there twice", regular("a/data.json", `{"b": 1}`))
	f("a/data.json: is there twice", regular("/a/data.json", `{"b": 1}`))
	f("a/data.json: is there twice", regular("./a/data.json", `{"b": 1}`))
	f("x.rego: is there twice", regular("x.rego", "package x"), regular("x.rego", "package x"))
	f(".manifest: is there twice", regular(".manifest", "{}"), regular(".manifest", "{}"))
	f("README: is there twice", regular("README", ""), regular("README", ""))
	f("A.rego and a.rego differ only in case", regular("A.rego", "package x"), regular("a.rego", "package y"))
	f("a and A differ only in case", regular("A/b.rego", "package x"))
	f("x.rego: is a directory, not a file", of(tar.TypeDir, "x.rego/", ""))
	f("y: is a file and a directory", regular("y", "z"), regular("y/x.rego", "package x"))
	f("y: is a file and a directory", regular("y", "z"), of(tar.TypeDir, "y/", ""))
	f("global PAX record", entry{tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"path": "x.rego"}}, ""})

	b := load(t, write(t, zip(t, tarball(t, of(tar.TypeDir, "./", ""), of(tar.TypeDir, "./a/", ""),
		entry{tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "c0ffee"}}, ""},
		regular("./a/data.json", `{"b": 1}`), regular(".git/x.rego", "not Rego"), regular("a/.x.rego.swp", "x")))))
	if len(b.Files) != 1 || len(b.Warnings) != 2 {
		t.Errorf("files = %v, warnings = %q; want one and two", b.Files, b.Warnings)
	}
}

// header is a ustar header made by hand, with a size field of the caller's.
func header(name string, flag byte, size string) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:136], size)
	copy(h[136:], "00000000000\x00")
	h[156] = flag
	copy(h[257:], "ustar\x0000")
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

func TestArchive_sizePromises(t *testing.T) {
	f := func(want string, stream ...[]byte) {
		t.Helper()
		archive := zip(t, bytes.Join(append(stream, make([]byte, 1024)), nil))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		refusedArchive(t, want, archive)
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
			t.Errorf("%q: allocated %d bytes for an archive of %d", want, grown, len(archive))
		}
	}
	octal := func(n int64) string { return fmt.Sprintf("%011o\x00", n) }
	base256 := func(first byte, rest ...byte) string {
		b := make([]byte, 12)
		b[0] = first
		copy(b[12-len(rest):], rest)
		return string(b)
	}
	f("data.json: 419430400 bytes are more than the limit", header("data.json", '0', octal(400<<20)), []byte("{}"))
	f("read data.json: unexpected EOF", header("data.json", '0', octal(40<<20)), []byte("{}"))
	f("bytes are more than the limit", header("data.json", '0', base256(0x80, 0x7f, 0, 0, 0, 0, 0, 0)), []byte("{}"))
	f("tar header", header("data.json", '0', strings.Repeat("\xff", 12)), []byte("{}"))
	f("tar header", header("data.json", '0', "not a number"), []byte("{}"))
	// An old GNU sparse file of 400 MiB without any data.
	sparse := header("data.json", 'S', octal(0))
	copy(sparse[257:], "ustar  \x00")
	copy(sparse[483:], octal(400<<20))
	copy(sparse[148:], "        ")
	sum := 0
	for _, c := range sparse {
		sum += int(c)
	}
	copy(sparse[148:], fmt.Sprintf("%06o\x00 ", sum))
	f("data.json: is a sparse file", sparse)
}

// pax is an extended header with the records given.
func pax(records ...string) []byte {
	body := ""
	for _, r := range records {
		n := len(r) + 3
		for len(fmt.Sprint(n))+2+len(r) != n {
			n = len(fmt.Sprint(n)) + 2 + len(r)
		}
		body += fmt.Sprintf("%d %s\n", n, r)
	}
	block := make([]byte, (len(body)+511)/512*512)
	copy(block, body)
	return append(header("PaxHeaders/x", 'x', fmt.Sprintf("%011o\x00", len(body))), block...)
}

func TestArchive_paxRecords(t *testing.T) {
	body := make([]byte, 512)
	copy(body, `{"b": 1}`)
	file := append(header("data.json", '0', fmt.Sprintf("%011o\x00", 8)), body...)
	end := make([]byte, 1024)
	stream := func(records ...string) []byte {
		return zip(t, bytes.Join([][]byte{pax(records...), file, end}, nil))
	}
	load(t, write(t, stream("comment=x")))
	refusedArchive(t, `PAX record "size"`, stream("size=8"))
	refusedArchive(t, `PAX record "size"`, stream("size=419430400"))
	refusedArchive(t, "tar header", stream("size=-1"))
	refusedArchive(t, `changes the size`, stream("GNU.sparse.size=419430400", "GNU.sparse.numblocks=1", "GNU.sparse.map=0,8"))
	refusedArchive(t, "tar header", stream("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=data.json", "GNU.sparse.realsize=8"))
	refusedArchive(t, ". or .. part", stream("path=../data.json"))
	refusedArchive(t, "tar header", stream("path=a\x00/data.json"))
	refusedArchive(t, "tar header", stream("path="+strings.Repeat("a", 2<<20)))
}

func TestArchive_cutShort(t *testing.T) {
	archive := archived(t, small)
	for n := range archive {
		if b, err := readArchive(t.Context(), DefaultLimits(), false, bytes.NewReader(archive[:n])); err == nil {
			t.Fatalf("the first %d of %d bytes are read as %v", n, len(archive), b)
		}
	}
	stream := tarball(t, regular("a/data.json", `{"b": 1}`))
	for n := 0; n < len(stream); n += 256 {
		if b, err := readArchive(t.Context(), DefaultLimits(), false, bytes.NewReader(zip(t, stream[:n]))); err == nil {
			t.Fatalf("the first %d of %d bytes of the tar stream are read as %v", n, len(stream), b)
		}
	}
}

func TestArchive_afterTheEnd(t *testing.T) {
	archive := archived(t, small)
	refusedArchive(t, "data follows the end of the archive", append(bytes.Clone(archive), 'x'))
	refusedArchive(t, "data follows the end of the archive", append(bytes.Clone(archive), 0))
	refusedArchive(t, "data follows the end of the archive", append(bytes.Clone(archive), archived(t, files{"z.rego": "package z"})...))
	stream := tarball(t, regular("a/data.json", `{"b": 1}`))
	refusedArchive(t, "data follows the last entry", zip(t, append(bytes.Clone(stream), stream...)))
	refusedArchive(t, "data follows the last entry", zip(t, append(append(bytes.Clone(stream), make([]byte, 9000)...), 'x')))
	load(t, write(t, zip(t, append(bytes.Clone(stream), make([]byte, 10240)...))))
}

func TestArchive_checksum(t *testing.T) {
	archive := archived(t, small)
	for i := range 8 {
		bad := bytes.Clone(archive)
		bad[len(bad)-1-i] ^= 1
		refusedArchive(t, "checksum", bad)
	}
	refusedArchive(t, "invalid header", []byte("package x\nallow := true"))
	refusedArchive(t, "the file is empty", nil)
	refusedArchive(t, "invalid header", tarball(t, regular("a/data.json", `{"b": 1}`)))
}

func TestArchive_bombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	limits := DefaultLimits()
	limits.TotalBytes = 4 << 20
	f := func(want string, stream []byte) {
		t.Helper()
		_, err := readArchive(t.Context(), limits, false, bytes.NewReader(zip(t, stream)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("readArchive = %v, want %q", err, want)
		}
	}
	// Files that are not even read count, since they are decompressed.
	f("larger when decompressed", tarball(t, regular("a.bin", strings.Repeat(zeros, 5))))
	var entries []entry
	for i := range 10 {
		entries = append(entries, regular(fmt.Sprintf("%d/data.json", i), zeros[:900<<10]))
	}
	f("larger", tarball(t, entries...))
	f("larger when decompressed", append(tarball(t, regular("a/data.json", `{"b": 1}`)), make([]byte, 5<<20)...))

	var many []entry
	for i := range 10_001 {
		many = append(many, regular(fmt.Sprintf("%d", i), ""))
	}
	limits.TotalBytes = 256 << 20
	f("more than 10000 files", tarball(t, many...))
}

func FuzzLoadArchive(f *testing.F) {
	f.Add(archived(f, small))
	f.Add(archived(f, good))
	f.Add(zip(f, tarball(f, regular("../x.rego", "package x"))))
	f.Add(zip(f, header("data.json", '0', "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	limits := Limits{FileBytes: 1 << 16, DataBytes: 1 << 16, TotalBytes: 1 << 18, Files: 100, Depth: 32}
	f.Fuzz(func(t *testing.T, archive []byte) {
		tr, err := readArchive(t.Context(), limits, false, bytes.NewReader(archive))
		if err != nil {
			return
		}
		for _, file := range tr.files {
			if checkName(file.path) != nil {
				t.Fatalf("the name %q passed", file.path)
			}
		}
		b, err := assemble(t.Context(), limits, []*tree{tr})
		if (b == nil) != (err != nil) {
			t.Fatalf("assemble = %v, %v: want one of them", b, err)
		}
	})
}

// FuzzLoadData fuzzes what stands in the files rather than around them.
func FuzzLoadData(f *testing.F) {
	f.Add(`{"model": {"roles": {"a": {}}}}`, "a: 1\n", "package x\ny := 1\n", `{"roots": [""]}`)
	f.Add(`{"a": 1e999999}`, "a: &x [*x]\n", "package postern[\"session\"]", `{"metadata": {"postern": {"entrypoints": {"check": "a/b"}}}}`)
	f.Add(`[`, "<<: {a: yes}", "package postern.extend\ndeny.x contains 1", `{"roots": ["a", "a/b"]}`)
	f.Fuzz(func(t *testing.T, inJSON, inYAML, rego, manifest string) {
		tr := newTree(DefaultLimits(), false)
		content := files{"data.json": inJSON, "a/data.yaml": inYAML, "x.rego": rego, ".manifest": manifest}
		for name, text := range content {
			if err := tr.take(name, strings.NewReader(text), int64(len(text))); err != nil {
				return
			}
		}
		tr.done()
		b, err := assemble(t.Context(), DefaultLimits(), []*tree{tr})
		if (b == nil) != (err != nil) {
			t.Fatalf("assemble = %v, %v: want one of them", b, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x00\x1b\r") {
			t.Fatalf("raw control characters in %q", err)
		}
	})
}
