// kafkajs as a client program: one JSON request per line in, one JSON answer per line out.
'use strict'

const readline = require('node:readline')
const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs')
const codecs = require('./codecs')

const timeout = 30000
const compression = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

const kafka = new Kafka({ brokers: [process.argv[2]], logLevel: logLevel.NOTHING, retry: { retries: 3 } })

const encode = data => (data === null || data === undefined ? null : Buffer.from(data).toString('base64'))
const decode = text => (text === null ? null : Buffer.from(text, 'base64'))
const entries = object => Object.entries(object).map(([name, value]) => ({ name, value }))

async function withAdmin(call) {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await call(admin)
  } finally {
    await admin.disconnect()
  }
}

async function partitionOffset(found, partition) {
  return (await found).find(entry => entry.partition === partition)
}

function headersIn(pairs) {
  const headers = {}
  for (const [name, value] of pairs) {
    const data = decode(value)
    headers[name] = name in headers ? [].concat(headers[name], [data]) : data
  }
  return headers
}

function headersOut(headers) {
  return Object.entries(headers || {}).flatMap(([name, values]) => [].concat(values).map(value => [name, encode(value)]))
}

const operations = {
  async about() {
    return { version: require('kafkajs/package.json').version }
  },

  async metadata({ topic }) {
    return withAdmin(async admin => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      const { brokers } = await admin.describeCluster()
      return { brokers: brokers.length, partitions: topics[0].partitions.map(p => p.partitionId).sort() }
    })
  },

  async describe_cluster() {
    const found = await withAdmin(admin => admin.describeCluster())
    const brokers = found.brokers.map(broker => broker.nodeId)
    return { brokers, controller: found.controller, cluster_id: found.clusterId }
  },

  async create_topic({ topic, partitions, configs }) {
    const wanted = { topic, numPartitions: partitions, replicationFactor: 1, configEntries: entries(configs) }
    const created = await withAdmin(admin => admin.createTopics({ topics: [wanted], waitForLeaders: true }))
    if (!created) throw new Error('the topic exists')
  },

  async delete_topic({ topic }) {
    await withAdmin(admin => admin.deleteTopics({ topics: [topic] }))
  },

  async create_partitions({ topic, total }) {
    await withAdmin(admin => admin.createPartitions({ topicPartitions: [{ topic, count: total }] }))
  },

  async describe_configs({ topic }) {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic }]
    const found = await withAdmin(admin => admin.describeConfigs({ resources, includeSynonyms: false }))
    const pairs = found.resources[0].configEntries.map(entry => [entry.configName, entry.configValue])
    return { configs: Object.fromEntries(pairs) }
  },

  async alter_configs({ topic, configs }) {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: entries(configs) }]
    await withAdmin(admin => admin.alterConfigs({ resources, validateOnly: false }))
  },

  // kafkajs looks up the leader in what it has already loaded, so the offsets are asked for once before; and it keeps
  // the low watermark of the answer to itself, so they are asked for again.
  async delete_records({ topic, partition, before }) {
    return withAdmin(async admin => {
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] })
      const found = await partitionOffset(admin.fetchTopicOffsets(topic), partition)
      return { low: Number(found.low) }
    })
  },

  async list_offsets({ topic, partition }) {
    const found = await withAdmin(admin => partitionOffset(admin.fetchTopicOffsets(topic), partition))
    return { earliest: Number(found.low), latest: Number(found.high) }
  },

  async offset_for_time({ topic, partition, timestamp }) {
    const asked = admin => partitionOffset(admin.fetchTopicOffsetsByTimestamp(topic, timestamp), partition)
    const offset = Number((await withAdmin(asked)).offset)
    return { offset: offset < 0 ? null : offset }
  },

  async produce({ topic, partition, codec, idempotent, records }) {
    const producer = kafka.producer({ idempotent, maxInFlightRequests: idempotent ? 1 : null })
    await producer.connect()
    const offsets = []
    try {
      // One send is one batch in kafkajs, so many records are sent in slices.
      for (let from = 0; from < records.length; from += 5000) {
        const messages = records.slice(from, from + 5000).map(record => ({
          key: decode(record.key),
          value: decode(record.value),
          headers: headersIn(record.headers),
          partition,
          ...(record.timestamp === null ? {} : { timestamp: String(record.timestamp) }),
        }))
        const [sent] = await producer.send({ topic, messages, acks: -1, compression: compression[codec], timeout })
        for (let index = 0; index < messages.length; index++) offsets.push(Number(sent.baseOffset) + index)
      }
    } finally {
      await producer.disconnect()
    }
    return { offsets }
  },

  async group_consume({ topic, group, count }) {
    const consumer = kafka.consumer({ groupId: group })
    await consumer.connect()
    const records = []
    try {
      await consumer.subscribe({ topic, fromBeginning: true })
      await new Promise((resolve, reject) => {
        setTimeout(resolve, timeout).unref()
        const eachMessage = async ({ message }) => {
          if (records.length === count) return
          records.push({
            offset: Number(message.offset),
            key: encode(message.key),
            value: encode(message.value),
            headers: headersOut(message.headers),
            timestamp: Number(message.timestamp),
          })
          if (records.length === count) resolve()
        }
        consumer.run({ autoCommit: false, eachMessage }).catch(reject)
      })
      const next = String(records[records.length - 1].offset + 1)
      await consumer.commitOffsets([{ topic, partition: 1, offset: next }])
    } finally {
      await consumer.disconnect()
    }
    return { records }
  },
}

async function answer(line) {
  try {
    const { op, ...request } = JSON.parse(line)
    return { ok: true, ...(await operations[op](request)) }
  } catch (error) {
    return { ok: false, error: `${error.name}: ${error.message}` }
  }
}

async function main() {
  await codecs.install()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(line)) + '\n')
  }
}

main()
