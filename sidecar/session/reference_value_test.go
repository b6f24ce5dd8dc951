package session

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func refMaskedPermissions(features []string, per, fpm jsontext.Value) ([]string, error) {
	if !refTruthy(per) || !refTruthy(fpm) {
		return nil, nil
	}
	perText, ok := refText(per)
	if !ok {
		return nil, errors.New("claim o.per is not text")
	}
	fpmText, ok := refText(fpm)
	if !ok {
		return nil, errors.New("claim o.fpm is not text")
	}
	names := refSplitTrimmed(perText)
	masks := refSplitTrimmed(fpmText)

	var permissions []string
	size := 0
	for i, feature := range features[:min(len(features), len(masks))] {
		mask, ok := refParseMask(masks[i])
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

func refParseMask(s string) (*big.Int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return nil, false
	}
	return new(big.Int).SetString(s, 10)
}

func refSplitTrimmed(list string) []string {
	elements := strings.Split(list, ",")
	for i, e := range elements {
		elements[i] = refTrimJS(e)
	}
	return elements
}

type refOidcClaims struct {
	SID            jsontext.Value `json:"sid"`
	Status         jsontext.Value `json:"sts"`
	OrganizationID jsontext.Value `json:"organization_id"`
	OrgRole        jsontext.Value `json:"org_role"`
	OrgPermissions jsontext.Value `json:"org_permissions"`
	Licenses       jsontext.Value `json:"licenses"`
	Entitlements   jsontext.Value `json:"entitlements"`
	Actor          jsontext.Value `json:"act"`
}

func refDecodeOIDC(payload jsontext.Value, s *Session) error {
	var c refOidcClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return errNoObject
	}
	var org Org
	var r strictReader
	r.text("sid", c.SID, &s.SessionID)
	r.text("sts", c.Status, &s.Status)
	r.text("organization_id", c.OrganizationID, &org.ID)
	r.text("org_role", c.OrgRole, &org.Role)
	r.texts("org_permissions", c.OrgPermissions, &org.Permissions)
	var licenses, entitlements []string
	r.texts("licenses", c.Licenses, &licenses)
	r.texts("entitlements", c.Entitlements, &entitlements)
	if r.err != nil {
		return r.err
	}
	s.Plans = scoped(licenses, nil)
	s.Features = scoped(entitlements, nil)
	s.Actor = notNull(c.Actor)
	if org.ID != "" {
		s.Org = &org
	}
	return nil
}

func refText(raw jsontext.Value) (string, bool) {
	if raw.Kind() != '"' {
		return "", false
	}
	s, err := jsontext.AppendUnquote(nil, raw)
	return string(s), err == nil
}

func refTexts(raw jsontext.Value) []string {
	if raw.Kind() != '[' {
		return nil
	}
	var elements []jsontext.Value
	if json.Unmarshal(raw, &elements) != nil {
		return nil
	}
	var list []string
	for _, e := range elements {
		if s, ok := refText(e); ok {
			list = append(list, s)
		}
	}
	return list
}

func refFactorAge(raw jsontext.Value) *[2]float64 {
	var ages []jsontext.Value
	if raw.Kind() != '[' || json.Unmarshal(raw, &ages) != nil || len(ages) != 2 {
		return nil
	}
	var minutes [2]float64
	for i, age := range ages {
		if age.Kind() != '0' {
			return nil
		}
		f := number(age)
		if f > maxNumber || f < 0 && f != -1 {
			return nil
		}
		minutes[i] = f
	}
	return &minutes
}

func refTruthy(raw jsontext.Value) bool {
	switch raw.Kind() {
	case '"':
		s, _ := refText(raw)
		return s != ""
	case '0':
		return !numberIs(raw, 0)
	case 't', '{', '[':
		return true
	}
	return false
}

func refTrimJS(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		switch r {
		case '\t', '\n', '\v', '\f', '\r', ' ', '\u00a0', '\u1680',
			'\u2028', '\u2029', '\u202f', '\u205f', '\u3000', '\ufeff':
			return true
		}
		return '\u2000' <= r && r <= '\u200a'
	})
}

// refJsString is without the short way for what is text; the rest was not changed.
func refJsString(raw jsontext.Value) (string, error) {
	s, err := appendString(nil, jsontext.NewDecoder(bytes.NewReader(raw)))
	return string(s), err
}
