package client

import (
	"encoding/base64"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	one = "b4zbHOX2jzJT1GAbPqfNSg=="
	two = "0123456789abcdef"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTokens_find(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	write(t, path, "# clients\n\nbilling "+one+"\r\n\tgate.way-2 \t "+two+" \nbilling ~._+/-AAAAAAAAAA\n")
	tokens := NewTokens(path)
	if name, ok := tokens.Find([]byte(one)); ok {
		t.Fatalf("Find before a load = %q, want nobody", name)
	}
	if err := tokens.Load(time.Now()); err != nil {
		t.Fatal(err)
	}
	f := func(want string, values ...string) {
		t.Helper()
		var headers [][]byte
		for _, v := range values {
			headers = append(headers, []byte(v))
		}
		if name, ok := tokens.Find(headers...); name != want || ok != (want != "") {
			t.Errorf("Find(%q) = %q, %v, want %q", values, name, ok, want)
		}
	}
	f("billing", one)
	f("billing", "Bearer "+one)
	f("billing", "bEARER   "+one+" ")
	f("billing", " "+one+"\t")
	f("gate.way-2", "Bearer "+two)
	f("billing", "bearer ~._+/-AAAAAAAAAA")
	f("billing", "Bearer "+one, "Bearer "+one)
	f("")
	f("", "")
	f("", "Bearer")
	f("", "Bearer ")
	f("", "undefined")
	f("", "billing")
	f("", "billing "+one)
	f("", "Basic "+one)
	f("", "Bearer\t"+one)
	f("", "Bearer Bearer "+one)
	f("", "Bearer "+one+","+one)
	f("", "Bearer "+one+" "+two)
	f("", "Bearer "+one, one)
	f("", "Bearer "+one, "Bearer "+two)
	f("", "Bearer "+one, "")
	f("", strings.ToLower(one))
	f("", strings.TrimRight(one, "="))
	f("", one+"=")
	f("", two[:15])
	f("", "#")
	f("", "# clients")
}

// TestTokens_refused: a mistake names its line and never what stands in it.
func TestTokens_refused(t *testing.T) {
	dir := t.TempDir()
	f := func(text string, want ...string) {
		t.Helper()
		path := filepath.Join(dir, "tokens")
		write(t, path, "kept "+one)
		later := NewTokens(path)
		if err := later.Load(time.Now()); err != nil {
			t.Fatal(err)
		}
		write(t, path, text)
		for _, tokens := range []*Tokens{NewTokens(path), later} {
			err := tokens.Load(time.Now())
			if err == nil {
				t.Fatalf("Load of %q = nil, want %q", text, want)
			}
			got := strings.Split(strings.ReplaceAll(err.Error(), path, "F"), "\n")
			if len(got) != len(want) {
				t.Fatalf("Load of %q = %q, want %q", text, got, want)
			}
			for i := range want {
				if !strings.HasPrefix(got[i], want[i]) {
					t.Errorf("Load of %q = %q, want %q", text, got[i], want[i])
				}
			}
			for _, word := range strings.Fields(text) {
				if len(word) > 10 && strings.Contains(err.Error(), word) {
					t.Errorf("Load of %q = %v, which shows what may be a token", text, err)
				}
			}
			if tokens.Status().LastError != err.Error() {
				t.Errorf("LastError = %q", tokens.Status().LastError)
			}
		}
		if name, ok := later.Find([]byte(one)); !ok || name != "kept" {
			t.Errorf("after %q the tokens before are gone", text)
		}
	}
	f(one, "F:1: want a name and a token, not 1 words")
	f("# a\na: "+one, "F:2: the name is none")
	f("a b "+one, "F:1: want a name and a token, not 3 words")
	f("a="+one, "F:1: want a name and a token, not 1 words")
	f("a "+one+" # comment", "F:1: want a name and a token, not 4 words")
	f(one+" billing", "F:1: the name is none")
	f("a 0123456789abcde", "F:1: the token is shorter than 16")
	f("a "+strings.Repeat("a", 1025), "F:1: the token is longer")
	f("a "+`"`+two+`"`, "F:1: the token has characters")
	f("a "+two+"=a", "F:1: the token has characters")
	f("a "+two+"\x00", "F:1: the token has characters")
	f("a "+two+"ä", "F:1: the token has characters")
	f("\ufeffa "+two, "F:1: the name is none")
	f("a\u00a0"+two, "F:1: want a name and a token")
	f("a "+two+"\nb "+one+"\n\nc "+two, "F:4: the token of line 1 again")
	f("a "+two+"\na "+two, "F:2: the token of line 1 again")
	f("a eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl", "F:1: the token is a JWT")
	for _, header := range []string{`{ "alg":"RS256"}`, "{\n\t\"alg\":\"RS256\"}", ` {"alg":"ES256"}`} {
		f("a "+base64.RawURLEncoding.EncodeToString([]byte(header))+".eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl", "F:1: the token is a JWT")
	}
	f("a b\nc d\n", "F:1: the token is shorter", "F:2: the token is shorter")
	f(strings.Repeat("x\n", 22), many()...)
	f(strings.Repeat("# 89abcdef\n", 200_000), "read F: more than")
}

// many are the mistakes of a file with 22 of them.
func many() []string {
	var all []string
	for range 20 {
		all = append(all, "F:")
	}
	return append(all, "F: and 2 more mistakes")
}

func TestTokens_tooMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	var text strings.Builder
	for i := range most + 1 {
		if i == most {
			write(t, path, text.String())
			if err := NewTokens(path).Load(time.Now()); err != nil {
				t.Error(err)
			}
		}
		text.WriteString("a 0123456789abcdef" + strings.Repeat("a", i%100) + strings.Repeat("b", i/100) + "\n")
	}
	write(t, path, text.String())
	if err := NewTokens(path).Load(time.Now()); err == nil || !strings.Contains(err.Error(), "1001 tokens") {
		t.Errorf("Load = %v, want too many", err)
	}
}

