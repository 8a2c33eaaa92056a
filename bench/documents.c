#include "documents.h"

#include <inttypes.h>

#define TIME "2026-11-22T19:35:%02zuZ"

/* A text while it is made; the first failure stays. */
struct text {
  struct mw_buf *buf;
  struct mw_error *err;
  int rc;
  uint64_t random;
};

#define ADD(text, ...)                                                                             \
  do {                                                                                             \
    if ((text)->rc == 0)                                                                           \
      (text)->rc = mw_buf_printf((text)->buf, (text)->err, __VA_ARGS__);                           \
  } while (0)

/* A number of up to @p digits digits, as counters have; the same ones in each run. */
static uint64_t number(struct text *text, unsigned digits)
{
  uint64_t max = 1;

  text->random = text->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  while (digits-- > 0)
    max *= 10;
  return (text->random >> 11) % max;
}

static const char *comma(size_t i)
{
  return i > 0 ? "," : "";
}

/* ---- Summary ---- */

static void add_cpu_and_memory(struct text *text, size_t i)
{
  ADD(text,
      "\"cpu\":{\"time\":\"" TIME "\",\"usageNanoCores\":%" PRIu64
      ",\"usageCoreNanoSeconds\":%" PRIu64 "},",
      i % 60, number(text, 8), number(text, 13));
  ADD(text,
      "\"memory\":{\"time\":\"" TIME "\",\"availableBytes\":%" PRIu64 ",\"usageBytes\":%" PRIu64
      ",\"workingSetBytes\":%" PRIu64 ",\"rssBytes\":%" PRIu64 ",\"pageFaults\":%" PRIu64
      ",\"majorPageFaults\":%" PRIu64 "}",
      i % 60, number(text, 9), number(text, 9), number(text, 9), number(text, 9), number(text, 7),
      number(text, 2));
}

static void add_filesystem(struct text *text, size_t i)
{
  ADD(text,
      "\"time\":\"" TIME "\",\"availableBytes\":%" PRIu64 ",\"capacityBytes\":%" PRIu64
      ",\"usedBytes\":%" PRIu64 ",\"inodesFree\":%" PRIu64 ",\"inodes\":%" PRIu64
      ",\"inodesUsed\":%" PRIu64,
      i % 60, number(text, 11), number(text, 12), number(text, 8), number(text, 8), number(text, 8),
      number(text, 5));
}

static void add_container(struct text *text, size_t i, size_t j)
{
  ADD(text, "%s{\"name\":\"container-%zu\",\"startTime\":\"" TIME "\",", comma(j), j, i % 60);
  add_cpu_and_memory(text, i + j);
  ADD(text, ",\"rootfs\":{");
  add_filesystem(text, i);
  ADD(text, "},\"logs\":{");
  add_filesystem(text, i);
  ADD(text, "}}");
}

static void add_interface(struct text *text)
{
  ADD(text,
      "\"name\":\"eth0\",\"rxBytes\":%" PRIu64 ",\"rxErrors\":0,\"txBytes\":%" PRIu64
      ",\"txErrors\":0",
      number(text, 11), number(text, 11));
}

static void add_uid(struct text *text, size_t i)
{
  ADD(text, "%08zx-f7ad-4a6b-9df1-7ff73c4cab8c", i * 2654435761U & 0xffffffff);
}

static void add_pod_stats(struct text *text, size_t i)
{
  static const char *const volumes[] = {"config", "cache", "kube-api-access-x2x9k"};

  ADD(text, "%s{\"podRef\":{\"name\":\"service-7d9c5b6f4-%05zu\",\"namespace\":\"shop\",\"uid\":\"",
      comma(i), i);
  add_uid(text, i);
  ADD(text, "\"},\"startTime\":\"" TIME "\",\"containers\":[", i % 60);
  for (size_t j = 0; j < BENCH_CONTAINERS_OF_POD; j++)
    add_container(text, i, j);
  ADD(text, "],");
  add_cpu_and_memory(text, i);
  ADD(text, ",\"network\":{\"time\":\"" TIME "\",", i % 60);
  add_interface(text);
  ADD(text, ",\"interfaces\":[{");
  add_interface(text);
  ADD(text, "}]},\"volume\":[");
  for (size_t j = 0; j < sizeof volumes / sizeof volumes[0]; j++) {
    ADD(text, "%s{", comma(j));
    add_filesystem(text, i);
    ADD(text, ",\"name\":\"%s\"}", volumes[j]);
  }
  ADD(text, "],\"ephemeral-storage\":{");
  add_filesystem(text, i);
  ADD(text, "},\"process_stats\":{\"process_count\":%" PRIu64 "}}", number(text, 3));
}

