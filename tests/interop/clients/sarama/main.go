// sarama as a client program.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/IBM/sarama"
)

const (
	timeout   = 30 * time.Second
	sizeLimit = 8 << 20
)

type program struct {
	bootstrap []string
}

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Consumer.Fetch.Default = sizeLimit
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	return c
}

// withAdmin runs one call with a connection of its own.
func (p program) withAdmin(call func(sarama.ClusterAdmin) (answer, error)) (answer, error) {
	admin, err := sarama.NewClusterAdmin(p.bootstrap, config())
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	return call(admin)
}

func (p program) withClient(call func(sarama.Client) (answer, error)) (answer, error) {
	client, err := sarama.NewClient(p.bootstrap, config())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return call(client)
}

func (p program) about(request) (answer, error) {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/IBM/sarama" {
			return answer{"version": module.Version}, nil
		}
	}
	return answer{"version": "unknown"}, nil
}

// Administration

func (p program) metadata(r request) (answer, error) {
	return p.withClient(func(client sarama.Client) (answer, error) {
		partitions, err := client.Partitions(r.Topic)
		return answer{"brokers": len(client.Brokers()), "partitions": partitions}, err
	})
}

func (p program) describeCluster(request) (answer, error) {
	return p.withClient(func(client sarama.Client) (answer, error) {
		controller, err := client.Controller()
		if err != nil {
			return nil, err
		}
		found, err := controller.GetMetadata(sarama.NewMetadataRequest(sarama.MaxVersion, nil))
		if err != nil {
			return nil, err
		}
		ids := []int32{}
		for _, broker := range found.Brokers {
			ids = append(ids, broker.ID())
		}
		return answer{"brokers": ids, "controller": found.ControllerID, "cluster_id": found.ClusterID}, nil
	})
}

func pointers(configs map[string]string) map[string]*string {
	entries := map[string]*string{}
	for name, value := range configs {
		entries[name] = &value
	}
	return entries
}

func (p program) createTopic(r request) (answer, error) {
	return p.withAdmin(func(admin sarama.ClusterAdmin) (answer, error) {
		detail := sarama.TopicDetail{
			NumPartitions: r.Partitions, ReplicationFactor: 1, ConfigEntries: pointers(r.Configs),
		}
		return nil, admin.CreateTopic(r.Topic, &detail, false)
	})
}

func (p program) deleteTopic(r request) (answer, error) {
	return p.withAdmin(func(admin sarama.ClusterAdmin) (answer, error) {
		return nil, admin.DeleteTopic(r.Topic)
	})
}

func (p program) createPartitions(r request) (answer, error) {
	return p.withAdmin(func(admin sarama.ClusterAdmin) (answer, error) {
		return nil, admin.CreatePartitions(r.Topic, int32(r.Total), nil, false)
	})
}

func (p program) describeConfigs(r request) (answer, error) {
	return p.withAdmin(func(admin sarama.ClusterAdmin) (answer, error) {
		entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: r.Topic})
		configs := map[string]string{}
		for _, entry := range entries {
			configs[entry.Name] = entry.Value
		}
		return answer{"configs": configs}, err
	})
}

func (p program) alterConfigs(r request) (answer, error) {
	return p.withAdmin(func(admin sarama.ClusterAdmin) (answer, error) {
		return nil, admin.AlterConfig(sarama.TopicResource, r.Topic, pointers(r.Configs), false)
	})
}

func (p program) incrementalAlterConfigs(r request) (answer, error) {
	entries := map[string]sarama.IncrementalAlterConfigsEntry{}
	for name, value := range pointers(r.Set) {
		entries[name] = sarama.IncrementalAlterConfigsEntry{
			Operation: sarama.IncrementalAlterConfigsOperationSet, Value: value,
		}
	}
	for _, name := range r.Delete {
		entries[name] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationDelete}
	}
	return p.withAdmin(func(admin sarama.ClusterAdmin) (answer, error) {
		return nil, admin.IncrementalAlterConfig(sarama.TopicResource, r.Topic, entries, false)
	})
}

// deleteRecords asks for the earliest offset afterwards, as sarama keeps the low watermark of the answer to itself.
func (p program) deleteRecords(r request) (answer, error) {
	_, err := p.withAdmin(func(admin sarama.ClusterAdmin) (answer, error) {
		return nil, admin.DeleteRecords(r.Topic, map[int32]int64{r.Partition: r.Before})
	})
	if err != nil {
		return nil, err
	}
	offsets, err := p.listOffsets(r)
	if err != nil {
		return nil, err
	}
	return answer{"low": offsets["earliest"]}, nil
}

