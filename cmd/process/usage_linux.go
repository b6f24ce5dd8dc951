package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// The kinds of a processor clock, from include/linux/posix-timers_types.h. The clock of a
// process is its inverted id above three bits of kind; SCHED counts what the scheduler gave
// it, to the nanosecond, of threads that have ended too.
const (
	clockSched  = 2
	clockThread = 3 // CLOCK_THREAD_CPUTIME_ID
)

// ProcessorTime is the user and system time that a process has had so far.
func ProcessorTime(pid int) (time.Duration, error) {
	return clock(uintptr(^uint32(pid)<<3 | clockSched))
}

// ThreadTime is the same for the calling thread.
func ThreadTime() (time.Duration, error) { return clock(clockThread) }

func clock(id uintptr) (time.Duration, error) {
	var at syscall.Timespec
	// id is a clockid_t, an int of 32 bits; the kernel reads no more of it.
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&at)), 0); errno != 0 {
		return 0, fmt.Errorf("clock_gettime(%#x): %w", id, errno)
	}
	return time.Duration(at.Nano()), nil
}

// Resident is the memory that a process holds, in bytes.
func Resident(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}
