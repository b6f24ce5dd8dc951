package audit

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/sidecar/logmask"
)

func usual() Record {
	return Record{
		ID: "01234567-89ab-4def-8123-456789abcdef", Time: time.Now().UTC(), Door: "check", Question: []byte(`{"any":[{"permission":"org:invoices:read"}]}`),
		Issuer: "https://clerk.example.com", User: "user_1", Session: "sess_1", Organization: "org_1", Allow: true, Status: 200, Revision: "1", Digest: strings.Repeat("a", 64), Engine: "opa 1.22.2", Nanoseconds: 2000,
	}
}

// BenchmarkWrite is what a request waits for, while the writer works beside it.
func BenchmarkWrite(b *testing.B) {
	f := func(name string, o Options, m Mask) {
		b.Run(name, func(b *testing.B) {
			o.Buffer = 1 << 30
			l := opened(b, o)
			r := usual()
			r.Mask = m
			b.ReportAllocs()
			for b.Loop() {
				if !l.Write(&r) {
					b.Fatal("there is no room")
				}
			}
			b.StopTimer()
			shut(l)
			if l.Lost() > 0 {
				b.Errorf("%d records lost", l.Lost())
			}
		})
	}
	path := filepath.Join(b.TempDir(), "d")
	f("file", Options{To: path}, nil)
	f("rotated", Options{To: path + ".r", Rotate: Rotate{Size: 64 << 20, Keep: 2}}, nil)
	f("mask", Options{To: path + ".m"}, fixed(false, nil, logmask.Edit{Pointer: "/user"}))
	o := take(b).options()
	o.Upload.Chunk = 1 << 20
	f("upload", o, nil)
}

// BenchmarkEncode is what the writer spends on a record: as it is, as an event, and masked.
func BenchmarkEncode(b *testing.B) {
	r := usual()
	b.Run("line", func(b *testing.B) {
		b.ReportAllocs()
		var line []byte
		for b.Loop() {
			line = withoutTokens(r.appendLine(line[:0]))
		}
	})
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		e, line := event{labels: []byte(`{}`), bundle: "b"}, r.appendLine(nil)
		var text []byte
		for b.Loop() {
			var err error
			if text, err = e.append(text[:0], line); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("mask", func(b *testing.B) {
		b.ReportAllocs()
		line := r.appendLine(nil)
		r.Mask = fixed(false, nil, logmask.Edit{Pointer: "/user"}, logmask.Edit{Pointer: "/session", Value: []byte(`"x"`)})
		for b.Loop() {
			if _, reduced := r.masked(b.Context(), line); reduced {
				b.Fatal("not masked")
			}
		}
	})
}
