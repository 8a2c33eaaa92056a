/* The members of the API's Pod, each table in the order in which kubelets write them. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "kubelet/pods.h"

/* ---- Resources, ports, environment ---- */

static const struct mw_member resources_members[] = {
    MW_MEMBER("cpu", CPU, struct mw_kubelet_resources, cpu_nanocores),
    MW_MEMBER("memory", BYTES, struct mw_kubelet_resources, memory_bytes),
};
static const struct mw_shape resources_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_resources), resources_members, .finish = NULL);

static const struct mw_member requirements_members[] = {
    MW_MEMBER_OF("limits", PART, struct mw_kubelet_container_spec, limits, resources_shape),
    MW_MEMBER_OF("requests", PART, struct mw_kubelet_container_spec, requests, resources_shape),
};
static const struct mw_shape requirements_shape = MW_SHAPE(0, requirements_members, .finish = NULL);

static const struct mw_member port_members[] = {
    MW_MEMBER("name", TEXT, struct mw_kubelet_port, name),
    MW_MEMBER("hostPort", INTEGER, struct mw_kubelet_port, host_number),
    MW_MEMBER("containerPort", INTEGER, struct mw_kubelet_port, number),
    MW_MEMBER("protocol", TEXT, struct mw_kubelet_port, protocol),
    MW_MEMBER("hostIP", TEXT, struct mw_kubelet_port, host_ip),
};
static const struct mw_shape port_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_port), port_members, .finish = NULL);

static int finish_reference(struct mw_decoder *decoder, void *owner, void *record,
                            struct mw_error *err)
{
  struct mw_kubelet_variable *variable = record;

  (void)decoder;
  (void)owner;
  (void)err;
  variable->from_reference = true;
  return 0;
}

static const struct mw_member no_members[1]; /* what is inside is skipped */
static const struct mw_shape reference_shape = {.members = no_members, .finish = finish_reference};

static int finish_variable(struct mw_decoder *decoder, void *owner, void *record,
                           struct mw_error *err)
{
  const struct mw_kubelet_variable *variable = record;

  (void)owner;
  (void)err;
  return mw_decoder_require(decoder, variable->name, "a variable without a name");
}

static const struct mw_member variable_members[] = {
    MW_MEMBER("name", TEXT, struct mw_kubelet_variable, name),
    MW_MEMBER("value", TEXT, struct mw_kubelet_variable, value),
    MW_MEMBER_HERE("valueFrom", reference_shape),
};
static const struct mw_shape variable_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_variable), variable_members, .finish = finish_variable);

/* ---- Containers as wanted ---- */

static int finish_spec(struct mw_decoder *decoder, void *owner, void *record, struct mw_error *err)
{
  const struct mw_kubelet_container_spec *spec = record;

  (void)owner;
  (void)err;
  return mw_decoder_require(decoder, spec->name, "a container without a name");
}

static const struct mw_member container_members[] = {
    MW_MEMBER("name", TEXT, struct mw_kubelet_container_spec, name),
    MW_MEMBER("image", TEXT, struct mw_kubelet_container_spec, image),
    MW_MEMBER_LIST_OF("ports", struct mw_kubelet_container_spec, ports, port_shape, .max = 0),
    MW_MEMBER_LIST_OF("env", struct mw_kubelet_container_spec, env, variable_shape, .max = 0),
    MW_MEMBER_HERE("resources", requirements_shape),
    MW_MEMBER("restartPolicy", TEXT, struct mw_kubelet_container_spec, restart_policy),
};
static const struct mw_shape container_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_container_spec), container_members, .finish = finish_spec);

/* ---- Containers as they are ---- */

static int finish_running(struct mw_decoder *decoder, void *owner, void *record,
                          struct mw_error *err)
{
  (void)decoder;
  (void)owner;
  (void)err;
  ((struct mw_kubelet_state *)record)->kind = MW_KUBELET_RUNNING;
  return 0;
}

static int finish_waiting(struct mw_decoder *decoder, void *owner, void *record,
                          struct mw_error *err)
{
  (void)decoder;
  (void)owner;
  (void)err;
  ((struct mw_kubelet_state *)record)->kind = MW_KUBELET_WAITING;
  return 0;
}

