package matrix

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"postern/sidecar/bundle"
	"postern/sidecar/model"
	"postern/sidecar/phrase"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/session"
)

// Options say how to build a matrix. The zero value is good for Clerk's sessions.
type Options struct {
	Policy policy.Options
	// Profile is how names are compared; empty stands for [session.ProfileClerk].
	Profile session.Profile
	// Deadline bounds the decision of one cell; 0 stands for [Deadline].
	Deadline time.Duration
	// Now is the time to decide at. The zero time is one too.
	Now time.Time
	// RoleSets and Plans, where not empty, are the only ones to have tables of.
	RoleSets, Plans []string
}

// Deadline is how long one cell may take. It is much longer than a server's, since a busy
// machine must not break a table.
const Deadline = 10 * time.Second

// ErrNoRoles is the error for a bundle that only tokens say of what its roles may do.
var ErrNoRoles = errors.New("the bundle's model has no roles, so only tokens say what a role may do: there is no matrix")

// Build decides every cell. The bundle is left as it is. A policy that gives no decision
// for a cell makes it fail with a [*BrokenError], since no table may show a broken policy
// as a denial.
func Build(ctx context.Context, b *bundle.Bundle, o Options) (*Matrix, error) {
	if b.Model == nil || b.Model.Roles == nil {
		return nil, ErrNoRoles
	}
	permissions := rows(b.Model)
	m, err := outline(b, permissions, o)
	if err != nil {
		return nil, err
	}
	asked, err := questions(permissions)
	if err != nil {
		return nil, err
	}
	synthetic := newNames(b.Model)
	bound := &policy.Bound{Deadline: cmp.Or(o.Deadline, Deadline), Abandoned: mostBroken}
	p, err := policy.New(ctx, synthetic.populate(b, m.Tables), bound, o.Policy)
	if err != nil {
		return nil, err
	}
	f := &filling{
		policy: p, model: b.Model, tables: m.Tables, questions: asked, names: synthetic,
		profile: cmp.Or(o.Profile, session.ProfileClerk), now: o.Now,
	}
	if err := f.run(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// outline is the matrix of these permissions without its answers.
func outline(b *bundle.Bundle, permissions []string, o Options) (*Matrix, error) {
	sets, err := chosen("role set", o.RoleSets, slices.Sorted(maps.Keys(b.Model.RoleSets)))
	if err != nil {
		return nil, err
	}
	plans, err := chosen("plan", o.Plans, slices.Sorted(maps.Keys(b.Model.Plans)))
	if err != nil {
		return nil, err
	}
	m := &Matrix{Revision: b.Revision, Digest: b.Digest, Names: namesOf(b.Model)}
	for _, set := range sets {
		roles := slices.Sorted(maps.Keys(b.Model.Roles))
		if set != "" {
			roles = slices.Sorted(slices.Values(b.Model.RoleSets[set].Roles))
		}
		for _, plan := range plans {
			t := Table{RoleSet: set, Plan: plan, Roles: roles, Permissions: permissions, Cells: []Cell{}}
			for _, permission := range permissions {
				for _, role := range roles {
					t.Cells = append(t.Cells, Cell{Key: Key{RoleSet: set, Plan: plan, Role: role, Permission: permission}})
				}
			}
			m.Tables = append(m.Tables, t)
		}
	}
	return m, nil
}

// chosen are those of names that are wanted, or all. A model without any has one, "".
func chosen(what string, wanted, names []string) ([]string, error) {
	for _, name := range wanted {
		if len(names) == 0 {
			return nil, fmt.Errorf("%s %s: the model has no %ss", what, phrase.Quote(name), what)
		}
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("%s %s is not in the model%s", what, phrase.Quote(name), phrase.DidYouMean(phrase.Suggest(name, names)))
		}
	}
	switch {
	case len(names) == 0:
		return []string{""}, nil
	case len(wanted) == 0:
		return names, nil
	default:
		return slices.Compact(slices.Sorted(slices.Values(wanted))), nil
	}
}

// rows are the permissions to ask for: those of the catalogue, those that any role has,
// and the system's.
func rows(m *model.Model) []string {
	all := append(slices.Collect(maps.Keys(m.Permissions)), model.SystemPermissions...)
	for _, role := range m.Roles {
		all = append(all, role.Permissions...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// questions are the bodies of POST /v1/check that ask for one permission each, read as
// the server reads them.
func questions(permissions []string) ([]request.Question, error) {
	all := make([]request.Question, len(permissions))
	for i, permission := range permissions {
		body, err := json.Marshal(map[string]string{"permission": permission})
		if err != nil {
			return nil, fmt.Errorf("permission %s: %w", phrase.Quote(permission), err)
		}
		if all[i], err = request.ParseCheck(body); err != nil {
			return nil, fmt.Errorf("permission %s: %w", phrase.Quote(permission), err)
		}
	}
	return all, nil
}

// namesOf collects the names that are no repetition of their keys, each as one line.
func namesOf(m *model.Model) Names {
	n := Names{RoleSets: map[string]string{}, Plans: map[string]string{}, Roles: map[string]string{}, Permissions: map[string]string{}}
	add := func(to map[string]string, key, name string) {
		if name = phrase.OneLine(name); name != "" && name != key {
			to[key] = name
		}
	}
	for key, s := range m.RoleSets {
		add(n.RoleSets, key, s.Name)
	}
	for key, p := range m.Plans {
		add(n.Plans, key, p.Name)
	}
	for key, r := range m.Roles {
		add(n.Roles, key, r.Name)
	}
	for key, p := range m.Permissions {
		add(n.Permissions, key, p.Name)
	}
	return n
}

// A filling is the work of answering every cell.
type filling struct {
	policy    *policy.Policy
	model     *model.Model
	tables    []Table
	questions []request.Question // in the order of the tables' permissions
	names     synthetic
	profile   session.Profile
	now       time.Time
	broken    brokenList
}

// A column is one role of one table: the cells that one session answers.
type column struct{ table, role int }

// run fills the columns, several at a time. Each writes to cells of its own.
func (f *filling) run(ctx context.Context) error {
	columns := make(chan column)
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for c := range columns {
				if errs[i] == nil && ctx.Err() == nil && !f.broken.full() {
					errs[i] = f.column(ctx, c)
				}
			}
		})
	}
	for t := range f.tables {
		for r := range f.tables[t].Roles {
			columns <- column{t, r}
		}
	}
	close(columns)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return cmp.Or(errors.Join(errs...), f.broken.err())
}

// column asks for every permission as one member.
func (f *filling) column(ctx context.Context, c column) error {
	t := &f.tables[c.table]
	subject, err := policy.NewSubject(f.member(t, t.Roles[c.role]))
	if err != nil {
		return err
	}
	in := policy.Input{Subject: subject, Now: f.now}
	for i := range f.questions {
		if ctx.Err() != nil || f.broken.full() {
			return nil
		}
		cell := &t.row(i)[c.role]
		answer, cause := f.policy.Check(ctx, in, &f.questions[i])
		d := answer.Decision
		if code, none := undecided(d, cause); none && ctx.Err() == nil {
			f.broken.add(Broken{Key: cell.Key, Code: code, Cause: cause})
		}
		cell.Allow, cell.Reasons = d.Allow, codes(d)
	}
	return nil
}
