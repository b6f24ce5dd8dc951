package session

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxPermissionBytes bounds the text of one session's permissions. A mask names a
// permission in a third of a digit, so that a crafted token could spell out a
// thousand times its own length.
const maxPermissionBytes = 1 << 20

// maskedPermissions spells out version 2's permissions, org:<feature>:<name>. The
// i-th decimal mask of fpm belongs to the i-th feature of the organization, and its
// bit k, the least significant first, to the k-th name of per. A mask that is not a
// plain decimal number grants nothing, missing ones too.
func maskedPermissions(features []string, per, fpm jsontext.Value) ([]string, error) {
	if !truthy(per) || !truthy(fpm) {
		return nil, nil
	}
	perText, ok := text(per)
	if !ok {
		return nil, errors.New("claim o.per is not text")
	}
	fpmText, ok := text(fpm)
	if !ok {
		return nil, errors.New("claim o.fpm is not text")
	}
	names := splitTrimmed(perText)
	masks := splitTrimmed(fpmText)

	var permissions []string
	size := 0
	for i, feature := range features[:min(len(features), len(masks))] {
		mask, ok := parseMask(masks[i])
		if !ok {
			continue
		}
		for k := range min(mask.BitLen(), len(names)) {
			if mask.Bit(k) == 0 {
				continue
			}
			permission := "org:" + feature + ":" + names[k]
			if size += len(permission); size > maxPermissionBytes {
				return nil, fmt.Errorf("claims fea and o spell more than %d bytes of permissions", maxPermissionBytes)
			}
			permissions = append(permissions, permission)
		}
	}
	return permissions, nil
}

// parseMask reads a mask of any length: ASCII digits and nothing else.
func parseMask(s string) (*big.Int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return nil, false
	}
	return new(big.Int).SetString(s, 10)
}

// splitTrimmed splits a comma list and trims its elements; empty ones keep their place.
func splitTrimmed(list string) []string {
	elements := strings.Split(list, ",")
	for i, e := range elements {
		elements[i] = trimJS(e)
	}
	return elements
}
