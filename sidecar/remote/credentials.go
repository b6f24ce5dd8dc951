package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"postern/sidecar/phrase"
	"postern/sidecar/secretfile"
)

// credentialFor reads what a docker config.json has for a registry, which may be nothing.
// Its errors do not quote the file: the library's own would, with the password.
func credentialFor(ctx context.Context, path, host string) (auth.Credential, error) {
	text, _, err := secretfile.Read(path)
	if err != nil {
		return auth.EmptyCredential, err
	}
	var helpers struct {
		CredsStore  string                     `json:"credsStore"`
		CredHelpers map[string]string          `json:"credHelpers"`
		Auths       map[string]json.RawMessage `json:"auths"`
	}
	if err := json.Unmarshal(text, &helpers); err != nil {
		return auth.EmptyCredential, fmt.Errorf("%s: not a docker config", path)
	}
	server := credentials.ServerAddressFromHostname(host)
	for _, name := range []string{server, host} {
		if helper := helpers.CredHelpers[name]; helper != "" {
			return auth.EmptyCredential, helperFault(path, host, helper)
		}
	}
	if several(helpers.Auths, server) {
		return auth.EmptyCredential, fmt.Errorf("%s: auths has several entries of %s, and none is %s itself", path, host, phrase.Quote(server))
	}
	store, err := credentials.NewFileStore(path)
	if err != nil {
		return auth.EmptyCredential, fmt.Errorf("%s: not a docker config", path)
	}
	found, err := store.Get(ctx, server)
	switch {
	case err != nil:
		return auth.EmptyCredential, fmt.Errorf("%s: the credentials of %s cannot be read", path, host)
	case found == auth.EmptyCredential && helpers.CredsStore != "":
		return auth.EmptyCredential, helperFault(path, host, helpers.CredsStore)
	}
	return found, nil
}

// several reports whether different entries are of one server, with schemes or paths, and
// none is its own: the library would take any of them, each time another.
func several(auths map[string]json.RawMessage, server string) bool {
	if _, own := auths[server]; own {
		return false
	}
	var first []byte
	for name, entry := range auths {
		_, rest, ok := strings.Cut(name, "://")
		if !ok {
			rest = name
		}
		if host, _, _ := strings.Cut(rest, "/"); host != server {
			continue
		}
		if first != nil && !bytes.Equal(first, entry) {
			return true
		}
		first = entry
	}
	return false
}

func helperFault(path, host, helper string) error {
	return fmt.Errorf("%s: the credentials of %s are with the helper %s, and helpers are not run: put them under auths", path, host, phrase.Quote(helper))
}
