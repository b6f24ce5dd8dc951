package process

import "testing"

func TestAnnounced(t *testing.T) {
	log := `{"msg":"keys loaded"}` + "\nno JSON\n" + `{"msg":"serving","addresses":{"http":"a:1"}}` + "\n" + `{"msg":"x"}`
	if got := announced(log); got["http"] != "a:1" {
		t.Errorf("addresses are %v", got)
	}
	if got := announced(`{"msg":"keys loaded","addresses":{"http":"a:1"}}`); got != nil {
		t.Errorf("addresses are %v, want none", got)
	}
}
