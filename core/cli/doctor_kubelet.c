#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/settings.h"
#include "kubelet/client.h"
#include "kubelet/refusal.h"

/* What only the pod list tells: tags, and fields of messages. */
#define POD_FACTS                                                                                  \
  "kube_namespace pod_name kube_container_name image_name image_tag cpuRequest memoryRequest"

/* What the summary tells as well: a loss where the files of cgroups do not. */
#define SUMMARY_FIGURES                                                                            \
  "cpu_total_ns memory_usage_bytes memory_rss_bytes memory_working_set_bytes network_rcvd_bytes "  \
  "network_sent_bytes"

enum { PODS, SUMMARY, METRICS, QUESTIONS_COUNT };

static const struct question {
  const char *check, *path, *gives;
} questions[QUESTIONS_COUNT] = {
    [PODS] = {"kubelet pods", "/pods", "the pods of this node and their containers"},
    [SUMMARY] = {"kubelet stats", "/stats/summary", "the kubelet's own numbers of containers"},
    [METRICS] = {"kubelet metrics", "/metrics/cadvisor", "metrics, which moonwatch does not use"},
};

struct replies {
  struct mw_http_answer answer[QUESTIONS_COUNT];
  struct mw_error err[QUESTIONS_COUNT];
  int rc[QUESTIONS_COUNT];
};

/* ---- Address and TLS ---- */

/* @return false when nobody answers. */
static bool check_address(struct mw_doctor *doctor, const struct mw_kubelet *kubelet,
                          const struct replies *replies)
{
  const struct mw_http_answer *answer = &replies->answer[PODS];
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "kubelet");

  if (answer->status != 0) {
    mw_finding_found(finding, "answers at %s", mw_kubelet_url(kubelet));
    return true;
  }
  finding->status = MW_FINDING_WARN;
  finding->lost_others = POD_FACTS;
  mw_finding_found(finding, "%s", replies->err[PODS].text);
  if (answer->phase == MW_HTTP_PHASE_TLS)
    mw_finding_cure(finding, "--set kubelet.ca_file=FILE, with the authority that signed the "
                             "kubelet's certificate (serverTLSBootstrap: true in the kubelet's "
                             "configuration has the cluster's sign it)");
  else
    mw_finding_cure(finding, "--set kubelet.url=https://ADDRESS:10250, with the address that the "
                             "kubelet listens at (address and port in its configuration)");
  return false;
}

static void check_tls(struct mw_doctor *doctor, const struct mw_kubelet *kubelet, bool is_recorded)
{
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "kubelet TLS");
  const struct mw_http_credentials *credentials = mw_kubelet_credentials(kubelet);

  if (is_recorded) {
    finding->status = MW_FINDING_INFO;
    mw_finding_found(finding, "the answers are recorded: there is no certificate to look at");
  } else if (strncmp(mw_kubelet_url(kubelet), "http:", 5) == 0) {
    finding->status = MW_FINDING_WARN;
    mw_finding_found(finding, "none: whoever is between can read and change the answers, and no "
                              "token is sent");
    mw_finding_cure(finding, "--set kubelet.url=https://ADDRESS:10250");
  } else if (credentials->insecure_skip_verify) {
    finding->status = MW_FINDING_WARN;
    mw_finding_found(finding, "the certificate is not verified: whoever answers is sent the token");
    mw_finding_cure(finding, "--set kubelet.ca_file=FILE instead of kubelet.insecure_skip_verify");
  } else {
    mw_finding_found(finding, "the certificate holds against %s",
                     credentials->ca_file ? credentials->ca_file : "the authorities of the system");
  }
}

/* ---- Who asks ---- */

static void tell_identity(struct mw_finding *finding, const struct mw_http_credentials *credentials)
{
  if (credentials->token_file)
    mw_finding_found(finding, "shows the token in %s", credentials->token_file);
  else if (credentials->cert_file)
    mw_finding_found(finding, "shows the certificate in %s", credentials->cert_file);
  else
    mw_finding_found(finding, "shows neither token nor certificate: it asks as system:anonymous");
}

/* @return false when the kubelet does not know who asks: then no right can be told. */
static bool check_identity(struct mw_doctor *doctor, const struct mw_kubelet *kubelet,
                           const struct replies *replies)
{
  const struct mw_http_credentials *credentials = mw_kubelet_credentials(kubelet);
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "kubelet identity");

  for (size_t i = 0; i < QUESTIONS_COUNT; i++) {
    if (replies->answer[i].status != 401)
      continue;
    finding->status = MW_FINDING_WARN;
    finding->lost_others = POD_FACTS;
    mw_finding_found(finding, "%s", replies->err[i].text);
    mw_finding_cure(finding,
                    "--set kubelet.token_file=FILE, with a token that the API server made "
                    "for itself (of a pod: %s below /)",
                    MW_KUBELET_SERVICE_ACCOUNT_DIR "/token");
    return false;
  }
  tell_identity(finding, credentials);
  return true;
}

