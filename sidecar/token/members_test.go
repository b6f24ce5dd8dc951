package token

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// scanned are the members of data as the scan finds them, name and value in turn.
func scanned(data []byte) (found [][]byte, ok bool) {
	var m Members
	if !m.Scan(data) {
		return nil, false
	}
	for i := range m.Len() {
		name, value := m.At(i)
		found = append(found, name, value)
	}
	return found, true
}

// read are the members of data as the library finds them.
func read(data []byte) (found [][]byte, err error) {
	err = eachMemberRead(data, func(name []byte, value jsontext.Value) error {
		found = append(found, bytes.Clone(name), value.Clone())
		return nil
	})
	return found, err
}

// agree fails the test if the scan takes what the library refuses, or finds other members.
func agree(t *testing.T, data []byte) (taken bool) {
	t.Helper()
	got, ok := scanned(data)
	if !ok {
		return false
	}
	want, err := read(data)
	if err != nil {
		t.Fatalf("Scan(%q) takes what is refused: %v", data, err)
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Fatalf("Scan(%q) = %q, want %q", data, got, want)
	}
	return true
}

// scanSeeds are objects that the scan takes, for tests and fuzzing.
var scanSeeds = []string{
	`{}`, `{"":1}`, `{ "a" : "b" ,` + "\r\n\t" + `"c":[ ] , "d" : { } }`, `{"a":[1,-0,0.5,1e9,1E+9,-1.5e-07,10]}`,
	`{"a":true,"b":false,"c":null}`, `{"a":{"a":{"a":1},"b":{"a":2}},"b":[{"a":1},{"a":2}]}`, `{"é":"😀","x":"` + "\x7f" + `"}`,
	`{"a":"\"\\\/\b\f\n\r\t","b":"\\"}`, `{"a":"[[{{","b":"}]"}`, `{"a":"","b":{"":""}}`, goodClaims, goodHeader,
	`{"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, manyNames(scanNames),
}

// manyNames is an object with n members.
func manyNames(n int) string {
	var members []string
	for i := range n {
		members = append(members, fmt.Sprintf(`"m%d":%d`, i, i))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestMembers_scan(t *testing.T) {
	for _, data := range scanSeeds {
		if !agree(t, []byte(data)) {
			t.Errorf("Scan(%q) does not take it", data)
		}
	}
	// What is good, but for the library to say.
	for _, data := range []string{
		`{"\u0061":1}`, `{"\/":1}`, `{"a":"\u00e9"}`, `{"a":"\ud83d\ude00"}`, manyNames(scanNames + 1),
		`{"a":` + manyNames(scanNames) + `}`, `{"a":"` + strings.Repeat("a", scanBytes) + `"}`,
	} {
		if _, ok := scanned([]byte(data)); ok {
			t.Errorf("Scan(%.40q) takes it", data)
		}
		if _, err := read([]byte(data)); err != nil {
			t.Errorf("read(%.40q): %v", data, err)
		}
	}
	for _, data := range notScanned {
		if _, ok := scanned([]byte(data)); ok {
			t.Errorf("Scan(%q) takes it", data)
		}
		if _, err := read([]byte(data)); err == nil {
			t.Errorf("read(%q) takes it", data)
		}
	}
}

// notScanned is what nobody may take.
var notScanned = []string{
	``, ` `, `{`, `}`, `{}}`, `{{}}`, `{}{}`, ` {}`, `{} `, `[]`, `null`, `"a"`, `1`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,"a":1}`, `{"a":1 "b":2}`,
	`{"a" 1}`, `{"a"::1}`, `{a:1}`, `{1:1}`, `{'a':1}`, `{"a":1;"b":2}`, `{"a":1`, `{"a":{}`, `{"a":[}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`, `{"a":[1}]`, `{"a":{]}`,
	`{"a":01}`, `{"a":-}`, `{"a":+1}`, `{"a":.5}`, `{"a":1.}`, `{"a":1.e5}`, `{"a":1e}`, `{"a":1e+}`, `{"a":0x1}`, `{"a":-01}`, `{"a":NaN}`, `{"a":1_0}`, `{"a":--1}`,
	`{"a":tru}`, `{"a":truee}`, `{"a":True}`, `{"a":nul`, `{"a":fals}`, `{"a":nullnull}`, `{"a":"b}`, `{"a":"\}`, `{"a":"\"}`, `{"a":"\x"}`, `{"a":"\'"}`, `{"a":"\u12"}`,
	"{\"a\":\"\x00\"}", "{\"a\":\"\x1f\"}", "{\"a\":\"\n\"}", "{\"a\n\":1}", "{\"a\":\"\xff\"}", "{\"a\xff\":1}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xc0\x80\"}", "{\"a\":\v1}", "{\"a\":\u00a01}",
	`{"a":1,"a":1}`, `{"a":1,"b":2,"a":3}`, `{"":1,"":2}`, `{"x":{"a":1,"a":2}}`, `{"x":[{"y":[{"a":1,"a":2}]}]}`, `{"x":{"y":{}},"x":1}`, `{"a":{"b":1},"c":{"b":1,"d":{},"b":2}}`,
	`{"a":"\ud800"}`, `{"a":"\udc00\ud800"}`, `{"a":1,"\u0061":2}`, "\xef\xbb\xbf{}", `{"a":1}` + "\x00",
	`{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, `{"x":` + strings.Repeat(`{"x":`, 64) + "1" + strings.Repeat("}", 65),
}

// TestMembers_scanBroken holds the scan to the library on every seed with one octet
// replaced, left out or put in.
func TestMembers_scanBroken(t *testing.T) {
	octets := []byte("\"\\{}[]:,-+.0189eEtfnu/ab \n\x00\x1f\x7f\x80\xc3\xff")
	for _, seed := range scanSeeds {
		if len(seed) > 300 {
			continue
		}
		data := []byte(seed)
		for i := range data {
			agree(t, bytes.Join([][]byte{data[:i], data[i+1:]}, nil))
			for _, c := range octets {
				agree(t, bytes.Join([][]byte{data[:i], {c}, data[i+1:]}, nil))
				agree(t, bytes.Join([][]byte{data[:i], {c}, data[i:]}, nil))
			}
		}
	}
}

// TestMembers_vectors holds the scan to the library on the claims of Clerk's tokens.
func TestMembers_vectors(t *testing.T) {
	taken := 0
	for _, name := range []string{"decode.jsonl", "has.jsonl", "verify.jsonl"} {
		cases, err := os.ReadFile("../../testdata/clerk/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(cases) {
			if agree(t, bytes.TrimSpace(line)) {
				taken++
			}
		}
	}
	if taken < 100 {
		t.Fatalf("%d cases were taken, want most", taken)
	}
}

// TestEachMember_error ends the walk of either way.
func TestEachMember_error(t *testing.T) {
	stop := errors.New("stop")
	for _, data := range []string{`{"a":1,"b":2}`, `{"\u0061":1,"b":2}`} {
		calls := 0
		err := eachMember([]byte(data), func([]byte, jsontext.Value) error {
			calls++
			return stop
		})
		if !errors.Is(err, stop) || calls != 1 {
			t.Errorf("eachMember(%s) = %v after %d calls, want %v after 1", data, err, calls, stop)
		}
	}
}

// FuzzMembers holds the scan to the library: it takes nothing that the library refuses,
// and finds the same members.
func FuzzMembers(f *testing.F) {
	for _, data := range append(append([]string{`{"\u0061":"\u00e9"}`}, scanSeeds...), notScanned...) {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, data) })
}
