package remote

import (
	"context"
	"encoding/json"
	"fmt"

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
		CredsStore  string            `json:"credsStore"`
		CredHelpers map[string]string `json:"credHelpers"`
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

func helperFault(path, host, helper string) error {
	return fmt.Errorf("%s: the credentials of %s are with the helper %s, and helpers are not run: put them under auths", path, host, phrase.Quote(helper))
}
