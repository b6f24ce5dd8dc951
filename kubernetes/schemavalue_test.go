package kubernetes

import (
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"time"

	"postern/sidecar/config"
)

// definitions are the schemas of what is said in many places.
var definitions = map[string]any{
	"file": map[string]any{
		"description": "An absolute path. That something is mounted there is checked by the templates.",
		"type":        "string", "pattern": `^/[^\x00-\x1f\x7f]*$`,
	},
	"size": map[string]any{
		"description": "Bytes: a whole number, or one with B, KiB, MiB or GiB.",
		"anyOf": []any{
			map[string]any{"type": "integer", "minimum": 0, "maximum": 1 << 50},
			map[string]any{"type": "string", "pattern": `^(0|[1-9][0-9]{0,15})(B|KiB|MiB|GiB)?$`},
		},
	},
	"duration": map[string]any{
		"description": "A time with its unit, such as 100ms, 5s or 1m30s; or 0.",
		"anyOf": []any{
			map[string]any{"const": 0},
			map[string]any{"type": "string", "pattern": `^(0|([0-9]{1,6}(\.[0-9]{1,9})?(ns|us|µs|μs|ms|s|m|h))+)$`},
		},
	},
	"share": map[string]any{
		"description": "A share of a whole, from 0 to 1. Less than a ten-thousandth would be written with an exponent, which is not read.",
		"anyOf":       []any{map[string]any{"const": 0}, map[string]any{"type": "number", "minimum": 0.0001, "maximum": 1}},
	},
}

func defined(name string) map[string]any { return map[string]any{"$ref": "#/$defs/" + name} }

func pattern(text string) map[string]any { return map[string]any{"type": "string", "pattern": text} }

func between(low, high int) map[string]any {
	return map[string]any{"type": "integer", "minimum": low, "maximum": high}
}

func oneOf[T any](values ...T) map[string]any { return map[string]any{"enum": values} }

// list is the schema of a list without repetitions.
func list(item any, least int) map[string]any {
	s := map[string]any{"type": "array", "items": item, "uniqueItems": true}
	if least > 0 {
		s["minItems"] = least
	}
	return s
}

// scalarSchema is the schema of a value that is no object, nil for a type that is one.
func scalarSchema(typ reflect.Type, path string) map[string]any {
	switch typ {
	case reflect.TypeFor[string]():
		return textSchema(path)
	case reflect.TypeFor[config.Part]():
		if strings.HasSuffix(path, ".prefix") {
			return pattern(`^([a-z][a-z0-9]*(-[a-z0-9]+)*-)?$`)
		}
		return pattern(`^([a-z0-9]+(-[a-z0-9]+)*)?$`)
	case reflect.TypeFor[bool]():
		return map[string]any{"type": "boolean"}
	case reflect.TypeFor[int]():
		return countSchema(path)
	case reflect.TypeFor[config.Size]():
		return defined("size")
	case reflect.TypeFor[time.Duration]():
		return defined("duration")
	case reflect.TypeFor[config.Share]():
		return defined("share")
	case reflect.TypeFor[slog.Level]():
		return oneOf("debug", "info", "warn", "error")
	case reflect.TypeFor[config.LogFormat]():
		return oneOf(config.JSON, config.Text)
	case reflect.TypeFor[config.Stale]():
		return oneOf(config.StaleWarn, config.StaleNotReady, config.StaleDeny)
	case reflect.TypeFor[config.TLSVersion]():
		return oneOf[any]("1.2", "1.3", 1.2, 1.3)
	case reflect.TypeFor[config.Labels]():
		text := pattern(`^[^\x00-\x1f\x7f]+$`)
		return map[string]any{"type": "object", "maxProperties": 32, "additionalProperties": text,
			"propertyNames": map[string]any{"pattern": `^[^\x00-\x1f\x7f]+$`, "not": oneOf("app", "id", "version")}}
	case reflect.TypeFor[config.Names]():
		name := textSchema(path)
		return map[string]any{"anyOf": []any{name, list(name, 1)}}
	case reflect.TypeFor[config.Parties]():
		origin := pattern(`^[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?$`)
		return map[string]any{"anyOf": []any{oneOf("any"), list(origin, 1)}}
	case reflect.TypeFor[[]int]():
		return list(map[string]any{"type": "integer", "minimum": 0, "maximum": 1<<32 - 2, "not": map[string]any{"const": 65534}}, 1)
	case reflect.TypeFor[[]string]():
		return listSchema(path)
	}
	return nil
}

