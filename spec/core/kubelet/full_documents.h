/**
 * @file full_documents.h
 * One made-up answer of each kind in which every member that moonwatch knows occurs, each number
 * another one, with a second element behind it that must never suffer from what is wrong in the
 * first.
 */
#ifndef FULL_DOCUMENTS_H
#define FULL_DOCUMENTS_H

#define T(second) "\"2026-11-22T19:35:" second "Z\""

#define PRESSURE(n)                                                                                \
  "\"psi\":{\"full\":{\"total\":" n "1,\"avg10\":0." n "2,\"avg60\":0." n "3,\"avg300\":0." n      \
  "4},\"some\":{\"total\":" n "5,\"avg10\":" n ".6,\"avg60\":" n ".7,\"avg300\":" n ".8}}"
#define CPU(n)                                                                                     \
  "\"cpu\":{\"time\":" T("01") ",\"usageNanoCores\":" n "1,\"usageCoreNanoSeconds\":" n            \
                               "2," PRESSURE(n "3") "}"
#define MEMORY(n)                                                                                  \
  "\"memory\":{\"time\":" T("02") ",\"availableBytes\":" n "1,\"usageBytes\":" n                   \
                                  "2,\"workingSetBytes\":" n "3,\"rssBytes\":" n                   \
                                  "4,\"pageFaults\":" n "5,\"majorPageFaults\":" n                 \
                                  "6," PRESSURE(n "7") "}"
#define IO(n) "\"io\":{\"time\":" T("03") "," PRESSURE(n) "}"
#define SWAP(n)                                                                                    \
  "\"swap\":{\"time\":" T("04") ",\"swapAvailableBytes\":" n "1,\"swapUsageBytes\":" n "2}"
#define FILESYSTEM(n)                                                                              \
  "\"time\":" T("05") ",\"availableBytes\":" n "1,\"capacityBytes\":" n "2,\"usedBytes\":" n       \
                      "3,\"inodesFree\":" n "4,\"inodes\":" n "5,\"inodesUsed\":" n "6"
#define INTERFACE(name, n)                                                                         \
  "\"name\":\"" name "\",\"rxBytes\":" n "1,\"rxErrors\":" n "2,\"txBytes\":" n                    \
  "3,\"txErrors\":" n "4"
#define NETWORK(n)                                                                                 \
  "\"network\":{\"time\":" T("06") "," INTERFACE("eth0", n "1") ",\"interfaces\":[{" INTERFACE(    \
      "eth1", n "2") "},{" INTERFACE("eth2", n "3") "}]}"
#define CONTAINER(name, n)                                                                         \
  "{\"name\":\"" name "\",\"startTime\":" T("07") "," CPU(n "1") "," MEMORY(n "2") "," IO(         \
      n                                                                                            \
      "3") ",\"rootfs\":{" FILESYSTEM(n "4") "},\"logs\":{" FILESYSTEM(n "5") "}," SWAP(n "6") "}"

/* The formatter takes strings beside macros for calls. */
/* clang-format off */
static const char full_summary[] =
    "{\"node\":{\"nodeName\":\"n1\",\"systemContainers\":[" CONTAINER("pods", "1") "],"
    "\"startTime\":" T("08") "," CPU("2") "," MEMORY("3") "," IO("4") "," NETWORK("5") ","
    "\"fs\":{" FILESYSTEM("6") "},\"runtime\":{\"imageFs\":{" FILESYSTEM("71") "},"
    "\"containerFs\":{" FILESYSTEM("72") "}},"
    "\"rlimit\":{\"time\":" T("09") ",\"maxpid\":81,\"curproc\":82}," SWAP("9") "},"
    "\"pods\":[{\"podRef\":{\"name\":\"p1\",\"namespace\":\"shop\",\"uid\":\"u1\"},"
    "\"startTime\":" T("10") ",\"containers\":[" CONTAINER("c1", "10") ","
    CONTAINER("c2", "11") "]," CPU("12") "," MEMORY("13") "," IO("14") "," NETWORK("15") ","
    "\"volume\":[{" FILESYSTEM("16") ",\"name\":\"v1\","
    "\"pvcRef\":{\"name\":\"claim\",\"namespace\":\"store\"}}],"
    "\"ephemeral-storage\":{" FILESYSTEM("17") "},\"process_stats\":{\"process_count\":18},"
    SWAP("19") "},{\"podRef\":{\"uid\":\"second\"}}]}";
