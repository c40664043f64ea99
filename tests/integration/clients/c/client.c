// The scenarios of ../README.md with libnats.
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(call)                                                                      \
  do {                                                                                   \
    natsStatus status_ = (call);                                                         \
    if (status_ != NATS_OK) {                                                            \
      fprintf(stderr, "line %d: %s: %s\n", __LINE__, #call, natsStatus_GetText(status_)); \
      exit(1);                                                                           \
    }                                                                                    \
  } while (0)

#define EXPECT(condition)                                            \
  do {                                                               \
    if (!(condition)) {                                              \
      fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
      exit(1);                                                       \
    }                                                                \
  } while (0)

enum { kSettleMs = 1000, kTimeoutMs = 5000 };

static void secure(natsOptions* options) {
  const char* ca = getenv("TLS_CA");
  if (ca == NULL) return;
  CHECK(natsOptions_SetSecure(options, true));
  CHECK(natsOptions_LoadCATrustedCertificates(options, ca));
  CHECK(natsOptions_LoadCertificatesChain(options, getenv("TLS_CERT"), getenv("TLS_KEY")));
  CHECK(natsOptions_SetExpectedHostname(options, "localhost"));
}

static natsConnection* dial(const char* url) {
  natsConnection* connection = NULL;
  natsOptions* options = NULL;
  CHECK(natsOptions_Create(&options));
  CHECK(natsOptions_SetURL(options, url));
  secure(options);
  CHECK(natsConnection_Connect(&connection, options));
  natsOptions_Destroy(options);
  return connection;
}

static void pubsub(char** urls) {
  natsConnection *sender = dial(urls[0]), *receiver = dial(urls[1]);
  natsSubscription* subscription = NULL;
  CHECK(natsConnection_SubscribeSync(&subscription, receiver, "c.pubsub.*"));
  CHECK(natsConnection_Flush(receiver));
  nats_Sleep(kSettleMs);
  char subject[32], text[16];
  for (int i = 0; i < 1000; i++) {
    snprintf(subject, sizeof subject, "c.pubsub.%d", i);
    snprintf(text, sizeof text, "%d", i);
    CHECK(natsConnection_PublishString(sender, subject, text));
  }
  CHECK(natsConnection_Flush(sender));
  for (int i = 0; i < 1000; i++) {
    natsMsg* message = NULL;
    CHECK(natsSubscription_NextMsg(&message, subscription, kTimeoutMs));
    snprintf(subject, sizeof subject, "c.pubsub.%d", i);
    snprintf(text, sizeof text, "%d", i);
    EXPECT(strcmp(natsMsg_GetSubject(message), subject) == 0);
    EXPECT(strcmp(natsMsg_GetData(message), text) == 0);
    natsMsg_Destroy(message);
  }
}

static void queue(char** urls) {
  natsSubscription* members[3];
  for (int i = 0; i < 3; i++) {
    natsConnection* connection = dial(urls[i]);
    CHECK(natsConnection_QueueSubscribeSync(&members[i], connection, "c.queue", "workers"));
    CHECK(natsConnection_Flush(connection));
  }
  nats_Sleep(kSettleMs);
  natsConnection* sender = dial(urls[0]);
  char text[16];
  for (int i = 0; i < 300; i++) {
    snprintf(text, sizeof text, "%d", i);
    CHECK(natsConnection_PublishString(sender, "c.queue", text));
  }
  CHECK(natsConnection_Flush(sender));
  nats_Sleep(1000);
  int seen[300] = {0}, total = 0;
  for (int i = 0; i < 3; i++) {
    natsMsg* message = NULL;
    int mine = 0;
    while (natsSubscription_NextMsg(&message, members[i], 50) == NATS_OK) {
      seen[atoi(natsMsg_GetData(message))]++;
      natsMsg_Destroy(message);
      mine++;
    }
    EXPECT(mine > 0);
    total += mine;
  }
  EXPECT(total == 300);
  for (int i = 0; i < 300; i++) EXPECT(seen[i] == 1);
}

static void answer(natsConnection* connection, natsSubscription* subscription, natsMsg* message, void* closure) {
  (void)subscription;
  (void)closure;
  char text[64];
  snprintf(text, sizeof text, "re:%s", natsMsg_GetData(message));
  CHECK(natsConnection_PublishString(connection, natsMsg_GetReply(message), text));
  natsMsg_Destroy(message);
}

static void request(char** urls) {
  natsConnection *service = dial(urls[1]), *caller = dial(urls[0]);
  natsSubscription* subscription = NULL;
  CHECK(natsConnection_Subscribe(&subscription, service, "c.svc", answer, NULL));
  CHECK(natsConnection_Flush(service));
  nats_Sleep(kSettleMs);
  for (int i = 0; i < 100; i++) {
    char text[16], wanted[32];
    snprintf(text, sizeof text, "%d", i);
    snprintf(wanted, sizeof wanted, "re:%d", i);
    natsMsg* reply = NULL;
    CHECK(natsConnection_RequestString(&reply, caller, "c.svc", text, kTimeoutMs));
    EXPECT(strcmp(natsMsg_GetData(reply), wanted) == 0);
    natsMsg_Destroy(reply);
  }
  natsMsg* reply = NULL;
  int64_t started = nats_Now();
  EXPECT(natsConnection_RequestString(&reply, caller, "c.nobody", "", kTimeoutMs) == NATS_NO_RESPONDERS);
  EXPECT(nats_Now() - started < 2000);
}

static void headers(char** urls) {
  natsConnection *sender = dial(urls[0]), *receiver = dial(urls[1]);
  natsSubscription* subscription = NULL;
  CHECK(natsConnection_SubscribeSync(&subscription, receiver, "c.headers"));
  CHECK(natsConnection_Flush(receiver));
  nats_Sleep(kSettleMs);
  const char* payloads[] = {"", "full"};
  for (int i = 0; i < 2; i++) {
    natsMsg *sent = NULL, *got = NULL;
    CHECK(natsMsg_Create(&sent, "c.headers", NULL, payloads[i], (int)strlen(payloads[i])));
    CHECK(natsMsgHeader_Add(sent, "X-One", "first"));
    CHECK(natsMsgHeader_Add(sent, "X-One", "second"));
    CHECK(natsMsgHeader_Set(sent, "x-Two", "a b:c"));
    CHECK(natsConnection_PublishMsg(sender, sent));
    CHECK(natsSubscription_NextMsg(&got, subscription, kTimeoutMs));
    EXPECT(strcmp(natsMsg_GetData(got), payloads[i]) == 0);
    const char** values = NULL;
    const char* value = NULL;
    int count = 0;
    CHECK(natsMsgHeader_Values(got, "X-One", &values, &count));
    EXPECT(count == 2 && strcmp(values[0], "first") == 0 && strcmp(values[1], "second") == 0);
    CHECK(natsMsgHeader_Get(got, "x-Two", &value));
    EXPECT(strcmp(value, "a b:c") == 0);
    free((void*)values);
    natsMsg_Destroy(sent);
    natsMsg_Destroy(got);
  }
}

static void reconnect(char** urls) {
  natsOptions* options = NULL;
  natsConnection* client = NULL;
  natsSubscription* subscription = NULL;
  char before[128], after[128];
  CHECK(natsOptions_Create(&options));
  CHECK(natsOptions_SetServers(options, (const char**)urls, 3));
  secure(options);
  CHECK(natsOptions_SetReconnectWait(options, 100));
  CHECK(natsOptions_SetMaxReconnect(options, 1000));
  CHECK(natsConnection_Connect(&client, options));
  CHECK(natsConnection_SubscribeSync(&subscription, client, "c.reconnect"));
  CHECK(natsConnection_Flush(client));
  CHECK(natsConnection_GetConnectedUrl(client, before, sizeof before));
  printf("connected %s\n", before);
  fflush(stdout);
  natsStatistics* statistics = NULL;
  uint64_t reconnects = 0;
  CHECK(natsStatistics_Create(&statistics));
  for (int i = 0; i < 400 && reconnects == 0; i++) {
    nats_Sleep(50);
    CHECK(natsConnection_GetStats(client, statistics));
    CHECK(natsStatistics_GetCounts(statistics, NULL, NULL, NULL, NULL, &reconnects));
  }
  EXPECT(reconnects > 0);
  CHECK(natsConnection_GetConnectedUrl(client, after, sizeof after));
  EXPECT(strcmp(before, after) != 0);
  CHECK(natsConnection_PublishString(client, "c.reconnect", "again"));
  natsMsg* message = NULL;
  CHECK(natsSubscription_NextMsg(&message, subscription, kTimeoutMs));
  EXPECT(strcmp(natsMsg_GetData(message), "again") == 0);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(char**);
  } scenarios[] = {
      {"pubsub", pubsub}, {"queue", queue}, {"request", request}, {"headers", headers}, {"reconnect", reconnect},
  };
  for (size_t i = 0; argc == 5 && i < sizeof scenarios / sizeof scenarios[0]; i++) {
    if (strcmp(argv[1], scenarios[i].name) != 0) continue;
    scenarios[i].run(argv + 2);
    printf("ok %s\n", argv[1]);
    return 0;
  }
  fprintf(stderr, "usage: client SCENARIO URL URL URL\n");
  return 2;
}