static void add_node(struct text *text)
{
  ADD(text, "\"node\":{\"nodeName\":\"node-1\",\"systemContainers\":[],\"startTime\":\"" TIME "\",",
      (size_t)0);
  add_cpu_and_memory(text, 0);
  ADD(text, ",\"fs\":{");
  add_filesystem(text, 0);
  ADD(text, "},\"rlimit\":{\"time\":\"" TIME "\",\"maxpid\":32768,\"curproc\":1234}}", (size_t)0);
}

/* ---- Pods ---- */

static void add_metadata(struct text *text, size_t i)
{
  ADD(text,
      "\"metadata\":{\"name\":\"service-7d9c5b6f4-%05zu\",\"generateName\":\"service-7d9c5b6f4-\","
      "\"namespace\":\"shop\",\"uid\":\"",
      i);
  add_uid(text, i);
  ADD(text,
      "\",\"resourceVersion\":\"%" PRIu64 "\",\"creationTimestamp\":\"" TIME
      "\",\"labels\":{\"app\":\"service\",\"app.kubernetes.io/version\":\"2.4.1\","
      "\"pod-template-hash\":\"7d9c5b6f4\"},\"annotations\":{\"kubernetes.io/config.seen\":\"" TIME
      "\",\"kubernetes.io/config.source\":\"api\",\"prometheus.io/port\":\"8080\","
      "\"prometheus.io/scrape\":\"true\"},",
      number(text, 8), i % 60, i % 60);
  ADD(text,
      "\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\","
      "\"name\":\"service-7d9c5b6f4\",\"uid\":\"2de76893-73fd-4cb6-9e6b-5b3a300f2805\","
      "\"controller\":true,\"blockOwnerDeletion\":true}],\"managedFields\":[{"
      "\"manager\":\"kube-controller-manager\",\"operation\":\"Update\",\"apiVersion\":\"v1\","
      "\"time\":\"" TIME "\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:metadata\":{"
      "\"f:generateName\":{},\"f:labels\":{\".\":{},\"f:app\":{},\"f:pod-template-hash\":{}},"
      "\"f:ownerReferences\":{\".\":{},\"k:{\\\"uid\\\":\\\"2de76893\\\"}\":{\".\":{},\"f:name\":{}"
      "}}},\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"api\\\"}\":{\".\":{},\"f:image\":{},"
      "\"f:name\":{},\"f:resources\":{}}},\"f:dnsPolicy\":{},\"f:restartPolicy\":{}}}}]}",
      i % 60);
}

static void add_container_spec(struct text *text, size_t j)
{
  ADD(text,
      "%s{\"name\":\"container-%zu\",\"image\":\"registry.example.com/shop/service:2.4.1\","
      "\"command\":[\"/bin/service\",\"--listen=:8080\",\"--log=json\"],\"ports\":[{\"name\":"
      "\"http\",\"containerPort\":%zu,\"protocol\":\"TCP\"}],\"env\":[{\"name\":\"MODE\",\"value\":"
      "\"production\"},{\"name\":\"POD_IP\",\"valueFrom\":{\"fieldRef\":{\"apiVersion\":\"v1\","
      "\"fieldPath\":\"status.podIP\"}}}],\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":"
      "\"64Mi\"},\"requests\":{\"cpu\":\"50m\",\"memory\":\"16Mi\"}},",
      comma(j), j, 8080 + j);
  ADD(text,
      "\"volumeMounts\":[{\"name\":\"config\",\"mountPath\":\"/etc/service\"},{\"name\":\"cache\","
      "\"mountPath\":\"/var/cache\"},{\"name\":\"kube-api-access-x2x9k\",\"readOnly\":true,"
      "\"mountPath\":\"/var/run/secrets/kubernetes.io/serviceaccount\"}],\"livenessProbe\":{"
      "\"httpGet\":{\"path\":\"/\",\"port\":8080,\"scheme\":\"HTTP\"},\"timeoutSeconds\":1,"
      "\"periodSeconds\":10,\"successThreshold\":1,\"failureThreshold\":3},"
      "\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\","
      "\"imagePullPolicy\":\"IfNotPresent\"}");
}

