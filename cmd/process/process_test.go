package process

import (
	"os/exec"
	"testing"
	"time"
)

// TestServe_ends: a program that ends is not waited for.
func TestServe_ends(t *testing.T) {
	program, err := exec.LookPath("false")
	if err != nil {
		t.Skip(err)
	}
	began := time.Now()
	if _, err := Serve(t.Context(), nil, program, "none"); err == nil || time.Since(began) > startTime/2 {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestAnnounced(t *testing.T) {
	log := `{"msg":"keys loaded"}` + "\nno JSON\n" + `{"msg":"serving","addresses":{"http":"a:1"}}` + "\n" + `{"msg":"x"}`
	if got := announced(log); got["http"] != "a:1" {
		t.Errorf("addresses are %v", got)
	}
	if got := announced(`{"msg":"keys loaded","addresses":{"http":"a:1"}}`); got != nil {
		t.Errorf("addresses are %v, want none", got)
	}
}
