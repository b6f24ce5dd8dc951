package main

import (
	"context"
	"log/slog"
	"math"
	"runtime"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"postern/sidecar/config"
)

// memoryShare is how much of a container's memory Go may come to before it collects harder;
// the rest is for what it does not count. memoryEvery is how often a limit that is changed
// in place is looked at.
const (
	memoryShare = 0.9
	memoryEvery = time.Minute
)

// limits takes the container's limits over: Go's scheduler has found that of the processors
// itself (GOMAXPROCS), and GOMEMLIMIT, where the environment does not set it, follows the
// memory of the cgroup.
func limits(ctx context.Context, log *slog.Logger, c *config.Config) {
	memory, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithRefreshInterval(ctx, memoryEvery))
	if err != nil {
		log.Warn("limits", "warning", "the memory of the cgroup cannot be read; GOMEMLIMIT can be set instead", "error", err)
		return
	}
	if memory == math.MaxInt64 {
		log.Debug("limits", "processors", runtime.GOMAXPROCS(0))
		return
	}
	log.Info("limits", "memory", memory, "processors", runtime.GOMAXPROCS(0))
	if caches := int64(c.Cache.Tokens) + int64(c.Cache.Decisions); caches > memory/2 {
		log.Warn("limits", "warning", "cache.tokens and cache.decisions may take more than half of the memory", "caches", caches, "memory", memory)
	}
}
