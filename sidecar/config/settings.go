package config

import (
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"
)

// A Setting is one flag of serve and all that mirrors it: help, tables in documents and
// the environment are made from it.
type Setting struct {
	Flag       string // without dashes
	Env        string // POSTERN_ and the flag in upper snake
	Key        string // the key's path in the file, "" for --config
	Default    string // "" for none
	Help       string // the first sentence of the key's documentation
	Repeatable bool   // the flag may be given again, the variable has commas
	Type       string // what to give, one word
}

const envPrefix = "POSTERN_"

// The settings that mean more than one key.
const (
	flagConfig = "config"
	flagIssuer = "issuer"
	// issuerKeys begins the keys of the one issuer that settings can say.
	issuerKeys = "issuers[]."
)

// settings is the one table. Default and Env are filled in by [Settings].
var settings = []Setting{
	{Flag: flagConfig, Type: "path", Help: "The file with all keys, YAML; flags beat the environment, which beats it."},
	{Flag: "listen", Key: "http.listen", Type: "address", Help: "The address of the decision doors over HTTP: host:port, or unix:///path."},
	{Flag: "grpc-listen", Key: "grpc.listen", Type: "address", Help: "The address of Envoy's ext_authz over gRPC: host:port, or unix:///path."},
	{Flag: "admin-listen", Key: "admin.listen", Type: "address", Help: "The address of health, metrics and status: host:port, or unix:///path."},
	{Flag: "bundle", Key: "bundles", Type: "source", Repeatable: true, Help: "The policy bundles: directories, .tar.gz archives, or URLs with https:// or oci://."},
	{Flag: flagIssuer, Key: "issuers[].issuer", Type: "name", Help: "The exact iss of its tokens."},
	{Flag: "jwks", Key: "issuers[].jwks", Type: "source", Help: "The issuer's key set: a file, or an https:// URL."},
	{Flag: "public-key", Key: "issuers[].public_key", Type: "path", Help: "The path of the issuer's only key, PEM."},
	{Flag: "authorized-party", Key: "issuers[].authorized_parties", Type: "origin", Repeatable: true, Help: "The origins (azp) whose tokens are accepted; the word any accepts all."},
	{Flag: "claims", Key: "issuers[].claims", Type: "profile", Help: "How its tokens are read: clerk, oidc, or in the file a mapping of JSON pointers."},
	{Flag: "cookie", Key: "issuers[].cookie", Type: "name", Help: "The cookie that carries its token where there is no Authorization header."},
	{Flag: "decision-log", Key: "decision_log.to", Type: "destination", Help: "Where decisions are logged: stdout, stderr, a file's path, the URL of a server that takes OPA's decision logs, or none."},
	{Flag: "public-url", Key: "public_url", Type: "url", Help: "The URL under which callers reach this server, as its metadata states it."},
	{Flag: "log-level", Key: "log.level", Type: "level", Help: "The least severe level that is logged: debug, info, warn or error."},
	{Flag: "log-format", Key: "log.format", Type: "format", Help: "How a line is written: json or text."},
}

// Settings returns every flag of serve but --check-config, in the order of its help.
func Settings() []Setting { return slices.Clone(completed()) }

// completed is the table with what follows from the flag's name and from the key.
var completed = sync.OnceValue(func() []Setting {
	defaults := map[string]string{}
	for _, k := range Keys() {
		defaults[k.Path] = k.Default
	}
	all := make([]Setting, 0, len(settings))
	for _, s := range settings {
		s.Env = envPrefix + strings.ToUpper(strings.ReplaceAll(s.Flag, "-", "_"))
		s.Default = defaults[s.Key]
		all = append(all, s)
	}
	return all
})

// Flags are the flags of one command line. The zero value has none given.
type Flags struct {
	given map[string][]string // by flag
}

// Register adds every setting to fs. Values are kept as given: [Load] reads them, so
// that all mistakes are in one message. A flag that is not repeatable and given again
// means its last value.
func (f *Flags) Register(fs *pflag.FlagSet) {
	f.given = map[string][]string{}
	for _, s := range Settings() {
		fs.Var(&flagValue{f, s}, s.Flag, s.Help)
	}
}

// A flagValue is a pflag.Value that keeps text.
type flagValue struct {
	flags   *Flags
	setting Setting
}

func (v *flagValue) Set(text string) error {
	name := v.setting.Flag
	if !v.setting.Repeatable {
		v.flags.given[name] = nil
	}
	v.flags.given[name] = append(v.flags.given[name], text)
	return nil
}

func (v *flagValue) Type() string { return v.setting.Type }

func (v *flagValue) String() string {
	if v.flags == nil || len(v.flags.given[v.setting.Flag]) == 0 {
		return v.setting.Default
	}
	return strings.Join(v.flags.given[v.setting.Flag], ",")
}