func (p program) listOffsets(r request) (answer, error) {
	return p.withClient(func(client sarama.Client) (answer, error) {
		earliest, err := client.GetOffset(r.Topic, r.Partition, sarama.OffsetOldest)
		if err != nil {
			return nil, err
		}
		latest, err := client.GetOffset(r.Topic, r.Partition, sarama.OffsetNewest)
		return answer{"earliest": earliest, "latest": latest}, err
	})
}

func (p program) offsetForTime(r request) (answer, error) {
	return p.withClient(func(client sarama.Client) (answer, error) {
		offset, err := client.GetOffset(r.Topic, r.Partition, r.Timestamp)
		if offset < 0 {
			return answer{"offset": nil}, err
		}
		return answer{"offset": offset}, err
	})
}

// Records

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

// bytes keeps null and empty apart, which sarama.ByteEncoder does as well, but only for a nil interface.
func bytes(data []byte) sarama.Encoder {
	if data == nil {
		return nil
	}
	return sarama.ByteEncoder(data)
}

func (p program) produce(r request) (answer, error) {
	c := config()
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Compression = codecs[r.Codec]
	c.Producer.Idempotent = r.Idempotent
	c.Producer.MaxMessageBytes = sizeLimit
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.Return.Successes = true
	c.Producer.Flush.Frequency = 5 * time.Millisecond
	c.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer(p.bootstrap, c)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	sent := make([]*sarama.ProducerMessage, len(r.Records))
	for index, wanted := range r.Records {
		message := sarama.ProducerMessage{
			Topic: r.Topic, Partition: r.Partition, Key: bytes(wanted.Key), Value: bytes(wanted.Value),
		}
		if wanted.Timestamp != nil {
			message.Timestamp = time.UnixMilli(*wanted.Timestamp)
		}
		for _, h := range wanted.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(h.name), Value: h.value})
		}
		sent[index] = &message
	}
	if err := producer.SendMessages(sent); err != nil {
		if failed, listed := err.(sarama.ProducerErrors); listed {
			return nil, fmt.Errorf("%d messages failed, first: %w", len(failed), failed[0].Err)
		}
		return nil, err
	}
	offsets := make([]int64, len(sent))
	for index, message := range sent {
		offsets[index] = message.Offset
	}
	return answer{"offsets": offsets}, nil
}

func (p program) fetch(r request) (answer, error) {
	consumer, err := sarama.NewConsumer(p.bootstrap, config())
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(r.Topic, r.Partition, r.Start)
	if err != nil {
		return nil, err
	}
	defer partition.Close()
	records := []record{}
	for deadline := time.After(timeout); len(records) < r.Count; {
		select {
		case found := <-partition.Messages():
			records = append(records, converted(found))
		case <-deadline:
			return answer{"records": records}, nil
		}
	}
	return answer{"records": records}, nil
}

func converted(found *sarama.ConsumerMessage) record {
	at := found.Timestamp.UnixMilli()
	headers := []header{}
	for _, h := range found.Headers {
		headers = append(headers, header{string(h.Key), h.Value})
	}
	return record{found.Offset, found.Key, found.Value, headers, &at}
}

// member collects `wanted` records and commits the last of them.
type member struct {
	wanted  int
	records []record
	done    context.CancelFunc
}

func (m *member) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case found := <-claim.Messages():
			if found == nil {
				return nil
			}
			// Only one partition of the topic has records, so that one goroutine alone comes here.
			m.records = append(m.records, converted(found))
			if len(m.records) == m.wanted {
				session.MarkMessage(found, "")
				session.Commit()
				m.done()
				return nil
			}
		case <-session.Context().Done():
			return nil
		}
	}
}

func (p program) groupConsume(r request) (answer, error) {
	group, err := sarama.NewConsumerGroup(p.bootstrap, r.Group, config())
	if err != nil {
		return nil, err
	}
	defer group.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	m := member{wanted: r.Count, done: cancel}
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{r.Topic}, &m); err != nil && ctx.Err() == nil {
			return nil, err
		}
	}
	return answer{"records": m.records}, nil
}

func main() {
	if os.Args[1] == "worker" {
		runWorker(os.Args[2])
		return
	}
	p := program{[]string{os.Args[1]}}
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
