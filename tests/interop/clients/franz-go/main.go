// franz-go as a client program.
package main

import (
	"context"
	"os"
	"runtime/debug"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	timeout   = 30 * time.Second
	sizeLimit = 8 << 20
)

type program struct {
	bootstrap string
	admin     *kadm.Client
}

func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), timeout)
}

func (p program) about(request) (answer, error) {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/twmb/franz-go" {
			return answer{"version": module.Version}, nil
		}
	}
	return answer{"version": "unknown"}, nil
}

// Administration

func (p program) metadata(r request) (answer, error) {
	ctx, cancel := within()
	defer cancel()
	found, err := p.admin.Metadata(ctx, r.Topic)
	if err != nil {
		return nil, err
	}
	topic := found.Topics[r.Topic]
	if topic.Err != nil {
		return nil, topic.Err
	}
	return answer{"brokers": len(found.Brokers), "partitions": topic.Partitions.Numbers()}, nil
}

func (p program) describeCluster(request) (answer, error) {
	ctx, cancel := within()
	defer cancel()
	found, err := p.admin.BrokerMetadata(ctx)
	if err != nil {
		return nil, err
	}
	return answer{"brokers": found.Brokers.NodeIDs(), "controller": found.Controller, "cluster_id": found.Cluster}, nil
}

func (p program) createTopic(r request) (answer, error) {
	ctx, cancel := within()
	defer cancel()
	configs := map[string]*string{}
	for name, value := range r.Configs {
		configs[name] = kadm.StringPtr(value)
	}
	_, err := p.admin.CreateTopic(ctx, r.Partitions, 1, configs, r.Topic)
	return nil, err
}

func (p program) deleteTopic(r request) (answer, error) {
	ctx, cancel := within()
	defer cancel()
	_, err := p.admin.DeleteTopic(ctx, r.Topic)
	return nil, err
}

func (p program) createPartitions(r request) (answer, error) {
	ctx, cancel := within()
	defer cancel()
	found, err := p.admin.UpdatePartitions(ctx, r.Total, r.Topic)
	if err != nil {
		return nil, err
	}
	return nil, found.Error()
}

func (p program) describeConfigs(r request) (answer, error) {
	ctx, cancel := within()
	defer cancel()
	found, err := p.admin.DescribeTopicConfigs(ctx, r.Topic)
	if err != nil {
		return nil, err
	}
	topic, err := found.On(r.Topic, nil)
	if err != nil {
		return nil, err
	}
	configs := map[string]string{}
	for _, entry := range topic.Configs {
		configs[entry.Key] = entry.MaybeValue()
	}
	return answer{"configs": configs}, topic.Err
}

func (p program) alterConfigs(r request) (answer, error) {
	return p.alter(p.admin.AlterTopicConfigsState, r.Configs, nil, r.Topic)
}

func (p program) incrementalAlterConfigs(r request) (answer, error) {
	return p.alter(p.admin.AlterTopicConfigs, r.Set, r.Delete, r.Topic)
}

type alterCall func(context.Context, []kadm.AlterConfig, ...string) (kadm.AlterConfigsResponses, error)

func (p program) alter(call alterCall, set map[string]string, remove []string, topic string) (answer, error) {
	ctx, cancel := within()
	defer cancel()
	var changes []kadm.AlterConfig
	for name, value := range set {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr(value)})
	}
	for _, name := range remove {
		changes = append(changes, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: name})
	}
	found, err := call(ctx, changes, topic)
	if err != nil {
		return nil, err
	}
	for _, response := range found {
		if response.Err != nil {
			return nil, response.Err
		}
	}
	return nil, nil
}

func (p program) deleteRecords(r request) (answer, error) {
	ctx, cancel := within()
	defer cancel()
	var before kadm.Offsets
	before.AddOffset(r.Topic, r.Partition, r.Before, -1)
	found, err := p.admin.DeleteRecords(ctx, before)
	if err != nil {
		return nil, err
	}
	deleted, _ := found.Lookup(r.Topic, r.Partition)
	return answer{"low": deleted.LowWatermark}, deleted.Err
}

func (p program) listOffsets(r request) (answer, error) {
	ctx, cancel := within()
	defer cancel()
	starts, err := p.admin.ListStartOffsets(ctx, r.Topic)
	if err != nil {
		return nil, err
	}
	ends, err := p.admin.ListEndOffsets(ctx, r.Topic)
	if err != nil {
		return nil, err
	}
	start, _ := starts.Lookup(r.Topic, r.Partition)
	end, _ := ends.Lookup(r.Topic, r.Partition)
	if start.Err != nil {
		return nil, start.Err
	}
	return answer{"earliest": start.Offset, "latest": end.Offset}, end.Err
}

