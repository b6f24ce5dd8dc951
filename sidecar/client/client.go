// Package client is who may ask about others: clients that the operator knows by a token, or
// by the user that they run as. A session's token is never such a credential.
package client

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"postern/sidecar/secretfile"
)

// Tokens are the clients' bearer tokens, in a file. [Tokens.Load] replaces them as a whole,
// so that a token which is withdrawn stops working with the next load.
type Tokens struct {
	path string
	set  atomic.Pointer[set] // nil until the first good load

	turn   sync.Mutex // keeps loads from overlapping
	mu     sync.Mutex // guards status
	status Status
}

// Status is what there is to know about the tokens.
type Status struct {
	Source string `json:"source"`
	Tokens int    `json:"tokens"`
	// Digest is that of the file, to tell loads apart. It is shown to nobody: a token that
	// somebody thought up could be found by it.
	Digest string `json:"-"`
	// Notes are what is wrong and no reason to refuse the file.
	Notes    []string  `json:"notes,omitzero"`
	LoadedAt time.Time `json:"loaded_at,omitzero"`
	// LastError is why the last load changed nothing, empty if it was good.
	LastError string `json:"last_error,omitzero"`
}

// NewTokens are those in the file at path, see [Tokens.Load]. Nothing is read yet, and
// nobody is let in.
func NewTokens(path string) *Tokens {
	return &Tokens{path: path, status: Status{Source: path}}
}

// Path is the file, for whoever watches it.
func (t *Tokens) Path() string { return t.path }

// Status describes the tokens as they are now.
func (t *Tokens) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status
}

// Load reads the file now. Each line is a name and a token with spaces between them; empty
// lines, and those that begin with #, are not read. A name is for logs and may have several
// tokens, so that they can be exchanged without a gap. An error names file and line, never a
// token, and changes nothing but the status. A file without a token is one only at first:
// later it withdraws all that were.
func (t *Tokens) Load(now time.Time) error {
	t.turn.Lock()
	defer t.turn.Unlock()
	text, exposed, err := secretfile.Read(t.path)
	var next *set
	if err == nil {
		next, err = parse(t.path, string(text))
	}
	if err == nil && len(next.sums) == 0 && t.set.Load() == nil {
		err = fmt.Errorf("%s: there is no token in it", t.path)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.status.LastError = err.Error()
		return err
	}
	var notes []string
	if exposed {
		notes = append(notes, t.path+" can be read by everybody on this machine")
	}
	if len(next.sums) == 0 {
		notes = append(notes, t.path+" has no token in it: nobody is let in")
	}
	loadedAt := t.status.LoadedAt
	if next.digest != t.status.Digest {
		t.set.Store(next)
		loadedAt = now
	}
	t.status = Status{Source: t.path, Tokens: len(next.sums), Digest: next.digest, Notes: notes, LoadedAt: loadedAt}
	return nil
}

// Find is the client whose token the Authorization headers of a request bring: as
// "Bearer TOKEN", with the scheme in any case, or as the bare token, which is how AuthZEN's
// own clients send it. Several headers that differ bring none.
func (t *Tokens) Find(authorization ...[]byte) (name string, ok bool) {
	set := t.set.Load()
	if set == nil || len(authorization) == 0 {
		return "", false
	}
	value := string(authorization[0])
	for _, other := range authorization[1:] {
		if string(other) != value {
			return "", false
		}
	}
	return set.find(credential(value))
}

// credential is the token in the value of an Authorization header.
func credential(value string) string {
	value = strings.Trim(value, " \t")
	if scheme, rest, ok := strings.Cut(value, " "); ok && strings.EqualFold(scheme, "bearer") {
		return strings.Trim(rest, " ")
	}
	return value
}

// A set is the tokens of one load, by their digests.
type set struct {
	names  []string
	sums   [][sha256.Size]byte
	digest string
}

// find compares a token with every one of the set, and takes as long whatever it is: a
// digest tells nothing of how much of a token was right.
func (s *set) find(token string) (name string, ok bool) {
	sum := sha256.Sum256([]byte(token))
	at := -1
	for i := range s.sums {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], s.sums[i][:]), i, at)
	}
	if at < 0 {
		return "", false
	}
	return s.names[at], true
}
