package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/session"
	"postern/sidecar/token"
)

// The bounds that a token meets on its way.
const (
	// cookieBytes is what a browser keeps of one cookie, with its name (RFC 6265 section
	// 6.1).
	cookieBytes = 4096
	// advisedBytes is what Clerk advises custom claims to take at most, 1.2 KB.
	advisedBytes = 1200
)

// categories are Clerk's values of the header cat.
var categories = map[string]string{
	token.SessionCategory: "session",
	"cl_B7d4PD222AAA":     "JWT template",
	"cl_B7d4PD333AAA":     "machine-to-machine (M2M)",
	"cl_I7d4PD111III":     "class not stated",
}

// categoryOf is what cat means.
func categoryOf(cat string, present bool) string {
	if !present {
		return "not stated, taken for a session"
	}
	return cmp.Or(categories[cat], "unknown")
}

// versionOf is Clerk's form of the claims. Only the number 2 selects the second.
func versionOf(v jsontext.Value) Version {
	f, err := strconv.ParseFloat(string(v), 64)
	switch {
	case v == nil:
		return Version{1, "the claim v is absent"}
	case v.Kind() == '0' && err == nil && f == 2:
		return Version{2, "the claim v is the number 2"}
	default:
		return Version{1, "the claim v is something else than the number 2"}
	}
}

// standard are the claims that Clerk's tokens or RFC 7519 define.
var standard = []string{
	"act", "aud", "azp", "exp", "fea", "fva", "iat", "iss", "jti", "nbf", "o", "org_id", "org_permissions", "org_role", "org_slug",
	"pla", "sid", "sts", "sub", "v",
}

// customOf lists the other claims with the bytes that each takes of the payload, with its
// name, colon and comma.
func customOf(claims map[string]jsontext.Value) Custom {
	c := Custom{Claims: []Claim{}, Advised: advisedBytes}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if slices.Contains(standard, name) {
			continue
		}
		// The error is for invalid UTF-8, which reading the claims has replaced.
		quoted, err := jsontext.AppendQuote(nil, name)
		if err != nil {
			panic("BUG: the name of a claim is no JSON: " + err.Error())
		}
		value := claims[name]
		bytes := len(quoted) + len(value) + len(":,")
		if !value.IsValid() {
			value = jsontext.Value(`"(not valid JSON)"`)
		}
		c.Claims = append(c.Claims, Claim{Name: name, Bytes: bytes, Value: value})
		c.Bytes += bytes
	}
	return c
}

func sizeOf(bytes, limit int) Size {
	return Size{Bytes: bytes, Cookie: cookieBytes, CookieLeft: cookieBytes - bytes, Postern: limit, PosternLeft: limit - bytes}
}

func scopedOf(s *session.Scoped) *Scoped {
	if s == nil {
		return nil
	}
	return &Scoped{Org: append([]string{}, s.Org...), User: append([]string{}, s.User...)}
}

func actorOf(raw jsontext.Value) *Actor {
	if raw == nil || raw.Kind() == 'n' {
		return nil
	}
	all := members(raw)
	return &Actor{Subject: textOf(all["sub"]), Session: textOf(all["sid"]), Issuer: textOf(all["iss"]), Type: textOf(all["type"])}
}

// timesOf reads the dates. What is wrong with one beyond its type is among the objections.
func timesOf(claims map[string]jsontext.Value, now time.Time) []Time {
	var all []Time
	for _, claim := range []string{"iat", "nbf", "exp"} {
		t := Time{Claim: claim}
		seconds, err := strconv.ParseFloat(string(claims[claim]), 64)
		switch {
		case claims[claim] == nil:
			t.Problem = "absent"
		case claims[claim].Kind() != '0' || err != nil || math.Abs(seconds) >= 253402300800:
			t.Problem = "not a time"
		default:
			at := time.Unix(int64(math.Floor(seconds)), 0).UTC()
			t.Time, t.Relative = at.Format(time.RFC3339), relative(at.Sub(now))
		}
		all = append(all, t)
	}
	return all
}

// relative says how far from now a time is.
func relative(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d == 0:
		return "now"
	case d < 0:
		return length(-d) + " ago"
	default:
		return "in " + length(d)
	}
}

// length is a duration in the two largest units that it has.
func length(d time.Duration) string {
	units := []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	var parts []string
	for _, u := range units {
		if n := d / u.size; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d%s", n, u.name))
			d -= n * u.size
		} else if len(parts) > 0 {
			break
		}
	}
	return strings.Join(parts, " ")
}

// factorAgeOf is fva in words.
func factorAgeOf(age *[2]float64, present bool) FactorAge {
	switch {
	case age == nil && present:
		return FactorAge{Meaning: "not two numbers of minutes: every reverification fails"}
	case age == nil:
		return FactorAge{Meaning: "not stated: every reverification fails"}
	}
	return FactorAge{Minutes: age, Meaning: "first factor " + minutes(age[0]) + ", second factor " + minutes(age[1]) + "; as of iat"}
}

func minutes(n float64) string {
	if n == -1 {
		return "never verified"
	}
	return "verified " + strconv.FormatFloat(n, 'f', -1, 64) + " min before"
}