static int finish_terminated(struct mw_decoder *decoder, void *owner, void *record,
                             struct mw_error *err)
{
  (void)decoder;
  (void)owner;
  (void)err;
  ((struct mw_kubelet_state *)record)->kind = MW_KUBELET_TERMINATED;
  return 0;
}

static const struct mw_member running_members[] = {
    MW_MEMBER("startedAt", TIME, struct mw_kubelet_state, started_ns),
};
static const struct mw_shape running_shape = MW_SHAPE(0, running_members, .finish = finish_running);

static const struct mw_member waiting_members[] = {
    MW_MEMBER("reason", TEXT, struct mw_kubelet_state, reason),
    MW_MEMBER("message", TEXT, struct mw_kubelet_state, message),
};
static const struct mw_shape waiting_shape = MW_SHAPE(0, waiting_members, .finish = finish_waiting);

static const struct mw_member terminated_members[] = {
    MW_MEMBER("exitCode", INTEGER, struct mw_kubelet_state, exit_code),
    MW_MEMBER("signal", INTEGER, struct mw_kubelet_state, signal),
    MW_MEMBER("reason", TEXT, struct mw_kubelet_state, reason),
    MW_MEMBER("message", TEXT, struct mw_kubelet_state, message),
    MW_MEMBER("startedAt", TIME, struct mw_kubelet_state, started_ns),
    MW_MEMBER("finishedAt", TIME, struct mw_kubelet_state, finished_ns),
};
static const struct mw_shape terminated_shape =
    MW_SHAPE(0, terminated_members, .finish = finish_terminated);

static const struct mw_member state_members[] = {
    MW_MEMBER_HERE("waiting", waiting_shape),
    MW_MEMBER_HERE("running", running_shape),
    MW_MEMBER_HERE("terminated", terminated_shape),
};
static const struct mw_shape state_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_state), state_members, .finish = NULL);

static const struct mw_member status_members[] = {
    MW_MEMBER("name", TEXT, struct mw_kubelet_container_status, name),
    MW_MEMBER_OF("state", PART, struct mw_kubelet_container_status, state, state_shape),
    MW_MEMBER_OF("lastState", PART, struct mw_kubelet_container_status, last_state, state_shape),
    MW_MEMBER("ready", ANSWER, struct mw_kubelet_container_status, ready),
    MW_MEMBER("restartCount", INTEGER, struct mw_kubelet_container_status, restarts_count),
    MW_MEMBER("image", TEXT, struct mw_kubelet_container_status, image),
    MW_MEMBER("imageID", TEXT, struct mw_kubelet_container_status, image_id),
    MW_MEMBER("containerID", TEXT, struct mw_kubelet_container_status, id),
    MW_MEMBER("started", ANSWER, struct mw_kubelet_container_status, started),
};
static const struct mw_shape status_shape = MW_SHAPE(
    sizeof(struct mw_kubelet_container_status), status_members, .finish = mw_kubelet_finish_status);

/* ---- Metadata ---- */

static const struct mw_member owner_members[] = {
    MW_MEMBER("kind", TEXT, struct mw_kubelet_owner, kind),
    MW_MEMBER("name", TEXT, struct mw_kubelet_owner, name),
    MW_MEMBER("uid", TEXT, struct mw_kubelet_owner, uid),
    MW_MEMBER("controller", ANSWER, struct mw_kubelet_owner, controller),
};
static const struct mw_shape owner_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_owner), owner_members, .finish = NULL);

static const struct mw_member metadata_members[] = {
    MW_MEMBER("name", TEXT, struct mw_kubelet_pod, name),
    MW_MEMBER("namespace", TEXT, struct mw_kubelet_pod, namespace_),
    MW_MEMBER("uid", TEXT, struct mw_kubelet_pod, uid),
    MW_MEMBER("creationTimestamp", TIME, struct mw_kubelet_pod, created_ns),
    MW_MEMBER("deletionTimestamp", TIME, struct mw_kubelet_pod, deleted_ns),
    MW_MEMBER("labels", MAP, struct mw_kubelet_pod, labels),
    MW_MEMBER("annotations", MAP, struct mw_kubelet_pod, annotations),
    MW_MEMBER_LIST_OF("ownerReferences", struct mw_kubelet_pod, owners, owner_shape, .max = 0),
};
static const struct mw_shape metadata_shape = MW_SHAPE(0, metadata_members, .finish = NULL);

