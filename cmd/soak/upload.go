package main

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
)

// An event is a record as OPA's decision logs have it.
type event struct {
	ID     string `json:"decision_id"`
	Result struct {
		Allow  bool `json:"allow"`
		Status int  `json:"status"`
	} `json:"result"`
	Bundles map[string]struct {
		Revision string `json:"revision"`
	} `json:"bundles"`
	Custom struct {
		Item *int `json:"item"`
	} `json:"custom"`
}

func (e event) record() record {
	r := record{ID: e.ID, Item: e.Custom.Item, Allow: e.Result.Allow, Status: e.Result.Status}
	for _, b := range e.Bundles { // there is one
		r.Revision = b.Revision
	}
	return r
}

var seed = maphash.MakeSeed()

// hash is that of what a record is known by.
func (r record) hash() uint64 {
	item := -1
	if r.Item != nil {
		item = *r.Item
	}
	return maphash.String(seed, fmt.Sprint(r.ID, " ", item))
}

// upload takes an array of events. Those that are not acknowledged are sent again, and are
// counted once.
func (r *records) upload(body []byte, acknowledged bool) error {
	var events []event
	if err := json.Unmarshal(body, &events); err != nil {
		return fmt.Errorf("an upload: %w", err)
	}
	for _, e := range events {
		one := e.record()
		if r.again(one.hash(), acknowledged) {
			continue
		}
		r.take(one)
	}
	return nil
}

// again reports whether a record was taken before without being acknowledged.
func (r *records) again(hash uint64, acknowledged bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.unacknowledged[hash]
	if acknowledged {
		delete(r.unacknowledged, hash)
	} else {
		r.unacknowledged[hash] = true
	}
	return before
}
