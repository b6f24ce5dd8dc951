package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

// mostLines is how many lines of one list are shown.
const mostLines = 500

// A page is text under way.
type page struct{ strings.Builder }

// line writes one line; values are to be shown by the caller.
func (p *page) line(format string, args ...any) {
	fmt.Fprintf(p, format, args...)
	p.WriteByte('\n')
}

// row writes a name and a value.
func (p *page) row(name, format string, args ...any) {
	p.line("  %-14s %s", name, fmt.Sprintf(format, args...))
}

// list writes the values below each other, the first beside the name.
func (p *page) list(name string, values []string) {
	for i, v := range values {
		if i == mostLines {
			p.row("", "and %d more", len(values)-i)
			return
		}
		if i > 0 {
			name = ""
		}
		p.row(name, "%s", show(v))
	}
}

// Text is the report for a person. Nothing in it but line ends is a control character.
func (r *Report) Text() string {
	p := &page{}
	r.printVerdict(p)
	p.line("\nheader")
	for _, f := range [][2]string{{"alg", r.Header.Alg}, {"typ", r.Header.Typ}, {"kid", r.Header.Kid}} {
		p.row(f[0], "%s", orDash(f[1]))
	}
	p.row("cat", "%s (%s)", orDash(r.Header.Cat), r.Header.Category)

	p.line("\nwho")
	p.row("issuer", "%s", orDash(r.Issuer))
	p.row("user", "%s", orDash(r.Subject))
	p.row("session", "%s", orDash(r.Session))
	p.row("azp", "%s", orDash(r.AuthorizedParty))
	if r.Status != "" {
		p.row("status", "%s%s", show(r.Status), map[bool]string{true: " (counts as signed out)"}[r.Status == "pending"])
	}
	if r.Actor != nil {
		p.row("acting", "%s, session %s, issuer %s", orDash(r.Actor.Subject), orDash(r.Actor.Session), orDash(r.Actor.Issuer))
	}
	if r.FactorAge.Meaning != "" {
		p.row("factors (fva)", "%s", r.FactorAge.Meaning)
	}

	p.line("\ntimes")
	for _, t := range r.Times {
		if t.Problem != "" {
			p.row(t.Claim, "%s", t.Problem)
		} else {
			p.row(t.Claim, "%s (%s)", t.Time, t.Relative)
		}
	}
	r.printRights(p)
	r.printSize(p)
	printNotes(p, "notes", r.Notes)
	r.printCheck(p)
	return Printable(p.String())
}

// printVerdict begins with what is known of the token's truth. Without keys, that is
// nothing.
func (r *Report) printVerdict(p *page) {
	switch r.Verification.State {
	case Verified:
		p.line("Verified: a key of its issuer signed this, and its times and parties hold.")
	case Refused:
		p.line("Refused: %s: %s", r.Verification.Code, r.Verification.Cause)
	default:
		p.line("Nothing was verified: anybody can have written what follows.")
	}
	if r.Malformed {
		p.line("It is not what serve calls a token. What follows was read leniently.")
	}
	for _, w := range r.Objections {
		if w.Code != r.Verification.Code || w.Cause != r.Verification.Cause {
			p.line("serve refuses it: %s: %s", w.Code, w.Cause)
		}
	}
}

// printRights shows what the claims grant.
func (r *Report) printRights(p *page) {
	p.line("\nrights")
	if r.Version.Number != 0 {
		p.row("claims", "version %d: %s", r.Version.Number, r.Version.Why)
	}
	if o := r.Organization; o != nil {
		p.row("organization", "%s, slug %s", orDash(o.ID), orDash(o.Slug))
		p.row("role", "%s", orDash(o.Role))
	} else {
		p.row("organization", "none active")
	}
	if len(r.Permissions) == 0 {
		p.row("permissions", "none")
	}
	p.list("permissions", r.Permissions)
	if r.clerk {
		p.row("", "(system permissions, org:sys_…, are never in a session token)")
	}
	for _, s := range []struct {
		name string
		list *Scoped
	}{{"features", r.Features}, {"plans", r.Plans}} {
		if s.list == nil {
			p.row(s.name, "none, or the claim cannot be read")
			continue
		}
		p.row(s.name, "organization: %s; user: %s", joined(s.list.Org), joined(s.list.User))
	}
	if len(r.Masks) == 0 {
		return
	}
	p.line("\nmasks: the n-th mask of o.fpm belongs to the organization's n-th feature, bit k to the k-th name of o.per, from 0 on")
	for _, m := range r.Masks {
		if m.Problem != "" {
			p.line("  %d. %s: %s %s: grants nothing", m.Position, show(m.Feature), m.Problem, show(m.Mask))
			continue
		}
		p.line("  %d. %s: %s = bits %s: %s", m.Position, show(m.Feature), show(m.Mask), bits(m.Bits), joined(m.Permissions))
	}
}

// printSize shows what the token takes, and what of it is custom.
func (r *Report) printSize(p *page) {
	p.line("\nsize")
	p.row("token", "%d bytes", r.Size.Bytes)
	p.row("cookie", "%s", left(r.Size.CookieLeft, r.Size.Cookie, "a cookie holds, with its name"))
	if r.Size.Postern > 0 {
		p.row("postern", "%s", left(r.Size.PosternLeft, r.Size.Postern, "serve reads"))
	}
	p.row("custom claims", "%d bytes; at most %d are advised", r.CustomClaims.Bytes, r.CustomClaims.Advised)
	for i, c := range r.CustomClaims.Claims {
		if i == mostLines {
			p.row("", "and %d more", len(r.CustomClaims.Claims)-i)
			break
		}
		p.row("", "%s, %d bytes: %s", show(c.Name), c.Bytes, showJSON(c.Value))
	}
}

func left(n, of int, what string) string {
	if n < 0 {
		return fmt.Sprintf("%d too many for the %d that %s", -n, of, what)
	}
	return fmt.Sprintf("%d left of the %d that %s", n, of, what)
}

func printNotes(p *page, title string, notes []Note) {
	if len(notes) == 0 {
		return
	}
	p.line("\n%s", title)
	for _, n := range notes {
		p.line("  %s: %s", n.Code, n.Text)
	}
}

// printCheck shows the answer to a question.
func (r *Report) printCheck(p *page) {
	if r.Check == nil {
		return
	}
	d := r.Check.Decision
	if d.Allow {
		p.line("\ncheck: allow")
	} else {
		p.line("\ncheck: deny, status %d", d.Status)
	}
	for _, reason := range d.Reasons {
		p.line("  %s: %s", reason.Code, strings.ReplaceAll(reason.Message, "\n", " "))
	}
	p.line("  bundle %s", show(r.Check.Bundle))
	printNotes(p, "what the token has to do with it", r.Check.Hints)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return show(s)
}

// joined shows names in one line.
func joined(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	var shown []string
	for i, n := range names {
		if i == mostLines {
			shown = append(shown, fmt.Sprintf("and %d more", len(names)-i))
			break
		}
		shown = append(shown, show(n))
	}
	return strings.Join(shown, " ")
}

func bits(set []int) string {
	var shown []string
	for _, k := range set {
		shown = append(shown, strconv.Itoa(k))
	}
	if shown == nil {
		return "none"
	}
	return strings.Join(shown, ",")
}
