package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const batch = 100 * time.Millisecond

// worker is a member of a group until SIGTERM, which writes events (see rebalance/worker.py).
type worker struct {
	config    workerConfig
	client    *kgo.Client
	positions map[int32]int64 // processed and not committed
	commits   int
}

type workerConfig struct {
	Bootstrap   string  `json:"bootstrap"`
	Topic       string  `json:"topic"`
	Group       string  `json:"group"`
	Strategy    string  `json:"strategy"`
	Assignor    string  `json:"assignor"`
	Instance    *string `json:"instance"`
	SessionMs   int     `json:"session_ms"`
	HeartbeatMs int     `json:"heartbeat_ms"`
}

func (c workerConfig) options() []kgo.Opt {
	options := []kgo.Opt{
		kgo.SeedBrokers(c.Bootstrap),
		kgo.ConsumerGroup(c.Group),
		kgo.ConsumeTopics(c.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(batch),
		kgo.RebalanceTimeout(30 * time.Second),
	}
	if c.Instance != nil {
		options = append(options, kgo.InstanceID(*c.Instance))
	}
	if c.Strategy == "consumer" {
		// The balancer only names the assignor of the broker: sticky is uniform.
		balancer := kgo.StickyBalancer()
		if c.Assignor == "range" {
			balancer = kgo.RangeBalancer()
		}
		return append(options, kgo.ServerSideBalancer(), kgo.Balancers(balancer))
	}
	balancers := map[string]kgo.GroupBalancer{
		"range":              kgo.RangeBalancer(),
		"cooperative-sticky": kgo.CooperativeStickyBalancer(),
		"sticky":             kgo.StickyBalancer(),
		"roundrobin":         kgo.RoundRobinBalancer(),
	}
	return append(options,
		kgo.Balancers(balancers[c.Strategy]),
		kgo.SessionTimeout(time.Duration(c.SessionMs)*time.Millisecond),
		kgo.HeartbeatInterval(time.Duration(c.HeartbeatMs)*time.Millisecond))
}

func (w *worker) assigned(_ context.Context, client *kgo.Client, added map[string][]int32) {
	_, generation := client.GroupMetadata()
	writeEvent("assigned", fields{"partitions": partitions(added, w.config.Topic), "generation": generation})
}

func (w *worker) revoked(_ context.Context, _ *kgo.Client, removed map[string][]int32) {
	w.commit()
	w.giveUp("revoked", removed)
}

func (w *worker) lost(_ context.Context, _ *kgo.Client, removed map[string][]int32) {
	w.giveUp("lost", removed)
}

func (w *worker) giveUp(kind string, removed map[string][]int32) {
	gone := partitions(removed, w.config.Topic)
	for _, partition := range gone {
		delete(w.positions, partition)
	}
	writeEvent(kind, fields{"partitions": gone})
}

func partitions(of map[string][]int32, topic string) []int32 {
	return append([]int32{}, of[topic]...)
}

func (w *worker) commit() {
	if len(w.positions) == 0 {
		return
	}
	w.commits++
	written := map[string]int64{}
	wanted := map[int32]kgo.EpochOffset{}
	for partition, offset := range w.positions {
		written[strconv.Itoa(int(partition))] = offset
		wanted[partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
	}
	writeEvent("commit", fields{"id": w.commits, "offsets": written})
	err := w.send(wanted)
	outcome := fields{"id": w.commits}
	switch {
	case err == nil:
		w.positions = map[int32]int64{}
		writeEvent("committed", outcome)
	case refused(err):
		outcome["error"] = err.Error()
		outcome["rebalancing"] = errors.Is(err, kerr.RebalanceInProgress)
		writeEvent("refused", outcome)
	default:
		outcome["error"] = err.Error()
		writeEvent("unsure", outcome)
	}
}

func (w *worker) send(wanted map[int32]kgo.EpochOffset) (failure error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	w.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{w.config.Topic: wanted},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
			failure = err
			if err != nil {
				return
			}
			for _, topic := range answer.Topics {
				for _, partition := range topic.Partitions {
					if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
						failure = err
					}
				}
			}
		})
	return failure
}

func refused(err error) bool {
	for _, known := range []error{
		kerr.RebalanceInProgress, kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.FencedInstanceID,
		kerr.StaleMemberEpoch, kerr.FencedMemberEpoch,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// step processes and commits what one poll finds; the group may rebalance only between two steps.
func (w *worker) step(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, batch)
	defer cancel()
	fetches := w.client.PollRecords(within, 100)
	fetches.EachError(func(_ string, _ int32, err error) {
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			writeEvent("note", fields{"text": err.Error()})
		}
	})
	fetches.EachRecord(func(found *kgo.Record) {
		number, _ := strconv.ParseInt(string(found.Value), 10, 64)
		writeEvent("record", fields{"p": found.Partition, "o": found.Offset, "v": number})
		w.positions[found.Partition] = found.Offset + 1
	})
	w.commit()
	w.client.AllowRebalance()
}

func runWorker(argument string) {
	w := &worker{positions: map[int32]int64{}}
	if err := json.Unmarshal([]byte(argument), &w.config); err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	about, _ := program{}.about(request{})
	writeEvent("version", fields{"version": "franz-go " + about["version"].(string)})
	client, err := kgo.NewClient(append(w.config.options(),
		kgo.OnPartitionsAssigned(w.assigned), kgo.OnPartitionsRevoked(w.revoked), kgo.OnPartitionsLost(w.lost))...)
	if err != nil {
		panic(err)
	}
	w.client = client
	for ctx.Err() == nil {
		w.step(ctx)
	}
	client.CloseAllowingRebalance()
	os.Exit(0)
}
