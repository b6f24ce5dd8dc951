package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A DecisionLog is where decisions are logged, and how. The file may say To alone.
type DecisionLog struct {
	// To is where decisions are logged: stdout, stderr, a file's path, the URL of a server that takes OPA's decision logs, or none.
	To string `key:"to"`
	// Input has records hold all that a decision was made of, so that it can be made again; never the token.
	Input bool `key:"input"`
	// Required denies whatever cannot be logged; a route of the model can demand it for itself.
	Required bool `key:"required"`
	// Sample is which share of decisions is logged, by their outcome.
	Sample Sample `key:"sample"`
	// Buffer is the room for records that are not written yet; one more is dropped, and counted.
	Buffer Size `key:"buffer"`
	// Rotate is when a file makes place for a new one.
	Rotate Rotate `key:"rotate"`
	// Upload is how a server is sent records.
	Upload Upload `key:"upload"`
}

// Sample is which share of decisions is logged: 1 is all of them, 0 none.
type Sample struct {
	// Allow is the share of what is allowed.
	Allow Share `key:"allow"`
	// Deny is the share of what is denied.
	Deny Share `key:"deny"`
	// Other is the share of what is neither: most documents, and what a search found.
	Other Share `key:"other"`
}

// Rotate is when a file makes place for a new one. It is always written anew after SIGHUP.
type Rotate struct {
	// Size is the size from which on it does; 0 is never.
	Size Size `key:"size"`
	// Keep is how many old files are kept; 0 is all.
	Keep int `key:"keep"`
	// Age is how long old files are kept; 0 is for ever.
	Age time.Duration `key:"age"`
	// Compress has old files compressed with gzip.
	Compress bool `key:"compress"`
}

// Upload is how a server is sent records.
type Upload struct {
	// TokenFile is the path of the bearer token that the server wants; it is read at each request.
	TokenFile string `key:"token_file"`
	// TLS is how the server is told from others, and what it is shown.
	TLS ClientTLS `key:"tls"`
	// Chunk is the largest body of a request, compressed.
	Chunk Size `key:"chunk"`
	// MinDelay is the shortest time between two uploads.
	MinDelay time.Duration `key:"min_delay"`
	// MaxDelay is the longest, also after failures.
	MaxDelay time.Duration `key:"max_delay"`
	// Timeout is how long a request may take.
	Timeout time.Duration `key:"timeout"`
	// Labels are what each record says besides of this process, such as its region.
	Labels Labels `key:"labels"`
}

func defaultDecisionLog() DecisionLog {
	return DecisionLog{
		To:     None,
		Sample: Sample{Allow: 1, Deny: 1, Other: 1},
		Buffer: 16 * MiB,
		Rotate: Rotate{Size: 100 * MiB, Keep: 5},
		Upload: Upload{Chunk: 32 * KiB, MinDelay: time.Second, MaxDelay: time.Minute, Timeout: 30 * time.Second},
	}
}

func (l *DecisionLog) read(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		d.scalar(n, join(path, "to"), reflect.ValueOf(&l.To).Elem(), scalars[reflect.TypeFor[string]()])
		d.places[join(path, "to")] = d.at(n)
		return
	}
	d.object(n, path, reflect.ValueOf(l).Elem())
}

// A Share is a part of a whole, from 0 to 1.
type Share float64

func parseShare(text string) (Share, error) {
	var s Share
	if _, err := fmt.Sscanf(text, "%g", &s); err != nil || strings.Trim(text, "0123456789.") != "" || s < 0 || s > 1 {
		return 0, fmt.Errorf("%s is no share: want a number from 0 to 1", show(text))
	}
	return s, nil
}
