package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"postern/sidecar/decision"
)

// Keys is one issuer's keys: the current set, and where sets come from. A set is swapped
// whole, so that a key which is withdrawn stops working with the next load.
type Keys struct {
	set atomic.Pointer[KeySet]

	source  string // for people: a path, or a URL without its query
	path    string // empty unless the source is a file
	read    func(context.Context) ([]byte, error)
	parse   func([]byte) (*KeySet, error)
	invalid error // what is wrong with the source itself; no load can succeed

	client  *http.Client // nil unless the source is a URL
	options Options
	wanted  chan struct{} // holds a mark while a token with an unknown kid waits for its key
	loading chan struct{} // holds a mark while a load is under way

	mu     sync.Mutex // guards status
	status KeyStatus
}

// KeyStatus is what there is to know about an issuer's keys.
type KeyStatus struct {
	Source string `json:"source"`
	// Keys is the number of usable keys, Digest names them, Notes tells of the others.
	Keys   int       `json:"keys"`
	Digest string    `json:"digest,omitzero"`
	Notes  []KeyNote `json:"notes,omitzero"`
	// LoadedAt is when the last good load ended, AttemptedAt when the last load began.
	LoadedAt    time.Time `json:"loaded_at,omitzero"`
	AttemptedAt time.Time `json:"attempted_at,omitzero"`
	// LastError is why the last load changed nothing, empty if it was good.
	LastError string `json:"last_error,omitzero"`
}

// newKeys makes Keys without a set.
func newKeys(source string, parse func([]byte) (*KeySet, error)) *Keys {
	return &Keys{
		source:  source,
		parse:   parse,
		wanted:  make(chan struct{}, 1),
		loading: make(chan struct{}, 1),
		status:  KeyStatus{Source: source},
	}
}

// StaticKeys is a set that never changes.
func StaticKeys(set *KeySet) *Keys {
	k := newKeys("memory", nil)
	if set == nil {
		k.invalid = errors.New("no key set")
		return k
	}
	k.publish(set, time.Now())
	return k
}

// PEMFile is the file of public keys at path, in PEM (see [ParsePEM]). Nothing is read yet.
func PEMFile(path string) *Keys { return fileKeys(path, ParsePEM) }

// JWKSFile is the JWK set in the file at path (see [ParseJWKS]). Nothing is read yet.
func JWKSFile(path string) *Keys { return fileKeys(path, ParseJWKS) }

func fileKeys(path string, parse func([]byte) (*KeySet, error)) *Keys {
	k := newKeys(path, parse)
	k.path = path
	if path == "" {
		k.invalid = errors.New("key file without a path")
	}
	k.read = func(context.Context) ([]byte, error) { return readKeyFile(path) }
	return k
}

// Path is the file that the keys come from, for whoever watches it; empty otherwise.
func (k *Keys) Path() string { return k.path }

// Ready reports whether there is a set that can verify something.
func (k *Keys) Ready() bool { return k.set.Load() != nil }

// Status describes the keys as they are now.
func (k *Keys) Status() KeyStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// Load reads the source now and swaps the set. A source that holds the same keys as before
// keeps the set as it is, so that tokens which it verified stay verified. An error names
// the source and the cause, and changes nothing but the status. Loads do not overlap; a
// second one waits, at most until ctx ends.
func (k *Keys) Load(ctx context.Context) error {
	if k.invalid != nil {
		return k.fail(k.invalid)
	}
	if k.read == nil {
		return nil
	}
	select {
	case k.loading <- struct{}{}:
		defer func() { <-k.loading }()
	case <-ctx.Done():
		return fmt.Errorf("load keys from %s: %w", k.source, ctx.Err())
	}
	began := time.Now()
	k.mu.Lock()
	k.status.AttemptedAt = began
	k.mu.Unlock()
	set, err := k.fetchSet(ctx)
	if err != nil {
		return k.fail(err)
	}
	k.publish(set, time.Now())
	return nil
}

// fetchSet reads and parses the source. Hostile bytes must not end the process, and this
// runs in the background, where no request handler would recover.
func (k *Keys) fetchSet(ctx context.Context) (set *KeySet, err error) {
	defer func() {
		if r := recover(); r != nil {
			set, err = nil, fmt.Errorf("panic: %v", r)
		}
	}()
	data, err := k.read(ctx)
	if err != nil {
		return nil, err
	}
	return k.parse(data)
}

// publish makes set the current one, unless the current one is equal to it.
func (k *Keys) publish(set *KeySet, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if current := k.set.Load(); current == nil || current.Digest != set.Digest {
		k.set.Store(set)
	}
	k.status.Keys, k.status.Digest, k.status.Notes = set.Len(), set.Digest, set.Notes
	k.status.LoadedAt, k.status.LastError = now, ""
}

// fail records why a load changed nothing.
func (k *Keys) fail(err error) error {
	err = fmt.Errorf("load keys from %s: %w", k.source, err)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.status.LastError = err.Error()
	return err
}

// verify checks the signature of c with the current set and returns that set. Before the
// first set nobody can say whether c is good: not_ready. A kid that is not in the set
// makes [Keys.Run] look for it; the answer does not wait.
func (k *Keys) verify(c *compact) (*KeySet, error) {
	set := k.set.Load()
	if set == nil {
		return nil, refuse(decision.NotReady, "no keys are loaded from %s", k.source)
	}
	err := set.verify(c)
	if err == nil {
		return set, nil
	}
	if CodeOf(err) == decision.TokenKeyUnknown && c.header.kid.value != "" {
		select {
		case k.wanted <- struct{}{}:
		default:
		}
	}
	return nil, err
}
