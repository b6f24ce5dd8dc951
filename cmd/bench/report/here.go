package report

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// libraries are the modules whose versions a reader must know, where they are part of the
// program that runs.
var libraries = []string{
	"github.com/open-policy-agent/opa",
	"github.com/valyala/fasthttp",
	"google.golang.org/grpc",
}

// Here says what a run is made on and of. What cannot be told is said to be unknown.
func Here(command string) Machine {
	m := Machine{
		Processor: processorModel(), Cores: runtime.NumCPU(), Kernel: kernel(), Go: runtime.Version(),
		Commit: commit(), Date: time.Now(), Command: command,
	}
	info, _ := debug.ReadBuildInfo()
	for _, path := range libraries {
		for _, d := range info.Deps {
			if d.Path == path {
				m.Libraries = append(m.Libraries, path[strings.LastIndexByte(path, '/')+1:]+" "+d.Version)
			}
		}
	}
	return m
}

func processorModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// commit is the short id of what is checked out, and whether there are changes to it.
func commit() string {
	id, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(id))
	if changes, err := exec.Command("git", "status", "--porcelain").Output(); err != nil || len(changes) > 0 {
		name += "+changes"
	}
	return name
}

// CommandLine is how a shell would be told to run a command of cmd with these arguments, as
// far as the flags ask for.
func CommandLine(command string, args []string) string {
	line := "go run ./cmd/" + command
	for _, a := range args {
		if strings.ContainsAny(a, " |()*^$?\"\\") {
			a = "'" + a + "'"
		}
		line += " " + a
	}
	return line
}
