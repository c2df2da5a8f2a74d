package main

import (
	"encoding/json"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

type fields map[string]any

var writing sync.Mutex

// writeEvent writes one line for the scenario of a rebalance test, in one write.
func writeEvent(kind string, about fields) {
	writing.Lock()
	defer writing.Unlock()
	line := fields{"t": monotonicMs(), "e": kind}
	for name, value := range about {
		line[name] = value
	}
	text, _ := json.Marshal(line)
	_, _ = os.Stdout.Write(append(text, '\n'))
}

// monotonicMs is CLOCK_MONOTONIC, which Go keeps to itself; all workers share it.
func monotonicMs() float64 {
	const clockMonotonic = 1
	var now syscall.Timespec
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	return float64(now.Sec)*1e3 + float64(now.Nsec)/1e6
}