static void add_spec(struct text *text)
{
  ADD(text,
      "\"spec\":{\"volumes\":[{\"name\":\"config\",\"configMap\":{\"name\":\"service\","
      "\"defaultMode\":420}},{\"name\":\"cache\",\"emptyDir\":{}},{\"name\":"
      "\"kube-api-access-x2x9k\",\"projected\":{\"sources\":[{\"serviceAccountToken\":{"
      "\"expirationSeconds\":3607,\"path\":\"token\"}}],\"defaultMode\":420}}],\"containers\":[");
  for (size_t j = 0; j < BENCH_CONTAINERS_OF_POD; j++)
    add_container_spec(text, j);
  ADD(text,
      "],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":"
      "\"ClusterFirst\",\"serviceAccountName\":\"default\",\"nodeName\":\"node-1\","
      "\"securityContext\":{},\"schedulerName\":\"default-scheduler\",\"tolerations\":[{\"key\":"
      "\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","
      "\"tolerationSeconds\":300}],\"priority\":0,\"enableServiceLinks\":true}");
}

static void add_conditions(struct text *text, size_t i)
{
  static const char *const types[] = {"Initialized", "Ready", "ContainersReady", "PodScheduled"};

  for (size_t j = 0; j < sizeof types / sizeof types[0]; j++)
    ADD(text,
        "%s{\"type\":\"%s\",\"status\":\"True\",\"lastProbeTime\":null,"
        "\"lastTransitionTime\":\"" TIME "\"}",
        comma(j), types[j], i % 60);
}

static void add_container_status(struct text *text, size_t i, size_t j)
{
  ADD(text,
      "%s{\"name\":\"container-%zu\",\"state\":{\"running\":{\"startedAt\":\"" TIME
      "\"}},\"lastState\":{},\"ready\":true,\"restartCount\":%zu,\"image\":"
      "\"registry.example.com/shop/service:2.4.1\",\"imageID\":"
      "\"registry.example.com/shop/service@sha256:"
      "19da793a30c4c2b0e0db99516b7498d1acf28ad825faf7add52e06e69bd5e918\",\"containerID\":"
      "\"containerd://%08zx2afb0467e6e9c252d5ec9fe9a2a94d640977965bf9012732d0f357cc\","
      "\"started\":true}",
      comma(j), j, i % 60, i % 3, i * BENCH_CONTAINERS_OF_POD + j);
}

static void add_pod(struct text *text, size_t i)
{
  ADD(text, "%s{", comma(i));
  add_metadata(text, i);
  ADD(text, ",");
  add_spec(text);
  ADD(text, ",\"status\":{\"phase\":\"Running\",\"conditions\":[");
  add_conditions(text, i);
  ADD(text,
      "],\"hostIP\":\"192.0.2.2\",\"podIP\":\"10.88.77.14\",\"podIPs\":[{\"ip\":\"10.88.77.14\"}],"
      "\"startTime\":\"" TIME "\",\"containerStatuses\":[",
      i % 60);
  for (size_t j = 0; j < BENCH_CONTAINERS_OF_POD; j++)
    add_container_status(text, i, j);
  ADD(text, "],\"qosClass\":\"Burstable\"}}");
}

int bench_document_write(enum bench_document document, size_t pods, struct mw_buf *out,
                         struct mw_error *err)
{
  struct text text = {.buf = out, .err = err, .random = 1};

  if (document == BENCH_SUMMARY) {
    ADD(&text, "{");
    add_node(&text);
    ADD(&text, ",\"pods\":[");
  } else {
    ADD(&text, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[");
  }
  for (size_t i = 0; i < pods; i++)
    if (document == BENCH_SUMMARY)
      add_pod_stats(&text, i);
    else
      add_pod(&text, i);
  ADD(&text, "]}");
  return text.rc;
}