/* ---- Spec ---- */

static const struct mw_member claim_members[] = {
    MW_MEMBER("claimName", TEXT, struct mw_kubelet_pod_volume, claim_name),
};
static const struct mw_shape claim_shape = MW_SHAPE(0, claim_members, .finish = NULL);

static const struct mw_member volume_members[] = {
    MW_MEMBER("name", TEXT, struct mw_kubelet_pod_volume, name),
    MW_MEMBER_HERE("persistentVolumeClaim", claim_shape),
};
static const struct mw_shape volume_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_pod_volume), volume_members, .finish = NULL);

static const struct mw_member security_members[] = {
    MW_MEMBER("runAsUser", INTEGER, struct mw_kubelet_pod, run_as_user),
    MW_MEMBER("runAsGroup", INTEGER, struct mw_kubelet_pod, run_as_group),
    MW_MEMBER("fsGroup", INTEGER, struct mw_kubelet_pod, fs_group),
};
static const struct mw_shape security_shape = MW_SHAPE(0, security_members, .finish = NULL);

/* One more than a pod may have tells that it has too many. The arguments are names of members,
 * which no parentheses may enclose. NOLINTBEGIN(bugprone-macro-parentheses) */
#define CONTAINERS_OF(name, field, kind, shape_)                                                   \
  MW_MEMBER_LIST_OF(name, struct mw_kubelet_pod, field[kind], shape_,                              \
                    .count_offset = offsetof(struct mw_kubelet_pod, field##_count[kind]),          \
                    .max = MW_KUBELET_POD_CONTAINERS_MAX + 1)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct mw_member spec_members[] = {
    MW_MEMBER_LIST_OF("volumes", struct mw_kubelet_pod, volumes, volume_shape, .max = 0),
    CONTAINERS_OF("initContainers", specs, MW_KUBELET_INIT, container_shape),
    CONTAINERS_OF("containers", specs, MW_KUBELET_REGULAR, container_shape),
    CONTAINERS_OF("ephemeralContainers", specs, MW_KUBELET_EPHEMERAL, container_shape),
    MW_MEMBER("serviceAccountName", TEXT, struct mw_kubelet_pod, service_account),
    MW_MEMBER("nodeName", TEXT, struct mw_kubelet_pod, node_name),
    MW_MEMBER("hostNetwork", ANSWER, struct mw_kubelet_pod, host_network),
    MW_MEMBER_HERE("securityContext", security_shape),
    MW_MEMBER("priorityClassName", TEXT, struct mw_kubelet_pod, priority_class),
    MW_MEMBER("runtimeClassName", TEXT, struct mw_kubelet_pod, runtime_class),
};
static const struct mw_shape spec_shape = MW_SHAPE(0, spec_members, .finish = NULL);

/* ---- Status ---- */

struct condition {
  struct condition *next;
  const char *type, *status;
};

/* Of all conditions one is needed, and none is kept. */
static int finish_condition(struct mw_decoder *decoder, void *owner, void *record,
                            struct mw_error *err)
{
  const struct condition *condition = record;
  struct mw_kubelet_pod *pod = owner;

  (void)decoder;
  (void)err;
  if (condition->type && strcmp(condition->type, "Ready") == 0)
    pod->condition_ready = condition->status && strcmp(condition->status, "True") == 0
                               ? MW_KUBELET_YES
                               : MW_KUBELET_NO;
  return MW_LEAVE_OUT;
}

static const struct mw_member condition_members[] = {
    MW_MEMBER("type", TEXT, struct condition, type),
    MW_MEMBER("status", TEXT, struct condition, status),
};
static const struct mw_shape condition_shape =
    MW_SHAPE(sizeof(struct condition), condition_members, .finish = finish_condition);

static int finish_address(struct mw_decoder *decoder, void *owner, void *record,
                          struct mw_error *err)
{
  const struct mw_kubelet_address *address = record;

  (void)owner;
  (void)err;
  return mw_decoder_require(decoder, address->ip, "an address without ip");
}

static const struct mw_member address_members[] = {
    MW_MEMBER("ip", TEXT, struct mw_kubelet_address, ip),
};
static const struct mw_shape address_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_address), address_members, .finish = finish_address);

