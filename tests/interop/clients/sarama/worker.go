package main

import (
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/IBM/sarama"
)

const batch = 100 * time.Millisecond

// worker is a member of a group until SIGTERM, which writes events (see rebalance/worker.py). sarama consumes each partition
// in a goroutine of its own, which lives from the assignment of the partition until it is taken away.
type worker struct {
	config  workerConfig
	commits atomic.Int64
}

type workerConfig struct {
	Bootstrap   string  `json:"bootstrap"`
	Topic       string  `json:"topic"`
	Group       string  `json:"group"`
	Strategy    string  `json:"strategy"`
	Instance    *string `json:"instance"`
	SessionMs   int     `json:"session_ms"`
	HeartbeatMs int     `json:"heartbeat_ms"`
}

func (c workerConfig) settings() *sarama.Config {
	settings := config()
	settings.ClientID = "sluice-rebalance"
	settings.Consumer.Return.Errors = true
	settings.Consumer.MaxWaitTime = batch
	settings.Consumer.Group.Session.Timeout = time.Duration(c.SessionMs) * time.Millisecond
	settings.Consumer.Group.Heartbeat.Interval = time.Duration(c.HeartbeatMs) * time.Millisecond
	settings.Consumer.Group.Rebalance.Timeout = 30 * time.Second
	settings.Metadata.Retry.Max = 20
	if c.Instance != nil {
		settings.Consumer.Group.InstanceId = *c.Instance
	}
	strategies := map[string]func() sarama.BalanceStrategy{
		"range":              sarama.NewBalanceStrategyRange,
		"roundrobin":         sarama.NewBalanceStrategyRoundRobin,
		"sticky":             sarama.NewBalanceStrategySticky,
		"cooperative-sticky": sarama.NewBalanceStrategyCooperativeSticky,
	}
	settings.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategies[c.Strategy]()}
	return settings
}

func (w *worker) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (w *worker) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (w *worker) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	owned := []int32{claim.Partition()}
	writeEvent("assigned", fields{"partitions": owned, "generation": session.GenerationID()})
	position := int64(-1) // processed and not committed
	tick := time.NewTicker(batch)
	defer tick.Stop()
	for open := true; open && session.Context().Err() == nil; {
		select {
		case found, more := <-claim.Messages():
			if open = more; more {
				number, _ := strconv.ParseInt(string(found.Value), 10, 64)
				writeEvent("record", fields{"p": found.Partition, "o": found.Offset, "v": number})
				position = found.Offset + 1
			}
		case <-tick.C:
			w.commit(session, claim, position)
			position = -1
		case <-session.Context().Done():
		}
	}
	w.commit(session, claim, position)
	writeEvent("revoked", fields{"partitions": owned})
	return nil
}

// commit tells nothing of its outcome, as sarama does not; its errors go to a channel without saying which commit failed.
func (w *worker) commit(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim, position int64) {
	if position < 0 {
		return
	}
	id := w.commits.Add(1)
	offsets := map[string]int64{strconv.Itoa(int(claim.Partition())): position}
	writeEvent("commit", fields{"id": id, "offsets": offsets})
	session.MarkOffset(claim.Topic(), claim.Partition(), position, "")
	session.Commit()
	writeEvent("unsure", fields{"id": id})
}

func runWorker(argument string) {
	w := &worker{}
	if err := json.Unmarshal([]byte(argument), &w.config); err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	about, _ := program{}.about(request{})
	writeEvent("version", fields{"version": "sarama " + about["version"].(string)})
	group, err := sarama.NewConsumerGroup([]string{w.config.Bootstrap}, w.config.Group, w.config.settings())
	if err != nil {
		panic(err)
	}
	go func() {
		for failure := range group.Errors() {
			writeEvent("note", fields{"text": failure.Error()})
		}
	}()
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{w.config.Topic}, w); err != nil && ctx.Err() == nil {
			writeEvent("note", fields{"text": err.Error()})
			time.Sleep(batch)
		}
	}
	if err := group.Close(); err != nil {
		writeEvent("note", fields{"text": err.Error()})
	}
	os.Exit(0)
}
