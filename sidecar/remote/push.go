package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	registry "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// PushOptions are what [Push] pushes, and where.
type PushOptions struct {
	// Reference is oci://registry/repository:tag.
	Reference string
	// Archive is the .tar.gz. It is pushed as it is: whoever calls has found it good.
	Archive []byte
	// DockerConfig, CA, Cert and Key are as in [Options].
	DockerConfig, CA, Cert, Key string
	// Annotations are the manifest's.
	Annotations map[string]string
}

// emptyConfig is the configuration of an image that nothing runs.
const emptyConfig = "{}"

// epoch stands in the place of the time, so that the same archive has the same digest.
const epoch = "1970-01-01T00:00:00Z"

// Push puts an archive into a registry, in the form that OPA's downloader and [Source]
// read, lets the tag name it, and returns the manifest's digest. An error names the
// reference and the cause, and holds no secret; the tag names what it named before.
func Push(ctx context.Context, o PushOptions) (string, error) {
	a, err := parseAddress(o.Reference, o.CA != "")
	switch {
	case err != nil:
		return "", err
	case a.reference == nil:
		return "", errors.New("bundles are pushed to oci://registry/repository:tag")
	case a.pinned != "":
		return "", fmt.Errorf("%s: a digest comes of what is pushed: want a tag alone", a.name)
	case len(o.Archive) == 0:
		return "", fmt.Errorf("%s: the archive is empty", a.name)
	}
	d, err := o.push(ctx, a)
	if err != nil {
		return "", &fault{a.name + ": " + err.Error(), err}
	}
	return d.String(), nil
}

func (o PushOptions) push(ctx context.Context, a *address) (digest.Digest, error) {
	source := Options{CA: o.CA, Cert: o.Cert, Key: o.Key, DockerConfig: o.DockerConfig, UserAgent: "postern"}
	c, err := source.connect(a)
	if err != nil {
		return "", err
	}
	defer c.close()
	if o.DockerConfig != "" {
		if _, err := credentialFor(ctx, o.DockerConfig, a.url.Host); err != nil {
			return "", err
		}
	}
	repository := &registry.Repository{Client: source.registryClient(a, c), Reference: *a.reference, PlainHTTP: a.url.Scheme == "http"}
	layer := content.NewDescriptorFromBytes(ocispec.MediaTypeImageLayerGzip, o.Archive)
	layer.Annotations = map[string]string{ocispec.AnnotationTitle: "bundle.tar.gz"}
	config := content.NewDescriptorFromBytes(ocispec.MediaTypeImageConfig, []byte(emptyConfig))
	for _, blob := range []struct {
		ocispec.Descriptor
		content []byte
	}{{config, []byte(emptyConfig)}, {layer, o.Archive}} {
		if err := pushBlob(ctx, repository, blob.Descriptor, blob.content); err != nil {
			return "", refused(err)
		}
	}
	annotations := map[string]string{ocispec.AnnotationCreated: epoch}
	maps.Copy(annotations, o.Annotations)
	manifest, err := oras.PackManifest(ctx, repository, oras.PackManifestVersion1_1, "", oras.PackManifestOptions{
		ConfigDescriptor: &config, Layers: []ocispec.Descriptor{layer}, ManifestAnnotations: annotations,
	})
	if err == nil {
		err = repository.Tag(ctx, manifest, a.reference.Reference)
	}
	if err != nil {
		return "", refused(err)
	}
	return manifest.Digest, nil
}

// pushBlob pushes what the registry does not have.
func pushBlob(ctx context.Context, to *registry.Repository, d ocispec.Descriptor, body []byte) error {
	known, err := to.Blobs().Exists(ctx, d)
	if err != nil || known {
		return err
	}
	return to.Blobs().Push(ctx, d, bytes.NewReader(body))
}

// refused says why a registry takes nothing.
func refused(err error) error {
	if code, ok := errors.AsType[*errcode.ErrorResponse](err); ok && code.StatusCode == http.StatusNotFound {
		return errors.New("the registry has no such repository (404)")
	}
	return cause(err)
}
