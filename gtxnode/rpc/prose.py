"""What `docs/rpc.md` and `docs/errors.md` say in words; `reference` fills in the tables."""

RPC = """\

# JSON-RPC

A node speaks [JSON-RPC 2.0](https://www.jsonrpc.org/specification) over WebSocket, to wallets, to
meters and to its own command line alike. `rpc.discover` answers with this interface as an
[OpenRPC](https://open-rpc.org) document; [errors.md](errors.md) has every code.

Each text message is one request or one batch, in UTF-8; so is each answer. Params go by name or by
position, in the order given below. Messages of one connection are answered concurrently, so match
answers by id; a batch's answers are in the batch's order. Names that a method does not know are
refused.

```
--> {{"jsonrpc":"2.0","id":1,"method":"ledger.supply","params":{{"shard":"geo_bangkok"}}}}
<-- {{"jsonrpc":"2.0","result":{{"shard":"geo_bangkok","height":0,"minted_wh":"7","retired_wh":"2",\
"outstanding_wh":"5","gtx_supply_ugtx":"1000000000000000",\
"gtx_burned_ugtx":"0","gtx_rewarded_ugtx":"0",\
"held_wh":"0","voided_wh":"0",\
"credits_issued_mgco2e":"1000","credits_retired_mgco2e":"0"}},"id":1}}
--> {{"jsonrpc":"2.0","id":2,"method":"chain.block","params":["geo_bangkok",-1]}}
<-- {{"jsonrpc":"2.0","error":{{"code":-32602,"message":"Invalid params","data":\
{{"name":"INVALID_PARAMS","detail":"Expected `int` >= 0","field":"height"}}}},"id":2}}
```

## Values

- *amount*: an integer in the unit that the field's name ends in (Wh, µGTX, mGTX per kWh, mg CO2e),
  as a decimal string, since JavaScript loses integers beyond 2^53;
- *hex*: bytes (ids, keys, encoded transactions) in lower-case hexadecimal;
- *address*: bech32m text, `gtx1...`;
- heights, counts and event numbers are integers below 2^53; times say their unit.

## Submitting

`tx.send` and `meter.submit` answer with a verdict for each thing submitted. `accepted` means that
this node has it on disk and spreads it; `duplicate`, that it was accepted before; `rejected`
comes with the ledger's reason, and nothing has changed. A rejection is an answer and not an error.
Submitting again is always harmless, so a meter that got no answer submits again.

The answer waits for its batch, which gathers for up to {gather_ms} ms, and for the disk. As a
connection has {messages} messages answered at once, one that sends a transaction a message comes to
at most {messages} in that time: some {slowest} to {fastest} a second. A gateway that has more to
send puts it into JSON-RPC batches (up to {calls} entries of each run at once), puts a meter's
readings into one `meter.submit`, or opens more connections.

A transaction is final once `tx.status` or an event says so. Until then it may still be refused
by the block that holds it, or be dropped without a block, and then may be sent again.

## Subscriptions

`events.subscribe` answers with the subscription's number, and from then on each event of its topic
arrives as a notification:

```
--> {{"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":\
{{"shard":"geo_bangkok","topic":"market","from":0}}}}
<-- {{"jsonrpc":"2.0","result":{{"subscription":1,"next":0}},"id":1}}
<-- {{"jsonrpc":"2.0","method":"events.event","params":{{"subscription":1,"number":1048577,\
"topic":"market","height":1,"event":{{"kind":"order","order":"...","side":"sell"}}}}}}
```

- `blocks` tells of final blocks, `market` of orders and trades and of what becomes of contracts of
  delivery slots, `address` of all that concerns one.
- An event's number is height x 2^20 + its place in the block. It is the same on every node, so a
  client that lost its connection goes on at any node with `from` = the last number + 1: nothing is
  missed and nothing comes twice.
- Without `from`, a subscription begins after the last final block; `next` says where that is.
- Events are of final blocks only. None is ever taken back.
- A client that is slower than the chain lags, as far back as the node stores blocks. One that
  does not read at all is disconnected with `SLOW_CLIENT`.

## Limits

| what | limit | what happens |
| --- | --- | --- |
{limits}

An operator may set other limits: those of `[rpc]` in [configuration.md](configuration.md), and
`node.drain_s`.
"""

ERRORS = """\

# Errors

Codes and names are stable: none changes its meaning, and none is used again for another.

## Of calls

A failed call is answered with `error`: `code`, `message` in words for people, and `data`, which
holds the code's `name` and, where it helps, more: `detail` and `field` for INVALID_PARAMS, `limit`,
`shards`, `first_height`. Any method may be answered with one of the first five or `TIMED_OUT`,
`RESPONSE_TOO_LARGE`, `STOPPING`; [rpc.md](rpc.md) lists under each method what else. A full pool is
no failed call: it is a verdict, `rejected` for `pool_full`.

| code | name | meaning |
| --- | --- | --- |
{rpc}

## Of connections

The server closes a WebSocket with one of these codes, and the name as reason; with `TOO_BIG` the
reason is the limit in words.

| code | name | meaning |
| --- | --- | --- |
{closes}

## Of transactions

Why a transaction, a reading or an order was refused: `refusal.reason` in a verdict, in a
transaction's status and in events; `refusal.message` names the field and the limit.

| reason | meaning |
| --- | --- |
{reasons}
"""