/* clang-format on */

#define STATUS(name, state)                                                                        \
  "{\"name\":\"" name "\",\"state\":{" state "},\"lastState\":{\"terminated\":{\"exitCode\":137,"  \
  "\"signal\":9,\"reason\":\"OOMKilled\",\"message\":\"m1\",\"startedAt\":" T(                     \
      "11") ",\"finishedAt\":" T("12") "}},\"ready\":true,\"restartCount\":3,\"image\":\"i:" name  \
                                       "\",\"imageID\":\"docker-pullable://r@sha256:" name         \
                                       "\",\"containerID\":\"containerd://id-" name                \
                                       "\",\"started\":false}"
#define SPEC(name)                                                                                 \
  "{\"name\":\"" name "\",\"image\":\"s:" name "\",\"ports\":[{\"name\":\"http\",\"hostPort\":81," \
  "\"containerPort\":80,\"protocol\":\"TCP\",\"hostIP\":\"192.0.2.1\"}],\"env\":[{\"name\":\"A\"," \
  "\"value\":\"1\"},{\"name\":\"B\",\"valueFrom\":{}}],\"resources\":{\"limits\":{\"cpu\":"        \
  "\"500m\",\"memory\":\"64Mi\"},\"requests\":{\"cpu\":\"0.25\",\"memory\":\"1e3\"}},"             \
  "\"restartPolicy\":\"Always\"}"

/* clang-format off */
static const char full_pods[] =
    "{\"kind\":\"PodList\",\"items\":[{"
    "\"metadata\":{\"name\":\"p1\",\"namespace\":\"shop\",\"uid\":\"u1\","
    "\"creationTimestamp\":" T("01") ",\"deletionTimestamp\":" T("02") ","
    "\"labels\":{\"app\":\"web\",\"tier\":\"front\"},\"annotations\":{\"note\":\"n\"},"
    "\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"name\":\"rs\",\"uid\":\"u9\","
    "\"controller\":true}]},"
    "\"spec\":{\"volumes\":[{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}],"
    "\"initContainers\":[" SPEC("i1") "],\"containers\":[" SPEC("c1") "," SPEC("c2") "],"
    "\"ephemeralContainers\":[" SPEC("e1") "],\"serviceAccountName\":\"sa\",\"nodeName\":\"n1\","
    "\"hostNetwork\":true,"
    "\"securityContext\":{\"runAsUser\":3000000000,\"runAsGroup\":-1,\"fsGroup\":7},"
    "\"priorityClassName\":\"high\",\"runtimeClassName\":\"kata\"},"
    "\"status\":{\"phase\":\"Running\","
    "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}],\"reason\":\"r\","
    "\"hostIP\":\"192.0.2.2\",\"podIP\":\"10.0.0.1\","
    "\"podIPs\":[{\"ip\":\"10.0.0.1\"},{\"ip\":\"fd00::1\"}],\"startTime\":" T("03") ","
    "\"initContainerStatuses\":["
    STATUS("i1", "\"terminated\":{\"exitCode\":0,\"finishedAt\":" T("04") "}") "],"
    "\"containerStatuses\":["
    STATUS("c1", "\"running\":{\"startedAt\":" T("05") "}") ","
    STATUS("c2", "\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"m2\"}") "],"
    "\"qosClass\":\"Burstable\",\"ephemeralContainerStatuses\":["
    STATUS("e1", "\"running\":{\"startedAt\":" T("06") "}") "]}},"
    "{\"metadata\":{\"uid\":\"second\"},\"status\":{\"phase\":\"Pending\"}}]}";
/* clang-format on */

#endif
