// kafkajs as a worker: a member of a group until SIGTERM, which writes events (see rebalance/worker.py).
const fs = require('fs')
const { Kafka, PartitionAssigners, logLevel } = require('kafkajs')

const REFUSED = ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'REBALANCE_IN_PROGRESS']

const config = JSON.parse(process.argv[2])
const owned = new Set()
let commits = 0
let leaving = false
let processing = Promise.resolve()

function write(kind, fields) {
  const t = Number(process.hrtime.bigint()) / 1e6 // CLOCK_MONOTONIC
  fs.writeSync(1, JSON.stringify({ t, e: kind, ...fields }) + '\n')
}

const kafka = new Kafka({
  clientId: 'sluice-rebalance',
  brokers: [config.bootstrap],
  logLevel: logLevel.ERROR,
  logCreator: () => ({ log }) => write('note', { text: `${log.message} ${log.error || ''}` }),
  retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 30 },
})
const consumer = kafka.consumer({
  groupId: config.group,
  partitionAssigners: [PartitionAssigners.roundRobin],
  sessionTimeout: config.session_ms,
  heartbeatInterval: config.heartbeat_ms,
  rebalanceTimeout: 30000,
  maxWaitTimeInMs: 100,
})

function giveUp(kind) {
  if (owned.size) {
    write(kind, { partitions: [...owned] })
    owned.clear()
  }
}

// The broker's own answer, which kafkajs wraps where it cannot be retried.
function original(error) {
  return error.cause ? original(error.cause) : error
}

async function commit(topic, partition, offset) {
  const id = ++commits
  write('commit', { id, offsets: { [partition]: offset } })
  try {
    await consumer.commitOffsets([{ topic, partition, offset: String(offset) }])
    write('committed', { id })
  } catch (failure) {
    const error = original(failure)
    if (REFUSED.includes(error.type)) {
      write('refused', { id, error: String(error), rebalancing: error.type === 'REBALANCE_IN_PROGRESS' })
    } else {
      write('unsure', { id, error: String(error) })
    }
    throw error // only so kafkajs joins again when the coordinator does not know this member
  }
}

async function processBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }) {
  let next = -1
  for (const message of batch.messages) {
    if (leaving || !isRunning() || isStale()) break
    write('record', { p: batch.partition, o: Number(message.offset), v: Number(message.value.toString()) })
    resolveOffset(message.offset)
    next = Number(message.offset) + 1
  }
  if (next >= 0) await commit(batch.topic, batch.partition, next)
  await heartbeat()
}

function eachBatch(payload) {
  const done = processBatch(payload)
  processing = done.catch(() => {})
  return done
}

async function leave() {
  leaving = true
  await processing
  giveUp('revoked')
  await consumer.disconnect()
  process.exit(0)
}

async function main() {
  const { GROUP_JOIN, REBALANCING, CRASH } = consumer.events
  consumer.on(REBALANCING, () => giveUp('revoked'))
  consumer.on(GROUP_JOIN, ({ payload }) => {
    giveUp('lost') // the coordinator had forgotten this member, which kafkajs does not tell
    const partitions = payload.memberAssignment[config.topic] || []
    partitions.forEach(partition => owned.add(partition))
    write('assigned', { partitions, generation: null })
  })
  consumer.on(CRASH, ({ payload }) => {
    write('note', { text: `crash: ${payload.error}` })
    giveUp('lost')
    if (!payload.restart && !leaving) run() // as its documentation asks of applications
  })
  process.on('SIGTERM', leave)
  write('version', { version: `kafkajs ${require('kafkajs/package.json').version}` })
  await run()
}

async function run() {
  await consumer.connect()
  await consumer.subscribe({ topic: config.topic, fromBeginning: true })
  await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch })
}

main()
