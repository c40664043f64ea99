// The scenarios of ../README.md with the JavaScript client `nats`.
"use strict";
const assert = require("node:assert");
const { connect: dial, headers: newHeaders, ErrorCode, Events, StringCodec } = require("nats");

const { TLS_CA: caFile, TLS_CERT: certFile, TLS_KEY: keyFile } = process.env;
const connect = (options) => dial(caFile ? { ...options, tls: { caFile, certFile, keyFile } } : options);
const codec = StringCodec();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Reads exactly `count` messages, or throws after `ms`.
async function take(subscription, count, ms = 5000) {
  const found = [];
  const timer = setTimeout(() => subscription.unsubscribe(), ms);
  for await (const message of subscription) {
    found.push(message);
    if (found.length === count) break;
  }
  clearTimeout(timer);
  assert.equal(found.length, count, `${found.length} of ${count} messages`);
  return found;
}

const scenarios = {
  async pubsub(urls) {
    const sender = await connect({ servers: urls[0] });
    const receiver = await connect({ servers: urls[1] });
    const subscription = receiver.subscribe("js.pubsub.*");
    await receiver.flush();
    await sleep(1000); // interest reaches the other node
    for (let i = 0; i < 1000; i++) sender.publish(`js.pubsub.${i}`, codec.encode(`${i}`));
    const got = await take(subscription, 1000);
    got.forEach((m, i) => assert.equal(`${m.subject} ${codec.decode(m.data)}`, `js.pubsub.${i} ${i}`));
    await sender.close();
    await receiver.close();
  },

  async queue(urls) {
    const seen = [];
    const perMember = [0, 0, 0];
    const members = await Promise.all(urls.map((servers) => connect({ servers })));
    for (const [index, member] of members.entries()) {
      member.subscribe("js.queue", {
        queue: "workers",
        callback: (_, m) => {
          seen.push(Number(codec.decode(m.data)));
          perMember[index]++;
        },
      });
      await member.flush();
    }
    await sleep(1000);
    const sender = await connect({ servers: urls[0] });
    for (let i = 0; i < 300; i++) sender.publish("js.queue", codec.encode(`${i}`));
    await sender.flush();
    await sleep(1000);
    assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: 300 }, (_, i) => i));
    assert.ok(Math.min(...perMember) > 0, `${perMember}`);
    for (const connection of [...members, sender]) await connection.close();
  },

  async request(urls) {
    const service = await connect({ servers: urls[1] });
    const caller = await connect({ servers: urls[0] });
    service.subscribe("js.svc", { callback: (_, m) => m.respond(codec.encode("re:" + codec.decode(m.data))) });
    await service.flush();
    await sleep(1000);
    for (let i = 0; i < 100; i++) {
      const reply = await caller.request("js.svc", codec.encode(`${i}`), { timeout: 5000 });
      assert.equal(codec.decode(reply.data), `re:${i}`);
    }
    const started = Date.now();
    await assert.rejects(caller.request("js.nobody", codec.encode(""), { timeout: 5000 }),
      (error) => error.code === ErrorCode.NoResponders);
    assert.ok(Date.now() - started < 2000);
    await service.close();
    await caller.close();
  },

  async headers(urls) {
    const sender = await connect({ servers: urls[0] });
    const receiver = await connect({ servers: urls[1] });
    const subscription = receiver.subscribe("js.headers");
    await receiver.flush();
    await sleep(1000);
    const sent = newHeaders();
    sent.append("X-One", "first");
    sent.append("X-One", "second");
    sent.set("x-Two", "a b:c");
    for (const payload of ["", "full"]) sender.publish("js.headers", codec.encode(payload), { headers: sent });
    const got = await take(subscription, 2);
    assert.deepEqual(got.map((m) => codec.decode(m.data)), ["", "full"]);
    for (const message of got) {
      assert.deepEqual(message.headers.values("X-One"), ["first", "second"]);
      assert.equal(message.headers.get("x-Two"), "a b:c");
    }
    await sender.close();
    await receiver.close();
  },

  async reconnect(urls) {
    const client = await connect({ servers: urls, reconnectTimeWait: 100, maxReconnectAttempts: -1 });
    const subscription = client.subscribe("js.reconnect");
    await client.flush();
    const before = client.getServer();
    const back = (async () => {
      for await (const status of client.status()) if (status.type === Events.Reconnect) return;
    })();
    console.log("connected", before);
    await back;
    assert.notEqual(client.getServer(), before);
    client.publish("js.reconnect", codec.encode("again"));
    const [message] = await take(subscription, 1);
    assert.equal(codec.decode(message.data), "again");
    await client.close();
  },
};

const [scenario, ...urls] = process.argv.slice(2);
const timer = setTimeout(() => {
  console.error("60 s are over");
  process.exit(1);
}, 60000);
scenarios[scenario](urls).then(() => {
  clearTimeout(timer);
  console.log("ok", scenario);
}).catch((error) => {
  console.error(error);
  process.exit(1);
});
