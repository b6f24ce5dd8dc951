package config

import (
	"fmt"
	"reflect"
	"time"

	"go.yaml.in/yaml/v3"

	"postern/sidecar/phrase"
)

// A Bundle is one source of policy: exactly one of Path and URL is set.
type Bundle struct {
	// Path is a directory or a .tar.gz archive.
	Path string `key:"path"`
	// URL is http(s):// or oci://.
	URL string `key:"url"`
	// Signers are the keys one of which must have signed the bundle; without any, a bundle must not be signed.
	Signers Signers `key:"signers"`
	// Ordered refuses a revision that is lower than the last one, and one that says something else than before.
	Ordered bool `key:"ordered"`
	// TokenFile is the path of the bearer token that the URL's server wants; it is read at each request.
	TokenFile string `key:"token_file"`
	// DockerConfig is the path of the docker config.json that has the registry's credentials.
	DockerConfig string `key:"docker_config"`
	// TLS is how the URL's server is told from others, and what it is shown.
	TLS ClientTLS `key:"tls"`
	// Proxy is the URL of the HTTP proxy to ask through; empty, the environment's HTTPS_PROXY and NO_PROXY hold.
	Proxy string `key:"proxy"`
	// Poll is how often the URL is asked.
	Poll Poll `key:"poll"`
	// MaxAge is how long the URL's server may be out of reach before Stale acts; 0 is for ever.
	MaxAge time.Duration `key:"max_age"`
	// Stale is what happens then: warn, not_ready (and go on deciding), or deny.
	Stale Stale `key:"stale"`
}

// Bundles are the policy bundles, in order.
type Bundles []Bundle

// DefaultBundle returns the defaults of a bundle.
func DefaultBundle() Bundle {
	return Bundle{Poll: Poll{Min: time.Minute, Max: 2 * time.Minute, Timeout: 30 * time.Second}, Stale: StaleWarn}
}

// Poll is how often a URL is asked.
type Poll struct {
	// Min is the shortest time between two requests.
	Min time.Duration `key:"min"`
	// Max is the longest: the time between two requests is anything from min to it, and after a failure at most it.
	Max time.Duration `key:"max"`
	// Long is how long the server is asked to hold a request until there is news, if it can; 0 does not ask.
	Long time.Duration `key:"long"`
	// Timeout is how long a download may take, without the time that the server holds it.
	Timeout time.Duration `key:"timeout"`
}

// ClientTLS is how a server that is asked is told from others, and what it is shown.
type ClientTLS struct {
	// CA is the path of the authorities that the server's certificate needs, PEM; empty, the system's hold.
	CA string `key:"ca"`
	// Cert is the path of the certificate that it is shown, PEM.
	Cert string `key:"cert"`
	// Key is the path of the certificate's private key, PEM.
	Key string `key:"key"`
}

// A Signer is a key that a bundle's signature can be verified by.
type Signer struct {
	// KeyID is the id by which signatures name the key.
	KeyID string `key:"key_id"`
	// PublicKey is the path of the key, PEM.
	PublicKey string `key:"public_key"`
	// Algorithm is the one that it signs with.
	Algorithm string `key:"algorithm"`
	// Scope is the scope that a signature must have; empty, it must have none.
	Scope string `key:"scope"`
}

// Signers are those of one bundle.
type Signers []Signer

// DefaultSigner returns the defaults of a signer.
func DefaultSigner() Signer { return Signer{Algorithm: "RS256"} }

// Stale is what happens when a source is out of reach for too long.
type Stale string

// What can happen when a source is out of reach for too long.
const (
	StaleWarn     Stale = "warn"      // the log, status and metrics say so
	StaleNotReady Stale = "not_ready" // and the server is not ready
	StaleDeny     Stale = "deny"      // and every answer is a denial
)

func parseStale(text string) (Stale, error) {
	return oneOf("act", text, StaleWarn, StaleNotReady, StaleDeny)
}

func (b *Bundles) read(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		d.wrong(n, path, "want a list, such as [{path: %s}], not text", show(n.Value))
		return
	}
	for _, item := range n.Content {
		if n.Kind == yaml.SequenceNode && item.Kind == yaml.ScalarNode && item.ShortTag() == "!!str" {
			d.wrong(item, path, "want {path: …} or {url: …}, not the bare text %s", show(item.Value))
			return
		}
	}
	all := []Bundle{}
	d.listOf(n, path, reflect.ValueOf(&all).Elem(), reflect.ValueOf(DefaultBundle()))
	*b = all
}

func (b *Bundles) readText(values []string) error {
	*b = BundlesAt(values...)
	return nil
}

// BundlesAt are the bundles at paths and URLs, as --bundle names them.
func BundlesAt(places ...string) Bundles {
	all := make(Bundles, 0, len(places))
	for _, v := range places {
		one := DefaultBundle()
		if isURL(v) {
			one.URL = v
		} else {
			one.Path = v
		}
		all = append(all, one)
	}
	return all
}

func (b *Bundles) walk(path string, visit visitor) {
	for n := range *b {
		walk(reflect.ValueOf(&(*b)[n]).Elem(), index(path, n), visit)
	}
}

func (s *Signers) read(d *decoder, n *yaml.Node, path string) {
	all := []Signer{}
	d.listOf(n, path, reflect.ValueOf(&all).Elem(), reflect.ValueOf(DefaultSigner()))
	*s = all
}

func (s *Signers) walk(path string, visit visitor) {
	for n := range *s {
		walk(reflect.ValueOf(&(*s)[n]).Elem(), index(path, n), visit)
	}
}

// oneOf reads one of a few words.
func oneOf[T ~string](what, text string, words ...T) (T, error) {
	names := make([]string, len(words))
	for i, w := range words {
		if string(w) == text {
			return w, nil
		}
		names[i] = string(w)
	}
	return "", errorOneOf(what, text, names)
}

func errorOneOf(what, text string, names []string) error {
	list := names[0]
	for i, name := range names[1:] {
		if i == len(names)-2 {
			list += " or " + name
		} else {
			list += ", " + name
		}
	}
	return fmt.Errorf("%s is no %s: want %s%s", show(text), what, list, phrase.DidYouMean(phrase.Suggest(text, names)))
}
