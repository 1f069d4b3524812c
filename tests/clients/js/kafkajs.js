// kafkajs' life with a broker: BOOTSTRAP OURS THEIRS. Reads topic OURS, fills topic THEIRS, and cleans up the rest.
'use strict'

const assert = require('node:assert/strict')
const { once, EventEmitter } = require('node:events')
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } = require('kafkajs')
const lz4 = require('lz4js')
const xxh32 = require('lz4js/xxh32')
const { ZstdCodec } = require('zstd-codec')

const [bootstrap, ours, theirs] = process.argv.slice(2)
const work = `${theirs}-work`
const group = `${theirs}-group`
const count = 300
const timestamp = 1_700_000_000_000
const names = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const types = { none: 'None', gzip: 'GZIP', snappy: 'Snappy', lz4: 'LZ4', zstd: 'ZSTD' }

const kafka = new Kafka({ brokers: [bootstrap], clientId: 'kafkajs', logLevel: logLevel.ERROR })

/** lz4js does not say that the blocks of a frame are independent, as they are here, with one block; Kafka insists on it. */
function withIndependentBlocks(frame) {
  frame[4] |= 0x20
  frame[6] = (xxh32.hash(0, frame, 4, 2) >> 8) & 0xff
  return frame
}

function addCodecs(zstd) {
  CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async (encoder) => withIndependentBlocks(Buffer.from(lz4.compress(encoder.buffer))),
    decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
  })
  const simple = new zstd.Simple()
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder) => Buffer.from(simple.compress(encoder.buffer)),
    decompress: async (buffer) => Buffer.from(simple.decompress(buffer)),
  })
}

function record(name, n) {
  return {
    key: name,
    value: `${name}:${'x'.repeat(1000)}`,
    partition: 0,
    timestamp: String(timestamp + n),
    headers: { codec: [name, 'again'], empty: '' },
  }
}

async function produceEveryCodec() {
  for (const [n, name] of names.entries()) {
    const producer = kafka.producer({ idempotent: true })
    await producer.connect()
    const [sent] = await producer.send({
      topic: theirs,
      acks: -1,
      compression: CompressionTypes[types[name]],
      messages: [record(name, n)],
    })
    assert.equal(sent.baseOffset, String(n))
    await producer.disconnect()
  }
  const producer = kafka.producer()
  await producer.connect()
  const gone = { key: 'gone', value: null, partition: 0, timestamp: String(timestamp + names.length) }
  await producer.send({ topic: theirs, messages: [gone] })
  await producer.disconnect()
}

/** A member of a group: what it owns, and what it has seen. */
async function member(groupId, topic, seen, changes, onMessage = () => {}) {
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 200, sessionTimeout: 10_000, maxWaitTimeInMs: 100 })
  const member = { consumer, owned: [] }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    member.owned = payload.memberAssignment[topic] ?? []
    changes.emit('change')
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      seen.add(`${partition}-${message.offset}`)
      onMessage(message)
      changes.emit('change')
    },
  })
  return member
}

async function until(what, changes, fulfilled) {
  const late = AbortSignal.timeout(60_000)
  while (!fulfilled()) {
    try {
      await once(changes, 'change', { signal: late })
    } catch {
      throw new Error(`${what} does not come`)
    }
  }
}

async function readOurs() {
  const got = []
  const changes = new EventEmitter()
  const reader = await member(`${group}-reader`, ours, new Set(), changes, (message) => got.push(message))
  await until('the end of ours', changes, () => got.length > names.length)
  await reader.consumer.disconnect()
  for (const [n, name] of names.entries()) {
    const { key, value, headers, timestamp } = record(name, n)
    assert.equal(String(got[n].key), key)
    assert.equal(String(got[n].value), value)
    assert.equal(got[n].timestamp, timestamp)
    assert.deepEqual(got[n].headers.codec.map(String), headers.codec)
    assert.equal(String(got[n].headers.empty), headers.empty)
  }
  assert.equal(got[names.length].value, null)
}

