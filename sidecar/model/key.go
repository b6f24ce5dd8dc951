package model

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/sidecar/phrase"
)

// maxKey bounds every key and id, in bytes.
const maxKey = 256

const (
	organizationPrefix = "org:"
	systemPrefix       = "org:sys_"
)

// SystemPermissions are the permissions that tokens never carry and that roles may
// grant without a catalogue.
var SystemPermissions = []string{
	"org:sys_billing:manage",
	"org:sys_billing:read",
	"org:sys_domains:manage",
	"org:sys_domains:read",
	"org:sys_entconns:manage",
	"org:sys_memberships:manage",
	"org:sys_memberships:read",
	"org:sys_profile:delete",
	"org:sys_profile:manage",
}

// MinimumPermissions are those that the creator of an organization must hold, and that
// at least one member must keep.
var MinimumPermissions = []string{
	"org:sys_memberships:manage",
	"org:sys_memberships:read",
	"org:sys_profile:delete",
}

var (
	roleKey       = regexp.MustCompile(`^org:[a-z0-9_]+$`)
	permissionKey = regexp.MustCompile(`^org:([a-z0-9_]+):[a-z0-9_]+$`)
	slug          = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]*[a-z0-9_])?$`)
	domainName    = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
)

// checkID refuses what no key or id may be: empty, too long, or with white space,
// control characters or invalid UTF-8 in it.
func checkID(what, key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%s is empty", what)
	case len(key) > maxKey:
		return fmt.Errorf("%s %s is longer than %d bytes", what, phrase.Quote(key), maxKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("%s %s is not valid UTF-8", what, phrase.Quote(key))
	case strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }):
		return fmt.Errorf("%s %s has white space or a control character in it", what, phrase.Quote(key))
	}
	return nil
}

// checkRole accepts org: with lower-case letters, digits and underscores, and any key
// that does not begin with org:.
func checkRole(key string) error {
	if err := checkID("role", key); err != nil {
		return err
	}
	if strings.HasPrefix(key, organizationPrefix) && !roleKey.MatchString(key) {
		return fmt.Errorf("role %s is malformed: after org: come only lower-case letters, digits and _", phrase.Quote(key))
	}
	return nil
}

// checkPermission accepts org:<feature>:<action>, the system permissions, and any key
// that does not begin with org:.
func checkPermission(key string) error {
	if err := checkID("permission", key); err != nil {
		return err
	}
	if !strings.HasPrefix(key, organizationPrefix) {
		return nil
	}
	if IsSystem(key) {
		if slices.Contains(SystemPermissions, key) {
			return nil
		}
		return fmt.Errorf("%s is none of the system permissions%s", phrase.Quote(key), phrase.DidYouMean(phrase.Suggest(key, SystemPermissions)))
	}
	if !permissionKey.MatchString(key) {
		return fmt.Errorf("permission %s is malformed: it is org:<feature>:<action> in lower-case letters, digits and _", phrase.Quote(key))
	}
	return nil
}

// checkSlug accepts lower-case letters, digits, - and _, which is what features are
// spelled with in tokens and in the middle of permissions.
func checkSlug(feature string) error {
	if err := checkID("feature", feature); err != nil {
		return err
	}
	if !slug.MatchString(feature) {
		return fmt.Errorf("feature %s is malformed: it is lower-case letters, digits, - and _", phrase.Quote(feature))
	}
	return nil
}

// IsSystem reports whether a permission's key is of the form that the issuer keeps for
// its own. [SystemPermissions] are those that there are.
func IsSystem(permission string) bool { return strings.HasPrefix(permission, systemPrefix) }

// Feature is the feature that a permission hangs on: the catalogue's word, for one that is
// not in it what its own key names, else none.
func (m *Model) Feature(permission string) string {
	if p, ok := m.Permissions[permission]; ok {
		return p.Feature
	}
	return featureOf(permission)
}

// featureOf is the feature that a permission's own key names, or none.
func featureOf(permission string) string {
	if IsSystem(permission) {
		return ""
	}
	m := permissionKey.FindStringSubmatch(permission)
	if m == nil {
		return ""
	}
	return m[1]
}