static const struct mw_member pod_status_members[] = {
    MW_MEMBER("phase", TEXT, struct mw_kubelet_pod, phase),
    /* Nothing goes to where this points: the pod's own place in its list, still empty. */
    MW_MEMBER_LIST_OF("conditions", struct mw_kubelet_pod, next, condition_shape, .max = 0),
    MW_MEMBER("reason", TEXT, struct mw_kubelet_pod, reason),
    MW_MEMBER("hostIP", TEXT, struct mw_kubelet_pod, host_ip),
    MW_MEMBER("podIP", TEXT, struct mw_kubelet_pod, ip),
    MW_MEMBER_LIST_OF("podIPs", struct mw_kubelet_pod, ips, address_shape, .max = 0),
    MW_MEMBER("startTime", TIME, struct mw_kubelet_pod, started_ns),
    CONTAINERS_OF("initContainerStatuses", statuses, MW_KUBELET_INIT, status_shape),
    CONTAINERS_OF("containerStatuses", statuses, MW_KUBELET_REGULAR, status_shape),
    MW_MEMBER("qosClass", TEXT, struct mw_kubelet_pod, qos_class),
    CONTAINERS_OF("ephemeralContainerStatuses", statuses, MW_KUBELET_EPHEMERAL, status_shape),
};
static const struct mw_shape pod_status_shape = MW_SHAPE(0, pod_status_members, .finish = NULL);

/* ---- The list ---- */

static const struct mw_member pod_members[] = {
    MW_MEMBER_HERE("metadata", metadata_shape),
    MW_MEMBER_HERE("spec", spec_shape),
    MW_MEMBER_HERE("status", pod_status_shape),
};

/* It decodes as a pod without anything, which has expired. */
static void count_null(void *owner)
{
  struct mw_kubelet_pods_result *result = owner;

  result->list.null_count++;
  if (result->pod_expiry_ns > 0)
    result->list.expired_count++;
}

static const struct mw_shape pod_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_pod), pod_members, .finish = mw_kubelet_finish_pod,
             .null_element = count_null);

static const struct mw_member pods_members[] = {
    MW_MEMBER_LIST_OF("items", struct mw_kubelet_pods_result, list.pods, pod_shape, .must_be = true,
                      .null_fails = true,
                      .count_offset = offsetof(struct mw_kubelet_pods_result, list.count)),
};

const struct mw_shape mw_kubelet_pods_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_pods_result), pods_members, .finish = NULL);

/* ---- Annotation kubernetes.io/created-by ---- */

struct created_by {
  const char *kind;
  struct mw_kubelet_owner owner;
};

static const struct mw_shape created_by_owner_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_owner), owner_members, .finish = NULL);

static const struct mw_member created_by_members[] = {
    MW_MEMBER("kind", TEXT, struct created_by, kind),
    MW_MEMBER_OF("reference", PART, struct created_by, owner, created_by_owner_shape),
};
static const struct mw_shape created_by_shape =
    MW_SHAPE(sizeof(struct created_by), created_by_members, .finish = NULL);

static bool is_reference(const struct created_by *created_by)
{
  return created_by->kind && strcmp(created_by->kind, "SerializedReference") == 0 &&
         created_by->owner.name;
}

int mw_kubelet_parse_created_by(const char *text, struct mw_arena *arena,
                                struct mw_kubelet_owner **out, struct mw_error *err)
{
  struct mw_arena_mark mark = mw_arena_mark(arena);
  struct mw_kubelet_oddities unheard = {0};
  struct created_by *created_by = mw_arena_take(arena, sizeof *created_by, err);
  struct mw_decoder *decoder =
      created_by ? mw_decoder_new(&(struct mw_decoder_config){.shape = &created_by_shape,
                                                              .root = created_by,
                                                              .arena = arena,
                                                              .oddities = &unheard,
                                                              .noun = "reference"},
                                  err)
                 : NULL;
  if (!decoder)
    return -err->code;
  int rc = mw_decoder_feed(decoder, (struct mw_slice){text, strlen(text)}, err);
  if (rc == 0)
    rc = mw_decoder_finish(decoder, err);
  mw_decoder_free(decoder);
  *out = rc == 0 && is_reference(created_by) ? &created_by->owner : NULL;
  if (!*out)
    mw_arena_rewind(arena, mark);
  return rc == -ENOMEM || rc == -EMSGSIZE ? rc : 0;
}