/* ---- Rights ---- */

/* What to grant: as kubelets of that version have it, where it said which one it wants. */
static void cure_right(struct mw_finding *finding, const char *path, const char *said)
{
  struct mw_kubelet_right right = mw_kubelet_right_for(path);
  char rule[MW_KUBELET_RULE_BYTES];

  if (right.older && mw_kubelet_wanted(said, right.older)) {
    mw_kubelet_rule(right.older, rule);
    mw_finding_cure(finding,
                    "%s  # of the agent's ClusterRole; this right also allows running "
                    "commands in containers; kubelets from 1.33 on are content with "
                    "nodes/%s",
                    rule, right.subresource);
    return;
  }
  mw_kubelet_rule(right.subresource, rule);
  mw_finding_cure(finding, "%s  # of the agent's ClusterRole%s", rule,
                  right.older
                      ? "; kubelets before 1.33 want nodes/proxy, which also allows running "
                        "commands in containers"
                      : "");
}

/* What is lost with a question; nothing where the same is known from elsewhere. */
static void note_loss(const struct mw_doctor *doctor, size_t question, struct mw_finding *finding)
{
  finding->status = MW_FINDING_INFO;
  if (question == PODS)
    finding->lost_others = POD_FACTS;
  if (question == SUMMARY && !doctor->cgroups)
    finding->lost_others = SUMMARY_FIGURES;
  if (finding->lost_others)
    finding->status = MW_FINDING_WARN;
}

static void check_right(struct mw_doctor *doctor, size_t question, const struct replies *replies)
{
  const struct mw_http_answer *answer = &replies->answer[question];
  const char *path = questions[question].path;
  struct mw_finding *finding =
      mw_findings_add(doctor->findings, MW_FINDING_OK, "%s", questions[question].check);

  if (replies->rc[question] == 0) {
    mw_finding_found(finding, "%s gives %s", path, questions[question].gives);
    return;
  }
  note_loss(doctor, question, finding);
  if (answer->status != 403) {
    mw_finding_found(finding, "%s", replies->err[question].text);
    return;
  }
  mw_finding_found(finding, "%s, %s, is forbidden%s%s%s", path, questions[question].gives,
                   *answer->said ? ": " : "", answer->said,
                   finding->lost_others || question == METRICS ? ""
                                                               : "; cgroups give the same here");
  cure_right(finding, path, answer->said);
}

/* ---- All of it ---- */

static void ask_all(struct mw_kubelet *kubelet, struct replies *replies)
{
  for (size_t i = 0; i < QUESTIONS_COUNT; i++) {
    replies->rc[i] = mw_kubelet_try(kubelet, questions[i].path, INT64_MAX, &replies->answer[i],
                                    &replies->err[i]);
    if (i == PODS && replies->answer[i].status == 0)
      return; /* nobody is there, and waiting two more times tells no more */
  }
}

static void look_at(struct mw_doctor *doctor, struct mw_kubelet *kubelet, bool is_recorded)
{
  struct replies *replies = calloc(1, sizeof *replies);

  if (!replies)
    return;
  ask_all(kubelet, replies);
  if (check_address(doctor, kubelet, replies)) {
    check_tls(doctor, kubelet, is_recorded);
    if (check_identity(doctor, kubelet, replies))
      for (size_t i = 0; i < QUESTIONS_COUNT; i++)
        check_right(doctor, i, replies);
  }
  free(replies);
}

void mw_doctor_check_kubelet(struct mw_doctor *doctor, const struct mw_kubelet_config *config)
{
  char account_dir[PATH_MAX];
  struct mw_kubelet_config kubelet_config = *config;
  struct mw_error err;

  if (!mw_kubelet_is_configured(config))
    return;
  if (!kubelet_config.service_account_dir &&
      mw_kubelet_service_account(doctor->host_root, account_dir))
    kubelet_config.service_account_dir = account_dir;
  struct mw_kubelet *kubelet = mw_kubelet_new(&kubelet_config, &err);
  if (kubelet) {
    look_at(doctor, kubelet, config->recorded_dir != NULL);
  } else {
    struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_WARN, "kubelet");
    finding->lost_others = POD_FACTS;
    mw_finding_found(finding, "%s", err.text);
  }
  mw_kubelet_free(kubelet);
}
