// Package dataset is a store for the evaluator that holds a bundle's base documents in
// little memory. As values of the evaluator, a hundred thousand organizations take some ten
// times what they take as JSON, and a decision reads four members of one of them. So what
// is small is kept as values, and what is large is packed into one string ([table]) from
// which a read makes the value that it asks for. Data never changes: there is one version,
// and no writes.
package dataset

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/storage"
)

// A Store answers the evaluator's reads. It is safe for concurrent use. What it returns is
// shared, as with OPA's own store: nobody may change it.
type Store struct {
	storage.WritesNotSupported
	storage.PolicyNotSupported
	storage.TriggersNotSupported
	root  node
	found found
}

// New packs base documents: the values that JSON has, with numbers as [json.Number], whose
// digits stay as they are. It keeps no list or object of data. It fails on a value that the
// evaluator has no equal of.
func New(data map[string]any) (*Store, error) {
	root, err := place(data)
	if err != nil {
		return nil, err
	}
	return &Store{root: root}, nil
}

// A transaction has no state: all see the one version of the data.
type transaction struct{ of *Store }

// ID is the same for all, since none differs from another.
func (transaction) ID() uint64 { return 1 }

// NewTransaction begins to read. It refuses to write.
func (s *Store) NewTransaction(_ context.Context, params ...storage.TransactionParams) (storage.Transaction, error) {
	if len(params) > 0 && params[0].Write {
		return nil, &storage.Error{Code: storage.WritesNotSupportedErr, Message: "data is read-only"}
	}
	return transaction{s}, nil
}

// Read is the value at a path, an [ast.Value]. Where there is none, the error is one of
// [storage.IsNotFound].
func (s *Store) Read(_ context.Context, txn storage.Transaction, path storage.Path) (any, error) {
	if err := s.owns(txn); err != nil {
		return nil, err
	}
	if r, ok := txn.(*Reading); ok {
		r.note(path)
	}
	value, ok := s.root.read(path)
	if !ok {
		return nil, notFound
	}
	return value, nil
}

// notFound is what OPA's own store says of a path with nothing at its end.
var notFound = &storage.Error{Code: storage.NotFoundErr, Message: "document does not exist"}

// NonEmpty tells the compiler whether a rule at a path conflicts with data: there is data,
// or the way to it ends early, in a value that is no object. Nothing is made for it.
func (s *Store) NonEmpty(_ context.Context, txn storage.Transaction) func([]string) (bool, error) {
	return func(path []string) (bool, error) {
		if err := s.owns(txn); err != nil {
			return false, err
		}
		return s.root.blocks(path), nil
	}
}

func (s *Store) owns(txn storage.Transaction) error {
	var of *Store
	switch t := txn.(type) {
	case transaction:
		of = t.of
	case *Reading:
		of = t.of
	}
	if of != s {
		return &storage.Error{Code: storage.InvalidTransactionErr, Message: fmt.Sprintf("transaction %T is of another store", txn)}
	}
	return nil
}

// Commit ends a transaction, in which nothing can have been written.
func (s *Store) Commit(_ context.Context, txn storage.Transaction) error { return s.owns(txn) }

// Abort ends a transaction.
func (s *Store) Abort(context.Context, storage.Transaction) {}

// Truncate replaces all data, and so is refused.
func (s *Store) Truncate(context.Context, storage.Transaction, storage.TransactionParams, storage.Iterator) error {
	return &storage.Error{Code: storage.WritesNotSupportedErr, Message: "data is read-only"}
}
