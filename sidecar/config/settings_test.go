package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The flags, their variables, keys and defaults are a contract.
func TestSettings(t *testing.T) {
	want := []string{
		"config POSTERN_CONFIG - -",
		"listen POSTERN_LISTEN http.listen 127.0.0.1:8181",
		"grpc-listen POSTERN_GRPC_LISTEN grpc.listen 127.0.0.1:9191",
		"admin-listen POSTERN_ADMIN_LISTEN admin.listen 127.0.0.1:8282",
		"bundle POSTERN_BUNDLE bundles -",
		"issuer POSTERN_ISSUER issuers[].issuer -",
		"jwks POSTERN_JWKS issuers[].jwks -",
		"public-key POSTERN_PUBLIC_KEY issuers[].public_key -",
		"authorized-party POSTERN_AUTHORIZED_PARTY issuers[].authorized_parties -",
		"claims POSTERN_CLAIMS issuers[].claims clerk",
		"cookie POSTERN_COOKIE issuers[].cookie __session",
		"decision-log POSTERN_DECISION_LOG decision_log.to none",
		"public-url POSTERN_PUBLIC_URL public_url -",
		"log-level POSTERN_LOG_LEVEL log.level info",
		"log-format POSTERN_LOG_FORMAT log.format json",
	}
	var got, flags, registered []string
	for _, s := range Settings() {
		dash := func(text string) string { return strings.TrimSpace(text + strings.Repeat("-", 1-min(1, len(text)))) }
		got = append(got, strings.Join([]string{s.Flag, s.Env, dash(s.Key), dash(s.Default)}, " "))
		flags = append(flags, s.Flag+" "+s.Default+" "+s.Help)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("Settings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	fs.SortFlags = false
	new(Flags).Register(fs)
	fs.VisitAll(func(f *pflag.Flag) { registered = append(registered, f.Name+" "+f.DefValue+" "+f.Usage) })
	if !slices.Equal(registered, flags) {
		t.Fatalf("registered flags:\n%s\nwant:\n%s", strings.Join(registered, "\n"), strings.Join(flags, "\n"))
	}
}

// The file's keys and their defaults are a contract.
func TestKeys(t *testing.T) {
	want := strings.Fields(`
http.listen=127.0.0.1:8181 http.tls.cert= http.tls.key= http.tls.client_ca= http.tls.client_sans= http.tls.min_version=1.3
grpc.listen=127.0.0.1:9191 grpc.tls.cert= grpc.tls.key= grpc.tls.client_ca= grpc.tls.client_sans= grpc.tls.min_version=1.3 grpc.reflection=false
admin.listen=127.0.0.1:8282 admin.tls.cert= admin.tls.key= admin.tls.client_ca= admin.tls.client_sans= admin.tls.min_version=1.3 admin.pprof=false
public_url= bundles[].path= bundles[].url= bundles[].signers[].key_id= bundles[].signers[].public_key= bundles[].signers[].algorithm=RS256 bundles[].signers[].scope= bundles[].ordered=false bundles[].token_file= bundles[].docker_config=
bundles[].tls.ca= bundles[].tls.cert= bundles[].tls.key= bundles[].proxy= bundles[].poll.min=1m0s bundles[].poll.max=2m0s bundles[].poll.long=0s bundles[].poll.timeout=30s bundles[].max_age=0s bundles[].stale=warn
issuers[].issuer= issuers[].jwks= issuers[].public_key= issuers[].authorized_parties= issuers[].audience= issuers[].algorithms=RS256
issuers[].claims=clerk issuers[].cookie=__session issuers[].clock_skew=5s issuers[].treat_pending_as_signed_out=true
doors.check=true doors.ext_authz=true doors.forward_auth=true doors.auth_request=true doors.authzen=false doors.opa=false
clients.tokens_file= clients.mtls=false clients.unix_uids= clients.anonymous= opa.default_decision=system/main opa.readable= opa.session=false sign_in_url=
identity_headers.prefix=x-postern- identity_headers.user=user identity_headers.session=session identity_headers.org=org identity_headers.role=role
identity_headers.permissions=permissions unavailable_status=403 authzen.reasons=false
entrypoints.check= entrypoints.route= entrypoints.evaluate= entrypoints.search.subject= entrypoints.search.resource= entrypoints.search.action=
policy.builtins= policy.deadline=100ms
limits.token=8KiB limits.header=16KiB limits.body=64KiB limits.batch=100 limits.concurrency=1024
cache.tokens=64MiB cache.decisions=64MiB persistence_directory=
shadow.bundles[].path= shadow.bundles[].url= shadow.bundles[].signers[].key_id= shadow.bundles[].signers[].public_key= shadow.bundles[].signers[].algorithm=RS256 shadow.bundles[].signers[].scope= shadow.bundles[].ordered=false shadow.bundles[].token_file= shadow.bundles[].docker_config=
shadow.bundles[].tls.ca= shadow.bundles[].tls.cert= shadow.bundles[].tls.key= shadow.bundles[].proxy= shadow.bundles[].poll.min=1m0s shadow.bundles[].poll.max=2m0s shadow.bundles[].poll.long=0s shadow.bundles[].poll.timeout=30s shadow.bundles[].max_age=0s shadow.bundles[].stale=warn
shadow.sample=0.01 shadow.deadline=100ms
decision_log.to=none decision_log.input=false decision_log.required=false decision_log.sample.allow=1 decision_log.sample.deny=1 decision_log.sample.other=1
decision_log.buffer=16MiB decision_log.rotate.size=100MiB decision_log.rotate.keep=5 decision_log.rotate.age=0s decision_log.rotate.compress=false
decision_log.upload.token_file= decision_log.upload.tls.ca= decision_log.upload.tls.cert= decision_log.upload.tls.key=
decision_log.upload.chunk=32KiB decision_log.upload.min_delay=1s decision_log.upload.max_delay=1m0s decision_log.upload.timeout=30s decision_log.upload.labels=
telemetry.traces= telemetry.metrics= telemetry.sample=0.01 telemetry.interval=1m0s telemetry.token_file= telemetry.tls.ca= telemetry.tls.cert= telemetry.tls.key=
log.level=info log.format=json watch.settle=250ms watch.poll=15s`)
	var got []string
	for _, k := range Keys() {
		got = append(got, k.Path+"="+k.Default)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("Keys:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The help of a flag is the first sentence of its field's documentation, less "X is".
func TestSettings_helpQuotesTheFields(t *testing.T) {
	docs := fieldDocs(t)
	for _, s := range Settings() {
		if s.Key == "" {
			continue
		}
		owner, doc := reflect.TypeFor[Config](), ""
		for part := range strings.SplitSeq(strings.ReplaceAll(s.Key, "[]", ""), ".") {
			owner, doc = descend(t, docs, owner, part)
		}
		if doc != s.Help {
			t.Errorf("help of --%s = %q, want its field's %q", s.Flag, s.Help, doc)
		}
	}
	for field, doc := range docs {
		if !strings.HasSuffix(doc, ".") && !strings.HasSuffix(doc, ":") {
			t.Errorf("documentation of %s = %q, want a sentence", field, doc)
		}
	}
}

// descend finds the field with that key in owner; its type, or its elements', and its
// documentation.
func descend(t *testing.T, docs map[string]string, owner reflect.Type, key string) (reflect.Type, string) {
	t.Helper()
	for i := range owner.NumField() {
		f := owner.Field(i)
		if f.Tag.Get("key") != key {
			continue
		}
		of := f.Type
		if of == reflect.TypeFor[Issuers]() {
			of = reflect.TypeFor[Issuer]()
		}
		return of, docs[owner.Name()+"."+f.Name]
	}
	t.Fatalf("%s has no key %q", owner, key)
	return nil, ""
}

// fieldDocs returns the documentation of each struct field with a key, as Type.Field,
// from "X is the …" on: "The …".
func fieldDocs(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, file := range []string{"config.go", "issuer.go", "source.go", "decisionlog.go", "operations.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			fields, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range fields.Fields.List {
				if f.Tag == nil {
					continue
				}
				name := f.Names[0].Name
				text := strings.Join(strings.Fields(f.Doc.Text()), " ")
				if !strings.HasPrefix(text, name+" ") {
					t.Errorf("documentation of %s.%s = %q, want it to begin with its name", spec.Name, name, text)
				}
				_, text, _ = strings.Cut(text, " ")
				text = strings.TrimPrefix(strings.TrimPrefix(text, "is "), "are ")
				docs[spec.Name.Name+"."+name] = strings.ToUpper(text[:1]) + text[1:]
			}
			return true
		})
	}
	return docs
}

// The help shows each flag with what to give and its default.
func TestFlags_usage(t *testing.T) {
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	new(Flags).Register(fs)
	usage := strings.Join(strings.Fields(fs.FlagUsages()), " ")
	for _, want := range []string{
		"--listen address The address of the decision doors over HTTP: host:port, or unix:///path. (default 127.0.0.1:8181)",
		"--bundle source The policy bundles: directories, .tar.gz archives, or URLs with https:// or oci://. --",
	} {
		if !strings.Contains(usage, want) {
			t.Errorf("usage = %q, want %q in it", usage, want)
		}
	}
}