async function aGroupRebalances(admin) {
  const seen = new Set()
  const changes = new EventEmitter()
  const first = await member(group, work, seen, changes)
  await until('one member has all', changes, () => first.owned.length === 3)
  const second = await member(group, work, seen, changes)
  const both = () => [...first.owned, ...second.owned].sort().join()
  const shared = () => first.owned.length > 0 && second.owned.length > 0 && both() === '0,1,2'
  await until('two members share', changes, shared)
  const { groups } = await admin.describeGroups([group])
  assert.equal(groups[0].members.length, 2)
  await until('all is read', changes, () => seen.size === count)
  await second.consumer.disconnect()
  await until('the first member has all again', changes, () => first.owned.length === 3)
  await first.consumer.commitOffsets([0, 1, 2].map((partition) => ({ topic: work, partition, offset: '100' })))
  await first.consumer.disconnect()
  const [fetched] = await admin.fetchOffsets({ groupId: group, topics: [work] })
  const behind = fetched.partitions.reduce((sum, { offset }) => sum + Number(offset), 0)
  assert.equal(behind, count)
}

/** Asks until the answer is what is wanted: a broker learns of a change after its controller has acknowledged it. */
async function eventually(what, wanted, ask) {
  const deadline = Date.now() + 60_000
  let got = await ask()
  while (got !== wanted && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    got = await ask()
  }
  assert.equal(got, wanted, what)
}

async function administer(admin) {
  await admin.createPartitions({ topicPartitions: [{ topic: work, count: 4 }] })
  const resource = { type: ConfigResourceTypes.TOPIC, name: work }
  const configEntries = [{ name: 'retention.ms', value: '3600000' }]
  await admin.alterConfigs({ resources: [{ ...resource, configEntries }] })
  await eventually('retention.ms', '3600000', async () => {
    const { resources } = await admin.describeConfigs({ resources: [resource] })
    return resources[0].configEntries.find(({ configName }) => configName === 'retention.ms').configValue
  })
  await admin.deleteTopicRecords({ topic: work, partitions: [{ partition: 0, offset: '5' }] })
  const offsets = await admin.fetchTopicOffsets(work)
  assert.equal(offsets.find(({ partition }) => partition === 0).low, '5')
  const [byTime] = await admin.fetchTopicOffsetsByTimestamp(theirs, timestamp + 2)
  assert.equal(byTime.offset, '2')
  const { groups } = await admin.listGroups()
  assert.ok(groups.some(({ groupId }) => groupId === group))
  assert.equal((await admin.describeCluster()).brokers.length, 1)
  await admin.deleteGroups([group, `${group}-reader`])
  await admin.deleteTopics({ topics: [work] })
  await eventually('topic is there', false, async () => (await admin.listTopics()).includes(work))
}

async function main() {
  addCodecs(await new Promise((resolve) => ZstdCodec.run(resolve)))
  const admin = kafka.admin()
  await admin.connect()
  console.log('create topics')
  const compact = [{ name: 'cleanup.policy', value: 'compact' }]
  await admin.createTopics({
    topics: [
      { topic: work, numPartitions: 3, replicationFactor: 1 },
      { topic: theirs, numPartitions: 1, replicationFactor: 1, configEntries: compact },
    ],
  })
  console.log('produce with every codec')
  await produceEveryCodec()
  console.log('read what kconnect wrote')
  await readOurs()
  console.log('a group rebalances')
  const producer = kafka.producer()
  await producer.connect()
  const messages = Array.from({ length: count }, (_, n) => ({ value: String(n), partition: n % 3 }))
  await producer.send({ topic: work, messages })
  await producer.disconnect()
  await aGroupRebalances(admin)
  console.log('administer')
  await administer(admin)
  await admin.disconnect()
  console.log('done')
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