// countSchema is about whole numbers.
func countSchema(path string) map[string]any {
	switch path {
	case "limits.batch":
		return between(1, 10_000)
	case "limits.concurrency":
		return between(1, 1_000_000)
	case "decision_log.rotate.keep":
		return between(0, 100_000)
	case "unavailable_status":
		return oneOf(403, 503)
	}
	return map[string]any{"type": "integer"}
}

func listSchema(path string) map[string]any {
	switch path {
	case "issuers[].algorithms":
		return list(oneOf(config.Algorithms()...), 1)
	case "policy.builtins":
		return list(oneOf(config.Builtins()...), 0)
	case "opa.readable":
		return list(oneOf(config.Hidden()...), 0)
	}
	return list(pattern(`^[^\s\x00-\x1f\x7f]+$`), 1)
}

// texts are keys whose text has a form. A key of files is found by its last name.
var texts = map[string]map[string]any{
	"public_url":                    urlSchema("https", "http"),
	"sign_in_url":                   urlSchema("https", "http"),
	"bundles[].url":                 urlSchema("https", "http", "oci"),
	"bundles[].proxy":               urlSchema("https", "http", "socks5"),
	"telemetry.traces":              urlSchema("https", "http", "grpcs", "grpc"),
	"telemetry.metrics":             urlSchema("https", "http", "grpcs", "grpc"),
	"issuers[].issuer":              pattern(`^[^\s\x00-\x1f\x7f]+$`),
	"issuers[].jwks":                {"anyOf": []any{defined("file"), urlSchema("https", "http")}},
	"issuers[].audience":            pattern(`^[^\s\x00-\x1f\x7f]+$`),
	"issuers[].cookie":              pattern("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"),
	"bundles[].signers[].key_id":    pattern(`^[^\s\x00-\x1f\x7f]+$`),
	"bundles[].signers[].algorithm": oneOf(config.SigningAlgorithms()...),
	"clients.anonymous":             oneOf(config.AnonymousLoopback),
	"decision_log.to":               {"anyOf": []any{oneOf("stdout", "stderr", config.None), defined("file"), urlSchema("https", "http")}},
}

var (
	fileKey   = regexp.MustCompile(`(^|\.)(path|cert|key|ca|client_ca|public_key|tokens?_file|docker_config)$`)
	ruleKey   = regexp.MustCompile(`^entrypoints\.`)
	claimsKey = regexp.MustCompile(`^issuers\[\]\.claims\.`)
)

func urlSchema(schemes ...string) map[string]any {
	return pattern(`^(` + strings.Join(schemes, "|") + `)://[^\s\\#/@][^\s\\#]*$`)
}

// textSchema is about text.
func textSchema(path string) map[string]any {
	path = strings.TrimPrefix(path, "shadow.")
	if s, ok := texts[path]; ok {
		return s
	}
	switch {
	case fileKey.MatchString(path):
		return defined("file")
	case ruleKey.MatchString(path):
		s := pattern(`^[A-Za-z_][A-Za-z0-9_-]*(/[A-Za-z_][A-Za-z0-9_-]*)+$`)
		s["not"] = map[string]any{"pattern": "^data/"}
		return s
	case claimsKey.MatchString(path):
		return pattern(`^/([^~\x00-\x1f\x7f]|~[01])*$`)
	}
	return map[string]any{"type": "string", "minLength": 1}
}