// TestTokens_reload: a token that is withdrawn lets nobody in after the next load.
func TestTokens_reload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	write(t, path, "a "+one)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	tokens, began := NewTokens(path), time.Now()
	if err := tokens.Load(began); err != nil {
		t.Fatal(err)
	}
	if s := tokens.Status(); s.Tokens != 1 || !s.LoadedAt.Equal(began) || len(s.Notes) != 1 || s.Notes[0] != path+" can be read by everybody on this machine" {
		t.Errorf("Status = %+v", s)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := tokens.Load(began.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if s := tokens.Status(); !s.LoadedAt.Equal(began) || len(s.Notes) != 0 {
		t.Errorf("Status of the same file = %+v", s)
	}
	write(t, path, "b "+two)
	if err := tokens.Load(began.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, ok := tokens.Find([]byte(one)); ok {
		t.Error("the token that was withdrawn lets in")
	}
	if name, _ := tokens.Find([]byte(two)); name != "b" {
		t.Errorf("the new token is of %q, want b", name)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := tokens.Load(began); err == nil || tokens.Status().Tokens != 1 {
		t.Errorf("Load without a file = %v, %+v, want an error and the tokens kept", err, tokens.Status())
	}
}

// TestTokens_none: a file without a token is a mistake at first. Later it withdraws the last
// one, which would let in whoever has it until the next start.
func TestTokens_none(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	for _, none := range []string{"", "# a " + one + "\n\n"} {
		tokens := NewTokens(path)
		write(t, path, none)
		if err := tokens.Load(time.Now()); err == nil || !strings.HasSuffix(err.Error(), "there is no token in it") || tokens.Status().LastError == "" {
			t.Errorf("the first load of %q = %v, want an error", none, err)
		}
		write(t, path, "a "+one)
		if err := tokens.Load(time.Now()); err != nil {
			t.Fatal(err)
		}
		write(t, path, none)
		for range 2 {
			if err := tokens.Load(time.Now()); err != nil {
				t.Errorf("a later load of %q = %v", none, err)
			}
			if name, ok := tokens.Find([]byte(one)); ok {
				t.Errorf("after %q, %s is let in", none, name)
			}
			if s := tokens.Status(); s.Tokens != 0 || len(s.Notes) != 1 || !strings.HasSuffix(s.Notes[0], "nobody is let in") {
				t.Errorf("Status after %q = %+v", none, s)
			}
		}
		for _, brought := range []string{"", "Bearer", "Bearer "} {
			if name, ok := tokens.Find([]byte(brought)); ok {
				t.Errorf("%q is let in as %q", brought, name)
			}
		}
	}
}

// FuzzParse: no panic, no token in an error, and what is accepted is found again, alone.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "a " + one, "# x\na " + two + "\r\nb\t" + one, one, "a b c", "a " + two + "\na " + two, "a eyJ.aaaaaaaaaaaaaaa.a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parse("F", text)
		if err != nil {
			for _, word := range strings.Fields(text) {
				if len(word) >= shortest && b64token.MatchString(word) && strings.Contains(err.Error(), word) {
					t.Errorf("%q is in the error %v", word, err)
				}
			}
			return
		}
		found := 0
		for _, word := range strings.Fields(text) {
			if _, ok := s.find(word); ok {
				found++
			}
		}
		if found < len(s.sums) {
			t.Errorf("%d of %d tokens of %q are found", found, len(s.sums), text)
		}
		if name, ok := s.find(""); ok {
			t.Errorf("an empty token is %s's", name)
		}
	})
}

func TestUser(t *testing.T) {
	if !KnowsUsers {
		t.Skip("users of sockets are known on Linux")
	}
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if uid, err := User(c.(*net.UnixConn)); err != nil || int(uid) != os.Geteuid() {
		t.Errorf("User = %d, %v, want %d", uid, err, os.Geteuid())
	}
	c.Close()
	if uid, err := User(c.(*net.UnixConn)); err == nil {
		t.Errorf("User of a closed connection = %d, want an error", uid)
	}
}
