package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// request is one line of stdin; every operation uses some of its fields.
type request struct {
	Op         string            `json:"op"`
	Topic      string            `json:"topic"`
	Partitions int32             `json:"partitions"`
	Partition  int32             `json:"partition"`
	Total      int               `json:"total"`
	Configs    map[string]string `json:"configs"`
	Set        map[string]string `json:"set"`
	Delete     []string          `json:"delete"`
	Before     int64             `json:"before"`
	Timestamp  int64             `json:"timestamp"`
	Codec      string            `json:"codec"`
	Idempotent bool              `json:"idempotent"`
	Records    []record          `json:"records"`
	Start      int64             `json:"start"`
	Count      int               `json:"count"`
	Group      string            `json:"group"`
}

// record carries bytes as base64 and null as null, which is how encoding/json writes []byte.
type record struct {
	Offset    int64    `json:"offset"`
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []header `json:"headers"`
	Timestamp *int64   `json:"timestamp"`
}

type header struct {
	name  string
	value []byte
}

func (h header) MarshalJSON() ([]byte, error) { return json.Marshal([]any{h.name, h.value}) }

func (h *header) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&h.name, &h.value})
}

type answer map[string]any

type operation func(request) (answer, error)

// serve answers every line of stdin by the operation that it names.
func serve(operations map[string]operation) {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err == nil {
			_ = out.Encode(run(operations, line))
		}
	}
}

func run(operations map[string]operation, line []byte) answer {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{"ok": false, "error": err.Error()}
	}
	chosen, known := operations[asked.Op]
	if !known {
		return answer{"ok": false, "error": fmt.Sprintf("no operation %s", asked.Op)}
	}
	found, err := chosen(asked)
	if err != nil {
		return answer{"ok": false, "error": err.Error()}
	}
	if found == nil {
		found = answer{}
	}
	found["ok"] = true
	return found
}
