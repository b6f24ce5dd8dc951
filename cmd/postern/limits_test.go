package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"postern/sidecar/config"
)

// insideLimits is set for the process that runs in a cgroup.
const insideLimits = "TEST_INSIDE_LIMITS"

// TestLimits_inside says, in a cgroup, what was made of its limits.
func TestLimits_inside(t *testing.T) {
	if os.Getenv(insideLimits) == "" {
		t.Skip("it is TestLimits that asks")
	}
	limits(t.Context(), slog.New(slog.NewTextHandler(os.Stdout, nil)), config.Default())
	fmt.Printf("inside: %d bytes, %d processors\n", debug.SetMemoryLimit(-1), runtime.GOMAXPROCS(0))
}

// TestLimits: in a real cgroup of 200 MiB and two processors (Go goes no lower), both are found, and caches that
// are too large for it are warned of; what the environment says wins.
func TestLimits(t *testing.T) {
	groups := cgroups(t)
	inside := func(env ...string) string {
		t.Helper()
		var enter strings.Builder
		for _, group := range groups {
			fmt.Fprintf(&enter, "echo $$ > %s/cgroup.procs && ", group)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", enter.String()+"exec \"$0\" -test.run='^TestLimits_inside$'", os.Args[0])
		cmd.Env = append(append(os.Environ(), insideLimits+"=1"), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	f := func(got string, want ...string) {
		t.Helper()
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s\nwant %q in it", got, text)
			}
		}
	}
	f(inside(), fmt.Sprintf("inside: %d bytes, %d processors", memory*9/10, min(2, runtime.NumCPU())), "may take more than half of the memory")
	f(inside("GOMEMLIMIT=123MiB", "GOMAXPROCS=1"), fmt.Sprintf("inside: %d bytes, 1 processors", 123<<20))
}

// memory is the limit of the cgroup.
const memory = 200 << 20

// cgroups makes a cgroup with limits, of version 2 or of 1, below the test's own.
func cgroups(t *testing.T) []string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("it takes root on Linux to make a cgroup")
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip(err)
	}
	var made []string
	set := func(controller, path string, files ...string) {
		dir := filepath.Join("/sys/fs/cgroup", controller, path, fmt.Sprintf("postern-test-%d", os.Getpid()))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() { _ = os.Remove(dir) })
		for i := 0; i < len(files); i += 2 {
			if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
				t.Skip(err)
			}
		}
		made = append(made, dir)
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		_, path, _ := strings.Cut(string(text), "0::")
		set("", strings.TrimSpace(path), "memory.max", fmt.Sprint(memory), "cpu.max", "200000 100000")
		return made
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch fields[1] {
		case "memory":
			set("memory", fields[2], "memory.limit_in_bytes", fmt.Sprint(memory))
		case "cpu", "cpu,cpuacct":
			set(fields[1], fields[2], "cpu.cfs_period_us", "100000", "cpu.cfs_quota_us", "200000")
		}
	}
	if len(made) != 2 {
		t.Skip("no cgroups of memory and processors")
	}
	return made
}