func (p program) offsetForTime(r request) (answer, error) {
	ctx, cancel := within()
	defer cancel()
	found, err := p.admin.ListOffsetsAfterMilli(ctx, r.Timestamp, r.Topic)
	if err != nil {
		return nil, err
	}
	listed, _ := found.Lookup(r.Topic, r.Partition)
	return answer{"offset": listed.Offset}, listed.Err
}

// Records

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func (p program) produce(r request) (answer, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(p.bootstrap),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[r.Codec]),
		kgo.ProducerBatchMaxBytes(sizeLimit),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.RecordDeliveryTimeout(timeout),
	}
	if !r.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	sent := make([]*kgo.Record, len(r.Records))
	for index, wanted := range r.Records {
		sent[index] = &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: wanted.Key, Value: wanted.Value}
		if wanted.Timestamp != nil {
			sent[index].Timestamp = time.UnixMilli(*wanted.Timestamp)
		}
		for _, h := range wanted.Headers {
			sent[index].Headers = append(sent[index].Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
		}
	}
	ctx, cancel := within()
	defer cancel()
	if err := client.ProduceSync(ctx, sent...).FirstErr(); err != nil {
		return nil, err
	}
	offsets := make([]int64, len(sent))
	for index, record := range sent {
		offsets[index] = record.Offset
	}
	return answer{"offsets": offsets}, nil
}

func (p program) fetch(r request) (answer, error) {
	from := map[string]map[int32]kgo.Offset{r.Topic: {r.Partition: kgo.NewOffset().At(r.Start)}}
	client, err := p.consumer(kgo.ConsumePartitions(from))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	records, err := collect(client, r.Count)
	return answer{"records": records}, err
}

func (p program) groupConsume(r request) (answer, error) {
	client, err := p.consumer(
		kgo.ConsumeTopics(r.Topic),
		kgo.ConsumerGroup(r.Group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	records, err := collect(client, r.Count)
	if err != nil {
		return nil, err
	}
	ctx, cancel := within()
	defer cancel()
	// What was polled beyond `count` must be read again by the next member.
	last := &kgo.Record{Topic: r.Topic, Partition: 1, Offset: records[len(records)-1].Offset, LeaderEpoch: -1}
	return answer{"records": records}, client.CommitRecords(ctx, last)
}

func (p program) consumer(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options, kgo.SeedBrokers(p.bootstrap), kgo.FetchMaxPartitionBytes(sizeLimit))...)
}

func collect(client *kgo.Client, count int) ([]record, error) {
	ctx, cancel := within()
	defer cancel()
	records := []record{}
	for len(records) < count && ctx.Err() == nil {
		fetches := client.PollRecords(ctx, count-len(records))
		for _, failed := range fetches.Errors() {
			if ctx.Err() == nil {
				return nil, failed.Err
			}
		}
		fetches.EachRecord(func(found *kgo.Record) {
			at := found.Timestamp.UnixMilli()
			headers := []header{}
			for _, h := range found.Headers {
				headers = append(headers, header{h.Key, h.Value})
			}
			records = append(records, record{found.Offset, found.Key, found.Value, headers, &at})
		})
	}
	return records, nil
}

func main() {
	if os.Args[1] == "worker" {
		runWorker(os.Args[2])
		return
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Args[1]))
	if err != nil {
		panic(err)
	}
	p := program{os.Args[1], kadm.NewClient(client)}
	serve(map[string]operation{
		"about":                     p.about,
		"metadata":                  p.metadata,
		"describe_cluster":          p.describeCluster,
		"create_topic":              p.createTopic,
		"delete_topic":              p.deleteTopic,
		"create_partitions":         p.createPartitions,
		"describe_configs":          p.describeConfigs,
		"alter_configs":             p.alterConfigs,
		"incremental_alter_configs": p.incrementalAlterConfigs,
		"delete_records":            p.deleteRecords,
		"list_offsets":              p.listOffsets,
		"offset_for_time":           p.offsetForTime,
		"produce":                   p.produce,
		"fetch":                     p.fetch,
		"group_consume":             p.groupConsume,
	})
}
