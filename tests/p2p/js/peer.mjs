// A js-libp2p peer that takes part in the network: dials a node, joins a topic, publishes,
// receives, and asks the node one direct question. Prints one JSON object a line.
//
//   node peer.mjs [--dial ADDRESS] [--topic NAME] [--publish TEXT]... [--expect COUNT]
//                 [--request PROTOCOL --payload HEX]
//
// Without --dial it waits until it is dialled at the address that it prints first.
// A request is one frame (unsigned LEB128 length, then the payload); the answer is one frame
// whose first byte is 0 (then the answer) or 1 (then the reason of the refusal, UTF-8).
// It ends after the answer and after COUNT messages of the topic have arrived, with exit code
// 0; after 60 s without that, with 1.

import { parseArgs } from 'node:util'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

// js-libp2p 3.3 asks for Node 22 for this one function; with it, Node 20 will do.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new Promise((_resolve, _reject) => { [resolve, reject] = [_resolve, _reject] })
  return { promise, resolve, reject }
}

const PATIENCE_MS = 60_000
const SUBSCRIBED_POLL_MS = 50

const { values: options } = parseArgs({
  options: {
    dial: { type: 'string' },
    topic: { type: 'string' },
    publish: { type: 'string', multiple: true, default: [] },
    expect: { type: 'string', default: '0' },
    request: { type: 'string' },
    payload: { type: 'string', default: '' }
  }
})

const say = (line) => console.log(JSON.stringify(line))

function encodeFrame (payload) {
  const length = []
  let rest = payload.length
  while (rest > 0x7f) {
    length.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  length.push(rest)
  return Buffer.concat([Buffer.from(length), payload])
}

function decodeFrame (bytes) {
  let length = 0
  let at = 0
  let byte
  do {
    byte = bytes[at]
    length += (byte & 0x7f) * 2 ** (7 * at)
    at += 1
  } while (byte > 0x7f)
  if (bytes.length !== at + length) throw new Error('the answer is not one frame')
  return bytes.subarray(at)
}

async function request (node, peer, protocol, payload) {
  const stream = await node.dialProtocol(peer, protocol)
  stream.send(encodeFrame(payload))
  await stream.close() // our direction only
  const chunks = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk.subarray()))
  const answer = decodeFrame(Buffer.concat(chunks))
  return answer[0] === 0
    ? { answer: answer.subarray(1).toString('hex') }
    : { refused: answer.subarray(1).toString('utf8') }
}

async function talk (node, peer, topic, texts, expected) {
  const pubsub = node.services.pubsub
  let arrived = 0
  const all = new Promise((resolve) => {
    if (expected === 0) resolve()
    pubsub.addEventListener('message', ({ detail }) => {
      if (detail.topic !== topic) return
      say({ gossip: Buffer.from(detail.data).toString('utf8'), from: detail.from?.toString() })
      arrived += 1
      if (arrived === expected) resolve()
    })
  })
  pubsub.subscribe(topic)
  while (!pubsub.getSubscribers(topic).some((id) => id.equals(peer))) {
    await new Promise((resolve) => setTimeout(resolve, SUBSCRIBED_POLL_MS))
  }
  say({ subscribed: topic })
  for (const text of texts) {
    const { recipients } = await pubsub.publish(topic, Buffer.from(text))
    say({ published: text, recipients: recipients.length })
  }
  await all
}

async function main () {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), pubsub: gossipsub({ allowPublishToZeroTopicPeers: true }) }
  })
  say({ peer: node.peerId.toString(), addresses: node.getMultiaddrs().map(String) })
  const peer = options.dial === undefined
    ? await new Promise((resolve) => {
      node.addEventListener('peer:connect', ({ detail }) => resolve(detail), { once: true })
    })
    : (await node.dial(multiaddr(options.dial))).remotePeer
  say({ connected: peer.toString() })
  if (options.request !== undefined) {
    say(await request(node, peer, options.request, Buffer.from(options.payload, 'hex')))
  }
  if (options.topic !== undefined) {
    await talk(node, peer, options.topic, options.publish, Number(options.expect))
  }
  await node.stop()
}

function end (code, error) {
  if (error !== undefined) say({ error: String(error) })
  process.stdout.write('', () => process.exit(code)) // once all of it has been written
}

setTimeout(() => end(1, 'out of patience'), PATIENCE_MS).unref()
main().then(() => end(0), (error) => end(1, error))
